package fleet_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/berth-iac/berth/cmd/berth/command"
)

// run runs any command of berth in this process.
func run(t *testing.T, root string, args ...string) (code int, out, said string) {
	t.Helper()
	var o, e bytes.Buffer
	code = command.Run(t.Context(), environment(&o, &e), append([]string{"--root", root}, args...))
	t.Logf("berth %s: exit code %d", strings.Join(args, " "), code)
	return code, o.String(), e.String()
}

// must runs a command that has to succeed, and returns what it printed.
func must(t *testing.T, root string, args ...string) string {
	t.Helper()
	code, out, said := run(t, root, args...)
	if code != command.ExitOK {
		t.Fatalf("berth %s: exit code %d\n%s\n%s", strings.Join(args, " "), code, out, said)
	}
	return out
}

// listed is a client as `berth client list` has it.
type listed struct {
	Stack, Kind string
	Local       bool
}

func list(t *testing.T, root string) map[string]listed {
	t.Helper()
	var all []listed
	text := must(t, root, "--output", "json", "client", "list")
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		t.Fatalf("the list cannot be read: %v\n%s", err, text)
	}
	byName := map[string]listed{}
	for _, c := range all {
		byName[c.Stack] = c
	}
	return byName
}

// A client comes, gets a second stack, is renamed, and leaves: all by commands, on the real engine. Who retires it is killed again and
// again; the same command goes on where it was, and in the end there is a certificate that says so.
func TestLifeOfAClient(t *testing.T) {
	root := newFleet(t, map[string]string{"sites": "sites", "neighbour": onSites})
	const hush = "not-in-any-file-4711"
	t.Setenv("PULUMI_CONFIG_PASSPHRASE", hush)
	must(t, root, "client", "new", "--kind", "siteclient", "--pair", "southern", "--name", "acme", "--display-name", "Acme (Pty) Ltd",
		"--contact-name", "Thandi Mokoena", "--contact-email", "thandi.mokoena@acme.example", "--environment", "production",
		"--hostname", "taskflow.acme.example", "--zone-id", "5f1c9a4b7e2d4830a6c1d8e0f7b3924d", "--no-preview")
	must(t, root, "up", "acme", "--local", "--yes")
	if c := list(t, root)["acme"]; c.Kind != "siteclient" || !c.Local {
		t.Errorf("the list has %+v, want the new client", c)
	}
	must(t, root, "client", "copy", "acme", "acme-staging", "--name", "acme-staging", "--environment", "staging", "--display-name", "Acme, staging",
		"--contact-name", "Thandi Mokoena", "--contact-email", "thandi.mokoena@acme.example", "--hostname", "staging.acme.example", "--zone-id", "5f1c9a4b7e2d4830a6c1d8e0f7b3924d", "--no-preview")
	must(t, root, "client", "rename", "acme", "acme-production", "--local", "--yes")
	clients := list(t, root)
	if _, still := clients["acme"]; still || !clients["acme-production"].Local || clients["acme-staging"].Kind != "siteclient" {
		t.Errorf("after the copy and the new name there are %v", clients)
	}
	berth(t, root, "preview", "acme-production").wantCode(t, command.ExitOK)

	retire := []string{"--root", root, "client", "retire", "acme-production", "--local", "--yes", "--confirm", "acme", "--reason", "the contract has ended"}
	kills := 0
	for patience := 150 * time.Millisecond; ; patience = patience * 3 / 2 {
		var said bytes.Buffer
		child := exec.Command(os.Args[0], retire...)
		child.Env = append(os.Environ(), childVariable+"=yes")
		child.Stderr = &said
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		killer := time.AfterFunc(patience, func() { _ = child.Process.Kill() })
		err := child.Wait()
		killer.Stop()
		if err == nil {
			break
		}
		if strings.Contains(said.String(), "finishes by itself") { // what the killed one had begun
			time.Sleep(200 * time.Millisecond)
			continue
		}
		if child.ProcessState.Exited() {
			t.Fatalf("after %d kills: %v\n%s", kills, err, &said)
		}
		if kills++; patience > 5*time.Minute {
			t.Fatalf("it does not come to an end\n%s", &said)
		}
	}
	t.Logf("retired after %d kills", kills)
	certificates, err := filepath.Glob(filepath.Join(root, ".berth", "retire", "*", "certificate.json"))
	if err != nil || len(certificates) != 1 {
		t.Fatalf("certificates: %v, %v; want one", certificates, err)
	}
	if said := must(t, root, "client", "certificate", certificates[0]); !strings.Contains(said, "acme") {
		t.Errorf("the certificate says %q", said)
	}
	text, err := os.ReadFile(certificates[0])
	if err != nil {
		t.Fatal(err)
	}
	write(t, certificates[0], strings.Replace(string(text), "acme", "acne", 1))
	if code, _, _ := run(t, root, "client", "certificate", certificates[0]); code == command.ExitOK {
		t.Error("a certificate that was changed is taken for good")
	}
	if clients := list(t, root); clients["acme-production"].Local || clients["neighbour"].Stack == "" {
		t.Errorf("after the end there are %v", clients)
	}
	err = filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		if strings.Contains(string(text), hush) {
			t.Errorf("%s holds the passphrase", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
