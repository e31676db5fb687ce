package bundle_test

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/berth-iac/berth/machine/bundle"
)

var update = flag.Bool("update", false, "write golden files anew")

const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE2qLbnFqOYFQAKhVXLCWyPmXgO2nW9fwGZ3yDnJ4Vwc"

func firstBoot() bundle.Cloud {
	return bundle.Cloud{
		Bundles: []bundle.Bundle{{
			Name: "host", Files: []bundle.File{{Path: "/etc/motd", Content: "for names\n", Mode: 0o644}}, Settings: []string{"disk-a"},
		}},
		Settings:     map[string]map[string]string{"host": {"disk-a": `/dev/disk/by-id/a: "b" # c`}},
		Users:        []bundle.CloudUser{{Name: "berth", Keys: []string{key + " pipeline: \"one\""}}},
		HostKeyTypes: []string{"ed25519"}, Limit: 32768,
	}
}

func TestCloudInit(t *testing.T) {
	doc, err := bundle.CloudInit(firstBoot())
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := bundle.CloudInit(firstBoot()); again != doc {
		t.Error("the same description gave two documents")
	}
	// The archive holds the applier, whose every edit would change the golden file: it stands for itself.
	archive := strings.Index(doc, "content: H4s")
	end := archive + strings.IndexByte(doc[archive:], '\n')
	golden(t, "testdata/cloudinit.golden", doc[:archive]+"content: (the archive of the bundle)"+doc[end:])
	program, err := exec.LookPath("cloud-init")
	if err != nil {
		t.Skip("cloud-init is not installed: the document was not held against its schema")
	}
	file := filepath.Join(t.TempDir(), "user-data")
	write(t, file, doc, 0o600)
	if out, err := exec.Command(program, "schema", "--config-file", file).CombinedOutput(); err != nil || strings.Contains(string(out), "eprecat") {
		t.Errorf("%v\n%s", err, out)
	}
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		write(t, file, got, 0o644)
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (go test -update writes it anew):\n%s", file, got)
	}
}

func TestCloudInitRefuses(t *testing.T) {
	c := firstBoot()
	c.Limit = 3000
	if _, err := bundle.CloudInit(c); err == nil || !strings.Contains(err.Error(), "the provider takes 3000") {
		t.Errorf("err = %v, want the limit", err)
	}
	c = firstBoot()
	c.Bundles[0].Secrets = []string{"mail-password"}
	c.Bundles[0].Settings = append(c.Bundles[0].Settings, "disk-b")
	c.Settings["host"]["disk-a"] = "a\nruncmd: [reboot]"
	c.Users = append(c.Users, bundle.CloudUser{Name: "Root:"})
	c.HostKeyTypes = []string{"dsa"}
	_, err := bundle.CloudInit(c)
	if err == nil {
		t.Fatal("a description with faults was taken")
	}
	for _, want := range []string{"needs secrets (mail-password)", "setting disk-b has no value", "disk-a is no single line", `user "Root:": that`, `"Root:" has no key`, `"dsa"`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the report lacks %q:\n%v", want, err)
		}
	}
}
