package plugins_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/berth-iac/berth/engine/plugins"
)

func TestPluginIsInstalledOnce(t *testing.T) {
	home := t.TempDir()
	t.Setenv("PULUMI_HOME", home)
	cli := filepath.Join(t.TempDir(), "pulumi")
	script := func(text string) {
		if err := os.WriteFile(cli, []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	installed := plugins.Installed{CLI: cli, Env: append(os.Environ(), "PULUMI_ACCESS_TOKEN=hush")}
	fake := plugins.Plugin{Name: "fake", Version: "1.2.3"}

	script("echo there is no network >&2; exit 1")
	if _, err := installed.Find(t.Context(), fake); err == nil || !strings.Contains(err.Error(), "there is no network") {
		t.Errorf("err = %v, want the CLI's", err)
	}
	script(`[ "$*" = "plugin install resource fake 1.2.3 --non-interactive" ] && [ -z "$PULUMI_ACCESS_TOKEN" ] || exit 1
d=$PULUMI_HOME/plugins/resource-fake-v1.2.3; mkdir -p $d; echo '#!/bin/sh' > $d/pulumi-resource-fake; chmod +x $d/pulumi-resource-fake`)
	want := filepath.Join(home, "plugins", "resource-fake-v1.2.3", "pulumi-resource-fake")
	for range 2 {
		if path, err := installed.Find(t.Context(), fake); err != nil || path != want {
			t.Errorf("path = %q, %v; want %q", path, err, want)
		}
		script("exit 1") // it is not asked again
	}
	if _, err := installed.Find(t.Context(), plugins.Plugin{Name: "fake", Version: "new"}); err == nil {
		t.Error("no version is a version")
	}
}
