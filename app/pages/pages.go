// Package pages is the face of TaskFlow: view structs go in, HTML comes out. It holds the templates, the style sheet, the
// keyboard script and the icons. It knows no HTTP handler, no storage and no rule of who may do what: whoever fills a view
// struct has decided that already, and says so in its Can fields.
package pages

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io"
	"regexp"
	"strings"
	"sync"
)

// Page is one page: a view struct of this package.
type Page interface {
	about() about
	chrome() Chrome
}

// about is what the frame around a page has to know of it.
type about struct {
	template string // the name of its template
	title    string // for the browser's tab
	here     string // the entry of the navigation that leads here
	plain    bool   // without navigation: sign-in and the like
	wide     bool   // uses the whole width: the board
}

//go:embed templates
var templateFiles embed.FS

// templates are parsed once, when the first page is asked for; they never change afterwards.
var templates = sync.OnceValues(parse)

var (
	indent    = regexp.MustCompile(`\n\s+`)
	assetMark = regexp.MustCompile(`@asset\(([\w.-]+)\)`)
	iconMark  = regexp.MustCompile(`@icon\(([\w-]+)\)`)
	swapMark  = regexp.MustCompile(`@swap\(([\w-]+)\)`)
	// swapWords make htmx send a form and put only the element of that id, and the messages, in place.
	swapWords = `hx-boost="true" hx-target="#$1" hx-select="#$1" hx-swap="outerHTML" hx-select-oob="#flash" hx-push-url="false"`
	editMark  = regexp.MustCompile(`@edit\(([^)]+)\)`)
	// editWords make htmx fetch the form behind a link and put it where the text is.
	editWords   = `hx-boost="true" hx-target="$1" hx-select="#edit-form" hx-swap="innerHTML" hx-push-url="false"`
	iconPicture = `<svg class="icon" aria-hidden="true" focusable="false"><use href="@asset(icons.svg)#$1"></use></svg>`
)

// parse reads all templates into one set. Names of assets and icons are put in before parsing, so that they cost nothing
// when a page is made, and so is the taking out of indentation.
func parse() (*template.Template, error) {
	set := template.New("").Funcs(functions()).Option("missingkey=error")
	files, err := templateFiles.ReadDir("templates")
	if err != nil {
		return nil, fmt.Errorf("listing the templates: %w", err)
	}
	for _, file := range files {
		text, err := templateFiles.ReadFile("templates/" + file.Name())
		if err != nil {
			return nil, fmt.Errorf("reading template %s: %w", file.Name(), err)
		}
		source, err := prepare(string(text))
		if err != nil {
			return nil, fmt.Errorf("template %s: %w", file.Name(), err)
		}
		if _, err := set.New(file.Name()).Parse(source); err != nil {
			return nil, fmt.Errorf("parsing the templates: %w", err)
		}
	}
	return set, nil
}

// prepare puts the names of assets into a template's source.
func prepare(source string) (string, error) {
	var unknown []string
	source = iconMark.ReplaceAllString(indent.ReplaceAllString(source, "\n"), iconPicture)
	source = editMark.ReplaceAllString(source, editWords)
	source = swapMark.ReplaceAllString(source, swapWords)
	source = assetMark.ReplaceAllStringFunc(source, func(mark string) string {
		path := AssetPath(assetMark.FindStringSubmatch(mark)[1])
		if path == "" {
			unknown = append(unknown, mark)
		}
		return path
	})
	if len(unknown) > 0 {
		return "", fmt.Errorf("names assets that are not there: %s", strings.Join(unknown, ", "))
	}
	return source, nil
}

// frame is what the templates around a page's own see.
type frame struct {
	Chrome
	Title string
	Here  string
	Plain bool
	Wide  bool
}

var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// Render writes a whole page. It is made completely before the first byte is written: a failure leaves w untouched.
func Render(w io.Writer, page Page) error {
	a := page.about()
	f := frame{Chrome: page.chrome(), Title: a.title, Here: a.here, Plain: a.plain, Wide: a.wide}
	if f.User.ID == "" { // nobody is signed in: there is nothing to navigate to
		f.Plain = true
	}
	return write(w, []part{{"top", f}, {a.template, dataOf(page)}, {"bottom", f}})
}

// RenderPart writes only the part of a page that stands below the frame, and the messages above it: enough for a request
// of htmx, which picks the element that it replaces by its id out of what it gets, be it a part or a whole page.
func RenderPart(w io.Writer, page Page) error {
	f := frame{Chrome: page.chrome()}
	return write(w, []part{{"flash", f}, {page.about().template, dataOf(page)}})
}

// dataOf is what a page's template sees: the page, or what it has worked out beforehand.
func dataOf(page Page) any {
	if p, ahead := page.(interface{ ahead() any }); ahead {
		return p.ahead()
	}
	return page
}

type part struct {
	template string
	data     any
}

func write(w io.Writer, parts []part) error {
	set, err := templates()
	if err != nil {
		return err
	}
	buf := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(buf)
	buf.Reset()
	for _, p := range parts {
		if err := set.ExecuteTemplate(buf, p.template, p.data); err != nil {
			return fmt.Errorf("making the page from %s: %w", p.template, err)
		}
	}
	if _, err := w.Write(buf.Bytes()); err != nil {
		return fmt.Errorf("writing the page: %w", err)
	}
	return nil
}

// Check parses everything, for a start-up that would rather fail than serve half.
func Check() error {
	_, err := templates()
	return err
}
