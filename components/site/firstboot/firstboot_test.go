package firstboot_test

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/berth-iac/berth/components/site/firstboot"
	"github.com/goccy/go-yaml"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// keys have all that a comment of a key may have in it.
var keys = []string{
	"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKLCEyUbnl3zXTJ0UFh+aV3n4gu/pc5It14p7sQ1hBl6 pipeline",
	`ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE5cTVUJZMnJINJJv3lefPavUIXQdAtrs0dAVJcDEf6H ada's "laptop": #2 $(id)`,
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != got {
		t.Errorf("%s differs; if it should, run with -update; got:\n%s", path, got)
	}
}

func TestCloudConfig(t *testing.T) {
	text := firstboot.CloudConfig(keys)
	golden(t, "cloud-config.golden", text)
	var document struct {
		Users []struct {
			Name, Sudo string
			LockPasswd bool     `yaml:"lock_passwd"`
			Keys       []string `yaml:"ssh_authorized_keys"`
		}
		DisableRoot *bool `yaml:"disable_root"`
		Passwords   *bool `yaml:"ssh_pwauth"`
	}
	if err := yaml.Unmarshal([]byte(text), &document); err != nil {
		t.Fatal(err)
	}
	if len(document.Users) != 1 || document.Users[0].Name != "berth" || !document.Users[0].LockPasswd {
		t.Errorf("users = %+v, want the user berth alone, without a password", document.Users)
	}
	for i, key := range keys {
		if got := document.Users[0].Keys[i]; got != key {
			t.Errorf("key %d = %q, want %q", i, got, key)
		}
	}
	if document.DisableRoot == nil || !*document.DisableRoot || document.Passwords == nil || *document.Passwords {
		t.Error("root or passwords may sign in")
	}
}

func TestScript(t *testing.T) {
	text := firstboot.Script(keys)
	golden(t, "script.golden", text)
	path := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("bash is not installed: the script's syntax is not checked")
	}
	if out, err := exec.CommandContext(t.Context(), bash, "-n", path).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	shellcheck, err := exec.LookPath("shellcheck")
	if err != nil {
		t.Skip("shellcheck is not installed: `apt-get install shellcheck`")
	}
	if out, err := exec.CommandContext(t.Context(), shellcheck, "--shell", "bash", path).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}
