package command

import (
	"crypto/ed25519"
	"fmt"
	"os"
	"path/filepath"

	"github.com/berth-iac/berth/promises/evidence"
	"github.com/berth-iac/berth/promises/evidence/ocsf"
	"github.com/berth-iac/berth/promises/evidence/oscal"
	"github.com/berth-iac/berth/promises/evidence/render"
)

// evidenceFile is one file of a folder of evidence.
type evidenceFile struct {
	name, purpose string
	text          []byte
}

// writeEvidence writes a document in all its forms. The signature comes last: a folder that has one is whole.
func writeEvidence(doc *evidence.Document, key ed25519.PrivateKey, folder string) ([]evidenceFile, error) {
	text, err := doc.Encode()
	if err != nil {
		return nil, err
	}
	signature, err := evidence.Sign(text, key)
	if err != nil {
		return nil, err
	}
	public, err := evidence.EncodePublicKey(key.Public().(ed25519.PublicKey))
	if err != nil {
		return nil, err
	}
	files := []evidenceFile{{"evidence.json", "the evidence itself; the other forms are made of it", text}}
	forms, err := renderings(doc, text)
	if err != nil {
		return nil, err
	}
	files = append(files, forms...)
	files = append(files, evidenceFile{"evidence.pub", "the public key that it was signed with", public},
		evidenceFile{"evidence.json" + evidence.Extension, "the signature over evidence.json", signature})
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, fmt.Errorf("make the folder of the evidence: %w", err)
	}
	stale := filepath.Join(folder, "evidence.json"+evidence.Extension)
	if err := os.Remove(stale); err != nil && !os.IsNotExist(err) {
		return nil, fmt.Errorf("remove the signature of older evidence: %w", err)
	}
	for _, file := range files {
		if err := replaceFile(filepath.Join(folder, file.name), file.text); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// replaceFile writes a file in one piece: whoever reads it finds the old text or the new one.
func replaceFile(path string, text []byte) error {
	next, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer os.Remove(next.Name()) //nolint:errcheck // it is gone once it is renamed
	_, err = next.Write(text)
	if err == nil {
		err = next.Chmod(0o644)
	}
	if closeErr := next.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(next.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// renderings are the other forms of a document.
func renderings(doc *evidence.Document, text []byte) ([]evidenceFile, error) {
	options := render.Options{Now: doc.Made, JSON: text, Name: "evidence.json"}
	var files []evidenceFile
	for _, form := range []struct {
		name, purpose string
		write         func() ([]byte, error)
	}{
		{"evidence.html", "a page to hand to the client's auditor; it asks the network for nothing", func() ([]byte, error) { return render.HTML(doc, options) }},
		{"evidence.md", "the same as Markdown", func() ([]byte, error) { return render.Markdown(doc, options) }},
		{"evidence.csv", "one line a promise and control", func() ([]byte, error) { return render.StandingCSV(doc, doc.Made) }},
		{"oscal-assessment-results.json", "OSCAL assessment results", func() ([]byte, error) { return oscal.Results(doc, doc.Made) }},
		{"ocsf-compliance-findings.json", "OCSF compliance findings", func() ([]byte, error) { return ocsf.Findings(doc, doc.Made) }},
		{"findings.csv", "one line for everything that was looked at", func() ([]byte, error) { return render.FindingsCSV(doc) }},
	} {
		out, err := form.write()
		if err != nil {
			return nil, err
		}
		files = append(files, evidenceFile{form.name, form.purpose, out})
	}
	return files, nil
}
