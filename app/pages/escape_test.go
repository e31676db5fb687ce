package pages_test

import (
	"fmt"
	"html/template"
	"reflect"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/berth-iac/berth/app/pages"
	"github.com/berth-iac/berth/app/pages/pagestest"
)

// corpus is what somebody may write into any text.
var corpus = []string{
	`<script>alert(1)</script>`,
	`"><img src=x onerror=alert(1)>`,
	`'><svg/onload=alert(1)>`,
	`" onmouseover="alert(1)" x="`,
	`' autofocus onfocus='alert(1)`,
	`javascript:alert(1)`,
	` JaVaScRiPt:alert(1)`,
	`data:text/html,<script>alert(1)</script>`,
	`//evil.example/x`,
	`https://evil.example/x`,
	`/\evil.example`,
	`{{7*7}}${7*7}<%= 7*7 %>#{7*7}`,
	`</title></textarea></select></style></script><img src=x onerror=alert(1)>`,
	`--><!--<img src=x onerror=alert(1)>-->`,
	"`onerror=alert(1)`",
	`&lt;script&gt;alert(1)&lt;/script&gt;`,
	"x\r\nSet-Cookie: a=b\r\n\r\n<b>",
	`style="background:url(//evil.example)"`,
	`hx-on:click="alert(1)" hx-get="//evil.example"`,
	"\x00<\x00script>alert(1)</script>",
	"\u2028\u2029\u202e<b>\ufeff",
	`{"a":"</script>"}`,
	`%3Cscript%3E..%2f..%2fetc`,
	`../../sign-out?x=1#y`,
}

var safeHTML = reflect.TypeFor[template.HTML]()

// filled is a copy of v with every string in it replaced. Only the field for sanitised Markdown is left alone: what stands
// there is the markdown package's to answer for.
func filled(v reflect.Value, with string) reflect.Value {
	c := reflect.New(v.Type()).Elem()
	c.Set(v)
	if v.Type() == safeHTML {
		return c
	}
	switch v.Kind() {
	case reflect.String:
		c.SetString(with)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				c.Field(i).Set(filled(v.Field(i), with))
			}
		}
	case reflect.Slice:
		if v.IsNil() {
			return c
		}
		c.Set(reflect.MakeSlice(v.Type(), v.Len(), v.Len()))
		for i := range v.Len() {
			c.Index(i).Set(filled(v.Index(i), with))
		}
	case reflect.Pointer:
		if v.IsNil() || v.Type().Elem().PkgPath() == "time" {
			return c
		}
		c.Set(reflect.New(v.Type().Elem()))
		c.Elem().Set(filled(v.Elem(), with))
	}
	return c
}

// skeleton is a page without its words: elements and the names of their attributes.
func skeleton(root *html.Node) []string {
	var all []string
	walk(root, func(n *html.Node) {
		names := []string{n.Data}
		for _, a := range n.Attr {
			names = append(names, a.Key)
		}
		all = append(all, strings.Join(names, " "))
	})
	return all
}

// Whatever is written into whatever text, the page stays the same page: no element and no attribute more (AS-2).
func TestAS2_EveryTextOfEveryPageIsEscaped(t *testing.T) {
	for _, sample := range pagestest.All() {
		t.Run(sample.Name, func(t *testing.T) {
			_, harmless := render(t, filled(reflect.ValueOf(sample.Page), "harmless").Interface().(pages.Page))
			want := skeleton(harmless)
			for _, hostile := range corpus {
				source, root := render(t, filled(reflect.ValueOf(sample.Page), hostile).Interface().(pages.Page))
				got := skeleton(root)
				if !slices.Equal(got, want) {
					t.Fatalf("%q changes the page: %s", hostile, firstDifference(got, want))
				}
				walk(root, func(n *html.Node) {
					for _, a := range n.Attr {
						if slices.Contains(urlAttributes, a.Key) && outward(a.Val) {
							t.Errorf("%q leads outward: <%s %s=%q>", hostile, n.Data, a.Key, a.Val)
						}
						if a.Key == "action" && (strings.ContainsAny(a.Val, "?#") || strings.Contains(a.Val, "/..") || strings.Count(a.Val, "/") > 5) {
							t.Errorf("%q changes where a form goes: %q", hostile, a.Val)
						}
					}
				})
				if strings.Contains(hostile, "{{7*7}}") && strings.Contains(source, "49") && !strings.Contains(source, "7*7") {
					t.Errorf("%q is evaluated", hostile)
				}
			}
		})
	}
}

