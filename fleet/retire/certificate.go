package retire

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // the page's parts
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"time"
)

// CertificateFormat names the form of a certificate.
const CertificateFormat = "berth.deletion/1"

// Certificate says that what a client had was deleted, and what remains.
type Certificate struct {
	Format string    `json:"format"`
	Made   time.Time `json:"made"`
	// Signer is the fingerprint of the key that the certificate is signed with.
	Signer string `json:"signer"`
	// Statement says plainly what is certified.
	Statement string      `json:"statement"`
	Stack     string      `json:"stack"`
	Client    string      `json:"client"`
	Display   string      `json:"displayName"`
	Kind      string      `json:"kind"`
	Where     string      `json:"where"`
	Cloud     string      `json:"cloud"`
	Reason    string      `json:"reason"`
	Began     time.Time   `json:"began"`
	Steps     []Done      `json:"steps"`
	Resources []Resource  `json:"resources"`
	Remains   []Remaining `json:"remains"`
}

// Certificate of a record in which everything was deleted.
func (r *Record) Certificate(signer string, now time.Time) (*Certificate, error) {
	if !r.Is(Destroy) || !r.Is(Orphans) {
		return nil, errors.New("write the certificate of deletion: not everything is deleted yet")
	}
	deleted := 0
	for _, one := range r.Resources {
		if one.Deleted != nil {
			deleted++
		}
	}
	c := &Certificate{
		Format: CertificateFormat, Made: now.UTC().Truncate(time.Second), Signer: signer, Stack: r.Stack, Client: r.Client, Display: r.DisplayName, Kind: r.Kind,
		Where: r.Where, Cloud: r.Cloud, Reason: r.Reason, Began: r.Began, Steps: r.Steps, Resources: r.Resources, Remains: r.Remains,
	}
	c.Statement = fmt.Sprintf("Resources of stack %s that were deleted for %s: %d of %d.", r.Stack, r.DisplayName, deleted, len(r.Resources))
	if n := len(r.Remains); n > 0 {
		c.Statement += fmt.Sprintf(" What remains for a time, or until somebody removes it, is listed with its reason: %d.", n)
	}
	if r.Cloud == "embedded" {
		c.Statement += " They were resources of the embedded cloud, on one machine: this certificate is a rehearsal and says nothing of any real cloud."
	}
	return c, nil
}

// Encode writes the certificate as JSON: these bytes are what is signed.
func (c *Certificate) Encode() ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(c); err != nil {
		return nil, fmt.Errorf("write the certificate of deletion: %w", err)
	}
	return b.Bytes(), nil
}

//go:embed certificate.html.tmpl
var page string

//go:embed certificate.css
var style string

// HTML is the page for the client. It asks the network for nothing, and runs nothing.
func (c *Certificate) HTML() ([]byte, error) {
	sum := sha256.Sum256([]byte(style))
	t, err := template.New("certificate").Funcs(template.FuncMap{
		"css": func() template.CSS { return template.CSS(style) }, //nolint:gosec // it is part of this program
		"policy": func() string {
			return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'"
		},
		"time":   func(t time.Time) string { return t.UTC().Format("2 January 2006 15:04:05 MST") },
		"moment": func(t *time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") },
		"means":  func(s Step) string { return s.Means() },
	}).Parse(page)
	if err != nil {
		return nil, fmt.Errorf("write the certificate of deletion: %w", err)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, c); err != nil {
		return nil, fmt.Errorf("write the certificate of deletion: %w", err)
	}
	return b.Bytes(), nil
}
