package evidence

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// Encode is the document as its file holds it: indented JSON that ends with a newline. The same document gives the same
// bytes, and Decode gives the document back.
func (d *Document) Encode() ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(d); err != nil {
		return nil, fmt.Errorf("encode evidence: %w", err)
	}
	return b.Bytes(), nil
}

// remake is what mends a damaged document.
const remake = "evidence is not written by hand: fetch the file again, or make it anew with `berth evidence <stack>`"

// Decode reads a document. It refuses what this release does not know, what is missing, and what contradicts itself, and
// names every place. It does not look at signatures: Verify does.
func Decode(text []byte) (*Document, error) {
	root, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("read evidence: %w; %s", err, remake)
	}
	if err := root.format(); err != nil {
		return nil, fmt.Errorf("read evidence: %w", err)
	}
	d := &Document{}
	if err := root.fits(d); err != nil {
		return nil, fmt.Errorf("read evidence: %w\n%s", err, remake)
	}
	if err := json.Unmarshal(text, d); err != nil {
		return nil, fmt.Errorf("read evidence: %w; %s", err, remake)
	}
	if err := d.check(); err != nil {
		return nil, fmt.Errorf("read evidence: %w\n%s", err, remake)
	}
	return d, nil
}

// format tells whether this release knows the document's form; without that nothing else can be said of it.
func (n node) format() error {
	if n.kind != anObject {
		return errors.New("the file is JSON but no evidence: it holds " + string(n.kind) + ", not an object; " + remake)
	}
	format, named := n.member("format")
	switch {
	case !named || format.kind != aText:
		return fmt.Errorf("format: the file does not say that it is evidence; a document says %q; %s", Format, remake)
	case format.text != Format:
		return fmt.Errorf("format: the file is in form %q, this release reads %q; read it with the release of Berth that made it, or make it anew with `berth evidence <stack>`", format.text, Format)
	}
	return nil
}
