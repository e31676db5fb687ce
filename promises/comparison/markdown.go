package comparison

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// JSON writes the comparison for programs; Comparison describes it field by field.
func (c *Comparison) JSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(c); err != nil {
		return fmt.Errorf("write the comparison as JSON: %w", err)
	}
	return nil
}

// Markdown writes the comparison as Markdown with tables.
func (c *Comparison) Markdown(w io.Writer) error {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# %s\n\n%s\n", title, lead)
	for _, k := range c.Kinds {
		line("## %s: %s\n\n%s\n\n%s:\n", k.Hosting, k.Title, escape(k.For), youTitle)
		for _, duty := range k.YourOwn {
			line("- %s", escape(duty))
		}
		if len(k.Limits) > 0 {
			line("\n%s:\n", limitsTitle)
			for _, limit := range k.Limits {
				line("- %s", escape(limit))
			}
		}
		line("\n%s\n", k.tally())
	}
	line("## Words in the tables\n\n| word | meaning |\n|---|---|")
	for _, k := range Keepers() {
		line("| %s | %s |", k, k.Meaning())
	}
	line("\n%s", c.proofNote())
	for _, s := range c.sections() {
		line("\n## %s", s.Title)
		if s.Lead != "" {
			line("\n%s", s.Lead)
		}
		for _, g := range s.Groups {
			line("\n### %s\n", g.Title)
			if len(g.Rows[0].Cells) == 0 {
				line("| promise | figures | proof |\n|---|---|---|")
			} else {
				line("| promise |%s proof |\n|---|%s---|", c.each(func(k Kind) string { return " " + string(k.Hosting) + " |" }), c.each(func(Kind) string { return "---|" }))
			}
			for _, row := range g.Rows {
				line("%s", c.markdownRow(row))
			}
		}
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write the comparison as Markdown: %w", err)
	}
	return nil
}

func (c *Comparison) each(text func(Kind) string) string {
	var b strings.Builder
	for _, k := range c.Kinds {
		b.WriteString(text(k))
	}
	return b.String()
}

func (c *Comparison) markdownRow(row Row) string {
	promise := fmt.Sprintf("**%s** %s<br>%s", row.ID, escape(row.Title), escape(row.Sentence))
	if len(row.Cells) == 0 {
		return fmt.Sprintf("| %s | %s | %s |", promise, escape(figures(row.Parameters)), row.proofs())
	}
	if len(row.Parameters) > 0 {
		promise += "<br>*" + escape(figures(row.Parameters)) + "*"
	}
	if row.Company {
		promise += "<br>(" + companyNote + ")"
	}
	line := "| " + promise + " |"
	for _, cell := range row.Cells {
		text := string(cell.Keeper)
		if len(cell.Parameters) > 0 {
			text += "<br>" + escape(figures(cell.Parameters))
		}
		line += " " + text + " |"
	}
	return line + " " + row.proofs() + " |"
}

// escape keeps text from being taken for Markdown.
func escape(text string) string {
	return strings.NewReplacer("|", `\|`, "*", `\*`, "_", `\_`, "<", `\<`, "\n", " ").Replace(text)
}
