package command_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/berth-iac/berth/app/command"
)

var update = flag.Bool("update", false, "write docs/taskflow-commands.md anew")

const referenceFile = "../../docs/taskflow-commands.md"

// The page on the commands is made of the commands.
func TestReference(t *testing.T) {
	text := reference(t, command.New(command.Env{}))
	if *update {
		if err := os.WriteFile(referenceFile, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	kept, err := os.ReadFile(referenceFile)
	if err != nil {
		t.Fatal(err)
	}
	if string(kept) != text {
		t.Errorf("%s is not of these commands; write it anew: go test -C app ./command -run Reference -update", referenceFile)
	}
}

func reference(t *testing.T, root *cobra.Command) string {
	var b strings.Builder
	b.WriteString("<!-- Generated from app/command by `go test -C app ./command -run Reference -update`. Do not edit. -->\n\n# TaskFlow's commands\n\n")
	before, codes, _ := strings.Cut(root.Long, "How a command ends:\n")
	fmt.Fprintf(&b, "%s| exit code | meaning |\n|---|---|\n", before)
	for line := range strings.SplitSeq(codes, "\n") {
		code, meaning, _ := strings.Cut(strings.TrimSpace(line), "  ")
		fmt.Fprintf(&b, "| %s | %s |\n", code, meaning)
	}
	b.WriteString("\n| flag of every command | meaning |\n|---|---|\n")
	flags(&b, root.PersistentFlags())
	var all func(c *cobra.Command)
	all = func(c *cobra.Command) {
		for _, one := range c.Commands() {
			if !one.IsAvailableCommand() || one.Name() == "completion" {
				continue
			}
			if one.Example == "" || one.Short == "" {
				t.Errorf("%s says not what it does, or has no example", one.CommandPath())
			}
			if one.HasSubCommands() {
				all(one)
				continue
			}
			fmt.Fprintf(&b, "\n## %s\n\n%s.\n", one.CommandPath(), one.Short)
			if one.Long != "" {
				b.WriteString("\n" + one.Long + "\n")
			}
			fmt.Fprintf(&b, "\n```sh\n%s\n```\n", strings.ReplaceAll(strings.TrimPrefix(one.Example, "  "), "\n  ", "\n"))
			if own := one.LocalNonPersistentFlags(); own.HasAvailableFlags() {
				b.WriteString("\n| flag | meaning |\n|---|---|\n")
				flags(&b, own)
			}
		}
	}
	all(root)
	return b.String()
}

func flags(b *strings.Builder, set *pflag.FlagSet) {
	set.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" || f.Name == "version" {
			return
		}
		kind, meaning := pflag.UnquoteUsage(f)
		name := "--" + f.Name
		if kind != "" {
			name += " " + kind
		}
		switch f.DefValue {
		case "", "false", "0", "[]", "0s":
		default:
			meaning += " (`" + f.DefValue + "` unless told)"
		}
		fmt.Fprintf(b, "| `%s` | %s |\n", name, strings.ReplaceAll(meaning, "|", `\|`))
	})
}
