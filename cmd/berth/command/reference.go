package command

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Reference is the reference of all commands as Markdown pages, by file name. It is generated from the
// commands themselves; docs/cli holds it.
func Reference(root *cobra.Command) map[string]string {
	pages := map[string]string{"README.md": index(root)}
	walk(root, func(cmd *cobra.Command) {
		pages[fileName(cmd)] = page(cmd)
	})
	return pages
}

func walk(cmd *cobra.Command, visit func(*cobra.Command)) {
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			visit(sub)
			walk(sub, visit)
		}
	}
}

func fileName(cmd *cobra.Command) string {
	path := strings.TrimPrefix(cmd.CommandPath(), cmd.Root().Name()+" ")
	return strings.ReplaceAll(path, " ", "-") + ".md"
}

const generated = "<!-- Generated from the commands by `go test ./cmd/berth/command -run Reference -update`. Do not edit. -->\n\n"

func index(root *cobra.Command) string {
	var b strings.Builder
	b.WriteString(generated + "# Commands\n\n" + root.Long + "\n\n")
	b.WriteString("| command | what it does |\n|---|---|\n")
	walk(root, func(cmd *cobra.Command) {
		fmt.Fprintf(&b, "| [%s](%s) | %s |\n", cmd.CommandPath(), fileName(cmd), cmd.Short)
	})
	b.WriteString("\n## Flags of every command\n\n")
	b.WriteString(flagTable(root.PersistentFlags()))
	return b.String()
}

func page(cmd *cobra.Command) string {
	var b strings.Builder
	fmt.Fprintf(&b, generated+"# %s\n\n%s.\n\n", cmd.CommandPath(), cmd.Short)
	if !cmd.HasSubCommands() || cmd.ValidArgsFunction != nil {
		fmt.Fprintf(&b, "```\n%s\n```\n\n", cmd.UseLine())
	}
	if cmd.Long != "" {
		b.WriteString(cmd.Long + "\n\n")
	}
	if cmd.Example != "" {
		fmt.Fprintf(&b, "## Examples\n\n```sh\n%s\n```\n\n", unindent(cmd.Example))
	}
	if cmd.HasSubCommands() {
		b.WriteString("| command | what it does |\n|---|---|\n")
		for _, sub := range cmd.Commands() {
			fmt.Fprintf(&b, "| [%s](%s) | %s |\n", sub.CommandPath(), fileName(sub), sub.Short)
		}
		b.WriteString("\n")
	}
	if flags := cmd.LocalNonPersistentFlags(); flags.HasAvailableFlags() {
		b.WriteString("## Flags\n\n" + flagTable(flags))
	}
	b.WriteString("\nBesides these there are the [flags of every command](README.md#flags-of-every-command).\n")
	return b.String()
}

func unindent(text string) string {
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		lines[i] = strings.TrimPrefix(l, "  ")
	}
	return strings.Join(lines, "\n")
}

func flagTable(flags *pflag.FlagSet) string {
	var b strings.Builder
	b.WriteString("| flag | meaning | default |\n|---|---|---|\n")
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		value, meaning := pflag.UnquoteUsage(f)
		name := "--" + f.Name
		if f.Shorthand != "" {
			name = "-" + f.Shorthand + ", " + name
		}
		if value != "" {
			name += " <" + value + ">"
		}
		standard := ""
		switch f.DefValue {
		case "", "false", "0", "[]", "0s":
		default:
			standard = "`" + f.DefValue + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", name, strings.ReplaceAll(meaning, "|", `\|`), standard)
	})
	return b.String()
}