func firstDifference(got, want []string) string {
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			return fmt.Sprintf("element %d is <%s>, not <%s>", i, got[i], want[i])
		}
	}
	return fmt.Sprintf("%d elements, not %d", len(got), len(want))
}

// The test above sees every struct of a page: none is missing from the samples.
func TestEveryPageHasASample(t *testing.T) {
	seen := map[string]bool{}
	for _, sample := range pagestest.All() {
		seen[reflect.TypeOf(sample.Page).Name()] = true
	}
	for _, page := range []pages.Page{
		pages.SignIn{}, pages.SecondFactor{}, pages.RecoveryCode{}, pages.Forgotten{}, pages.SetPassword{}, pages.LinkExpired{}, pages.SecondFactorSetup{}, pages.RecoveryCodes{}, pages.Confirm{}, pages.Failure{},
		pages.Home{}, pages.Activity{}, pages.Notifications{}, pages.Search{}, pages.Projects{}, pages.ProjectEdit{}, pages.Board{}, pages.MoveTask{}, pages.TaskList{}, pages.Task{}, pages.TaskEdit{}, pages.CommentEdit{},
		pages.Rules{}, pages.RuleEdit{}, pages.People{}, pages.Invite{}, pages.Teams{}, pages.TeamEdit{}, pages.Profile{}, pages.Appearance{}, pages.PasswordChange{}, pages.FactorStatus{}, pages.Sessions{}, pages.Tokens{},
		pages.NotificationChoices{}, pages.ClientSettings{}, pages.AuditLog{}, pages.Security{}, pages.Data{}, pages.ImportPreview{},
	} {
		if name := reflect.TypeOf(page).Name(); !seen[name] {
			t.Errorf("%s has no sample", name)
		}
		render(t, page) // and none needs anything to be filled in
	}
}

// A mail is inert, too, and nobody writes a header or a paragraph of their own into it.
func TestAS2_EveryTextOfEveryMailIsEscaped(t *testing.T) {
	for _, mail := range pagestest.Mails() {
		t.Run(reflect.TypeOf(mail).Name(), func(t *testing.T) {
			harmless, err := pages.Compose(filled(reflect.ValueOf(mail), "harmless").Interface().(pages.Mail))
			if err != nil {
				t.Fatal(err)
			}
			_, root := parse(t, harmless.HTML)
			want := skeleton(root)
			for _, hostile := range append(corpus, "\r\nBcc: all@evil.example\r\n\r\nbody", strings.Repeat("long ", 1000)) {
				got, err := pages.Compose(filled(reflect.ValueOf(mail), hostile).Interface().(pages.Mail))
				if err != nil {
					t.Fatal(err)
				}
				_, root := parse(t, got.HTML)
				if now := skeleton(root); !slices.Equal(now, want) {
					t.Errorf("%q changes the mail: %s", hostile, firstDifference(now, want))
				}
				walk(root, func(n *html.Node) {
					if href := val(n, "href"); n.Data == "a" && href != "#" && !strings.HasPrefix(href, "https://evil.example/") { // a link is given as a whole; only its scheme is checked here
						t.Errorf("%q leads to %q", hostile, href)
					}
				})
				if strings.ContainsAny(got.Subject, "\r\n\x00") || len([]rune(got.Subject)) > 150 {
					t.Errorf("the subject is %q", got.Subject)
				}
				if lines, most := strings.Count(got.Text, "\n"), strings.Count(harmless.Text, "\n"); lines != most {
					t.Errorf("%q makes %d lines of text, not %d", hostile, lines, most)
				}
			}
		})
	}
}

func TestMailsCarryTheirLinks(t *testing.T) {
	for _, mail := range pagestest.Mails() {
		message, err := pages.Compose(mail)
		if err != nil {
			t.Fatal(err)
		}
		if message.Subject == "" || !strings.Contains(message.Text, "https://marlow.example.org/") || !strings.Contains(message.HTML, `href="https://marlow.example.org/`) {
			t.Errorf("%T: %+v", mail, message)
		}
		if strings.Contains(message.Text, "&amp;") || strings.Contains(message.Text, "<") || strings.Contains(message.HTML, "<img") || strings.Contains(message.HTML, "style=") {
			t.Errorf("%T is not plain enough", mail)
		}
	}
}
