package render

import (
	"fmt"
	"strings"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/evidence"
)

// Markdown is the document as GitHub-flavoured Markdown, as things stand at the time of the options.
func Markdown(d *evidence.Document, o Options) ([]byte, error) {
	v, err := newView(d, o)
	if err != nil {
		return nil, fmt.Errorf("write evidence as Markdown: %w", err)
	}
	m := &markdown{view: v}
	m.head()
	m.summary()
	m.promises()
	m.waivers()
	m.baseline()
	m.details()
	m.verify()
	return []byte(m.b.String()), nil
}

type markdown struct {
	*view
	b strings.Builder
}

func (m *markdown) line(format string, args ...any) {
	fmt.Fprintf(&m.b, format, args...)
	m.b.WriteByte('\n')
}

// row is a line of a table. The cells are Markdown already.
func (m *markdown) row(cells ...string) { m.line("| %s |", strings.Join(cells, " | ")) }

func (m *markdown) header(cells ...string) {
	m.line("")
	m.row(cells...)
	m.line("|%s", strings.Repeat(" --- |", len(cells)))
}

func (m *markdown) head() {
	s := m.Subject
	m.line("# %s", plain(m.Heading()))
	m.line("\nEvidence about the stack %s, made on %s.", plain(s.Stack), minute(m.Made))
	if s.Statement != "" {
		m.line("\n> **Embedded cloud.** %s", plain(s.Statement))
	}
	if m.Source.Statement != "" {
		m.line("\n> **Not deployed.** %s", plain(m.Source.Statement))
	}
	if m.Turned() {
		m.line("\n> **Part of this evidence is too old, or a waiver has ended.** What is marked below counts for nothing any more: ask for new evidence.")
	}
	var hosting []string
	for _, h := range s.Hosting {
		hosting = append(hosting, h.Title)
	}
	m.header("Subject", "")
	m.row("Name", plain(s.DisplayName)+" ("+plain(s.Name)+")")
	m.row("Hosting", plain(strings.Join(hosting, "; ")))
	if s.Environment != "" {
		m.row("Environment", plain(string(s.Environment)))
	}
	if s.Account != "" {
		m.row("AWS account", plain(s.Account))
	}
	if len(s.Regions) > 0 {
		m.row("Regions", plain(strings.Join(s.Regions, ", ")))
	}
	if len(s.Places) > 0 {
		var places []string
		for _, p := range s.Places {
			places = append(places, p.Text())
		}
		m.row("Places", plain(strings.Join(places, "; ")))
	}
	m.row("Looked at", fmt.Sprintf("%s, %s", count(m.Source.Resources, "resource", "resources"), count(m.Findings, "finding", "findings")))
	if state := m.Source.State; state != nil {
		m.row("State", fmt.Sprintf("update %d of %s, SHA-256 %s with secrets masked", state.Serial, minute(state.Updated), plain(state.SHA256)))
	}
	release := plain(m.Release.Version)
	if m.Release.Commit != "" {
		release += ", commit " + plain(m.Release.Commit)
	}
	m.row("Release of Berth", release)
}

func (m *markdown) summary() {
	m.line("\n## Summary\n\nAs of %s.", minute(m.Now))
	m.header("", "kept", "broken", "waived", "not shown", "stale", "client’s duty", "not applicable")
	for _, c := range []struct {
		what string
		evidence.Counts
	}{{"promises", m.Summaries[0].Promises}, {"baseline", m.Summaries[0].Baseline}} {
		m.row(fmt.Sprintf("%d %s", c.Total(), c.what), fmt.Sprint(c.Kept), fmt.Sprint(c.Broken), fmt.Sprint(c.Waived), fmt.Sprint(c.NotShown-c.Stale), fmt.Sprint(c.Stale),
			fmt.Sprint(c.ClientsDuty), fmt.Sprint(c.NotApplicable))
	}
}

func (m *markdown) promises() {
	m.line("\n## Promises")
	for _, g := range m.Groups {
		m.line("\n### %s", plain(g.Title))
		m.header("Promise", "Parameters", "Verdict", "Proof", "Counts until")
		for _, p := range g.Promises {
			s := p.States[0]
			var parameters []string
			for _, one := range p.Parameters {
				parameters = append(parameters, plain(one.Name+": "+one.Value))
			}
			level, until := "", ""
			if s.Level != "" {
				level, until = fmt.Sprintf("%s, %s (%s)", s.Level, day(s.At), age(s.At, m.Now)), day(s.ValidUntil)
			}
			if len(p.Next) > 0 {
				level = strings.TrimPrefix(level+"; to reach: "+levels(p.Next), "; ")
			}
			m.row(fmt.Sprintf("**%s %s** %s", plain(p.ID), plain(p.Title), plain(p.Sentence)), strings.Join(parameters, "; "), mark(s), level, until)
		}
	}
}

