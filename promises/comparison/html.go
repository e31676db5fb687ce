package comparison

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // the page's parts
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"unicode"
	"unicode/utf8"
)

//go:embed page.html.tmpl
var pageTemplate string

//go:embed page.css
var pageCSS string

// HTML writes the comparison as one page that asks the network for nothing. It looks as the page of evidence
// does.
func (c *Comparison) HTML(w io.Writer) error {
	page, err := template.New("page").Funcs(functions()).Parse(pageTemplate)
	if err != nil {
		return fmt.Errorf("write the comparison as HTML: %w", err)
	}
	var b bytes.Buffer // so that no page is half written
	err = page.Execute(&b, struct {
		Kinds    []Kind
		Sections []section
		Proofs   string
	}{c.Kinds, c.sections(), c.proofNote()})
	if err != nil {
		return fmt.Errorf("write the comparison as HTML: %w", err)
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("write the comparison as HTML: %w", err)
	}
	return nil
}

// policy lets the page's own style in, by its hash, and nothing else.
func policy() string {
	sum := sha256.Sum256([]byte(pageCSS))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'"
}

func functions() template.FuncMap {
	return template.FuncMap{
		"policy": policy, "css": func() template.CSS { return template.CSS(pageCSS) },
		"keepers": Keepers, "sign": Keeper.sign, "proofs": Row.proofs, "title": capital,
		"class": func(k Keeper) string {
			return map[Keeper]string{We: "we", Shared: "shared", InPart: "part", You: "you", NotOffered: "no"}[k]
		},
		"words": func() map[string]string {
			return map[string]string{"Title": title, "Lead": lead, "You": youTitle, "Note": companyNote, "Limits": limitsTitle}
		},
	}
}

// capital is text that begins with a capital letter.
func capital(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[size:]
}
