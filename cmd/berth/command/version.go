package command

import (
	"fmt"
	"runtime/debug"

	"github.com/berth-iac/berth/engine/cli"
	"github.com/spf13/cobra"
)

// versions are berth's own and those it was built for.
type versions struct {
	Berth  string `json:"berth"`
	Pulumi string `json:"pulumi"` // the CLI that it is tested with
	Go     string `json:"go"`
}

func newVersion(env Env, g *global) *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the versions of berth and of the Pulumi CLI it is made for",
		Example: "  berth version --output json",
		Args:    noArgs,
		RunE: func(*cobra.Command, []string) error {
			v := env.versions()
			if g.output == "json" {
				return printJSON(env, v)
			}
			_, err := fmt.Fprintf(env.Out, "berth %s\npulumi %s\n%s\n", v.Berth, v.Pulumi, v.Go)
			return err
		},
	}
}

// versions are those of this program; its own is what it was built as, or what the Go toolchain knows.
func (e Env) versions() versions {
	v := versionsOf(debug.ReadBuildInfo())
	if e.Version != "" {
		v.Berth = e.Version
	}
	return v
}

func versionsOf(info *debug.BuildInfo, ok bool) versions {
	v := versions{Berth: "(unknown)", Pulumi: cli.Version}
	if !ok {
		return v
	}
	v.Berth, v.Go = info.Main.Version, info.GoVersion
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" && (v.Berth == "(devel)" || v.Berth == "") {
			v.Berth = setting.Value
		}
	}
	return v
}

func newCompletion(env Env) *cobra.Command {
	return &cobra.Command{
		Use:       "completion <shell>",
		Short:     "Print the completion script for bash, zsh, fish or powershell",
		Example:   "  source <(berth completion bash)",
		ValidArgs: []string{"bash", "zsh", "fish", "powershell"},
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("%s needs the name of one shell: bash, zsh, fish or powershell", cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			switch root := cmd.Root(); args[0] {
			case "bash":
				return root.GenBashCompletionV2(env.Out, true)
			case "zsh":
				return root.GenZshCompletion(env.Out)
			case "fish":
				return root.GenFishCompletion(env.Out, true)
			case "powershell":
				return root.GenPowerShellCompletionWithDesc(env.Out)
			default:
				return usage("no completion for %q; there is bash, zsh, fish and powershell", args[0])
			}
		},
	}
}