func (m *markdown) waivers() {
	m.line("\n## Waivers")
	if len(m.Waivers) == 0 {
		m.line("\nThere are none.")
	} else {
		m.header("Promise or control", "Resource", "Reason", "Owner", "Last day")
		for _, w := range m.Waivers {
			id := plain(w.Promise)
			if !w.Needed {
				id += " (not needed)"
			}
			m.row(id, plain(w.Resource), plain(w.Reason), plain(w.Owner), plain(w.Expires))
		}
	}
	for i, warning := range m.Warnings {
		if i == 0 {
			m.line("")
		}
		m.line("- %s", plain(warning))
	}
}

func (m *markdown) baseline() {
	m.line("\n## Baseline of good practice")
	m.header("Control", "Severity", "References", "Verdict", "Looked at")
	for _, c := range m.Controls {
		m.row(fmt.Sprintf("**%s** %s", plain(c.ID), plain(c.Title)), plain(c.Severity), plain(strings.Join(c.References, "; ")), mark(c.States[0]), fmt.Sprint(c.Looked))
	}
}

func (m *markdown) details() {
	m.line("\n## What was looked at")
	for _, g := range m.Groups {
		for _, p := range g.Promises {
			m.detail(p.ID, p.Title, p.States[0], p.Proofs)
		}
	}
	for _, c := range m.Controls {
		if c.Looked > 0 {
			m.detail(c.ID, c.Title, c.States[0], c.Proofs)
		}
	}
}

func (m *markdown) detail(id, title string, s state, proofs []proof) {
	m.line("\n### %s %s: %s", plain(id), plain(title), mark(s))
	if s.Why != "" {
		m.line("\nWhy: %s.", plain(s.Why))
	}
	for _, p := range proofs {
		m.line("\n%s proof of %s by %s; counts until %s.", p.Level, minute(p.At), plain(p.By), day(p.ValidUntil))
		m.header("Result", "Expected", "Found, and where")
		for _, l := range p.Looks {
			expected := plain(l.Expected)
			if l.Type != "" {
				expected += " (" + plain(strings.Trim(kind(l.Type)+", "+l.Property, ", ")) + ")"
			}
			if l.Fix != "" {
				expected += "; to mend it: " + plain(l.Fix)
			}
			if w := l.Waiver; w != nil {
				expected += fmt.Sprintf("; waived until %s: %s (%s)", plain(w.Expires), plain(w.Reason), plain(w.Owner))
			}
			var found []string
			for _, f := range l.Found {
				found = append(found, plain(f.Value)+" at "+plain(strings.Join(f.Resources, ", ")))
			}
			m.row(sign(l.state())+" "+lookWord(l), expected, strings.Join(found, "; "))
		}
	}
}

func (m *markdown) verify() {
	m.line("\n## How to verify")
	if m.Signer == "" {
		m.line("\n**This evidence is not signed.** Nothing shows that it is what Berth wrote.")
		m.line("\nSHA-256 of %s, which this text was made from: %s", plain(m.Name), m.SHA256)
		return
	}
	m.line("\nThis text is made from the file %s, and that file is what is signed, with ed25519 over its exact bytes. Get the public key, or its fingerprint, by a way of your own.", plain(m.Name))
	m.header("What", "Value")
	m.row("SHA-256 of "+plain(m.Name), m.SHA256)
	m.row("Fingerprint of the key (SHA-256 of its DER form)", plain(m.Signer))
	m.line("\n```sh\nopenssl pkeyutl -verify -pubin -inkey evidence.pub -rawin -in %[1]s -sigfile %[1]s.sig\nberth evidence verify %[1]s --public-key evidence.pub\n```", strings.ReplaceAll(m.Name, "`", ""))
}

// mark is a verdict with its sign.
func mark(s state) string {
	if s.Verdict == promises.ClientsDuty {
		return "→ client’s duty"
	}
	return sign(s) + " " + word(s)
}

// plain is a text that Markdown takes literally: in a cell of a table, in a heading, anywhere on a line. Addresses do not
// become links.
func plain(text string) string {
	var b strings.Builder
	for i, r := range text {
		switch {
		case r == '<':
			b.WriteString("&lt;")
			continue
		case r == '&':
			b.WriteString("&amp;")
			continue
		case strings.ContainsRune("\\`*_{}[]>|~$#", r), i == 0 && strings.ContainsRune("+-=", r),
			r == ':' && strings.HasPrefix(text[i:], "://"), r == '.' && strings.HasSuffix(strings.ToLower(text[:i]), "www"):
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}
