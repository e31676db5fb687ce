package command_test

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"aead.dev/minisign"
	"github.com/berth-iac/berth/cmd/berth/command"
	"github.com/berth-iac/berth/machine/bundle"
	"github.com/berth-iac/berth/spec"
)

// premises is a shell with a client on its own premises, a release that is signed, and the folder of both.
func premises(t *testing.T) (s *shell, release, key string) {
	t.Helper()
	s = newShell(t, &fakeStack{})
	dir := t.TempDir()
	public, private, err := minisign.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := private.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	archive := []byte("an archive")
	sum := sha256.Sum256(archive)
	manifest := fmt.Appendf(nil, `{"name": "taskflow", "version": "1.2.0", "files": [{"name": "taskflow-linux-amd64.tar.gz", "sha256": "%x"}]}`, sum)
	release, key = filepath.Join(dir, "release"), filepath.Join(dir, "key")
	if err := os.MkdirAll(release, 0o700); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(repository, "Pulumi.initech.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for pattern, value := range map[string]string{`(?m)^(\s+version:) [0-9.]+$`: "${1} 1.2.0", `sha256: \S+`: "sha256: " + hex.EncodeToString(sum[:]), `publicKey: \S+`: "publicKey: " + public.String()} {
		text = regexp.MustCompile(pattern).ReplaceAll(text, []byte(value))
	}
	for name, content := range map[string][]byte{
		filepath.Join(s.root, "Pulumi.initech.yaml"): text, key: secret, filepath.Join(release, "taskflow-linux-amd64.tar.gz"): archive,
		filepath.Join(release, "manifest.json"): manifest, filepath.Join(release, "manifest.json.minisig"): minisign.Sign(private, manifest),
	} {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.env.Offline = func(o *spec.OnPremises) (bundle.OfflineArgs, error) {
		return bundle.OfflineArgs{
			Client: o.Client.Name, Version: o.Release.Version, Duties: []string{"Guard the machine."},
			Bundles: []bundle.Bundle{{Name: "host", Packages: []string{"nginx"}, Files: []bundle.File{{Path: "/etc/x", Content: "x\n", Mode: 0o644}}}},
		}, nil
	}
	return s, release, key
}

func TestBundleIsSignedAndRuns_AC_11(t *testing.T) {
	s, release, key := premises(t)
	out := filepath.Join(t.TempDir(), "initech.run")
	s.want(t, 0, s.run(t, "bundle", "initech", "--release", release, "--key", key, "--out", out, "--output", "json"))
	var made struct {
		Archive, Signature, Readme, Client, Version, SHA256, PublicKey string
		Size                                                           int
		Offline                                                        bool
	}
	if err := json.Unmarshal(s.out.Bytes(), &made); err != nil || made.Archive != out || made.Client != "initech" || made.Version != "1.2.0" || made.Offline {
		t.Fatalf("%+v %v", made, err)
	}
	text, err := os.ReadFile(out)
	if sum := sha256.Sum256(text); err != nil || hex.EncodeToString(sum[:]) != made.SHA256 || len(text) != made.Size {
		t.Errorf("%v: the checksum or the size is not the file's", err)
	}
	if readme, err := os.ReadFile(made.Readme); err != nil || !strings.Contains(string(readme), "minisign -V -P") {
		t.Errorf("%s %v", readme, err)
	}
	run := func(name string, args ...string) string {
		out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
		if err != nil {
			t.Errorf("%s %v: %v: %s", name, args, err, out)
		}
		return string(out)
	}
	if !strings.Contains(run("sh", out, "duties"), "1. Guard the machine.") {
		t.Error("the duties are not stated")
	}
	if _, err := exec.LookPath("minisign"); err != nil {
		t.Skip("minisign is not installed: tests/needs installs it")
	}
	if said := run("minisign", "-V", "-P", made.PublicKey, "-m", out); !strings.Contains(said, "initech, TaskFlow 1.2.0") {
		t.Errorf("minisign says %s", said)
	}
	if err := os.WriteFile(out, append(text, '\n'), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := exec.CommandContext(t.Context(), "minisign", "-V", "-P", made.PublicKey, "-m", out).Run(); err == nil {
		t.Error("an altered file is taken for what was signed")
	}
}

func TestBundleRefuses(t *testing.T) {
	s, release, key := premises(t)
	out := filepath.Join(t.TempDir(), "x.run")
	args := []string{"bundle", "initech", "--release", release, "--key", key, "--out", out}
	s.want(t, command.ExitUsage, s.run(t, "bundle", "prod", "--release", release, "--key", key))
	s.says(t, "no client on its own premises")
	s.want(t, command.ExitUsage, s.run(t, "bundle", "initech"))
	s.says(t, "--release")
	s.want(t, command.ExitFailure, s.run(t, append(args, "--packages", t.TempDir())...))
	s.says(t, "berth bundle --fetch-script")
	replace := func(name, text string) {
		if err := os.WriteFile(filepath.Join(release, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	was, err := os.ReadFile(filepath.Join(release, "manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	replace("taskflow-linux-amd64.tar.gz", "another archive")
	s.want(t, command.ExitFailure, s.run(t, args...))
	s.says(t, "release.sha256 of the client's file is")
	replace("manifest.json", string(was)+" ")
	s.want(t, command.ExitFailure, s.run(t, args...))
	s.says(t, "not signed by release.source.publicKey")
	if _, err := os.Stat(out); err == nil {
		t.Error("an archive was made")
	}
}

func TestBundlePrintsTheScriptThatFetches(t *testing.T) {
	s, _, _ := premises(t)
	s.want(t, 0, s.run(t, "bundle", "initech", "--fetch-script"))
	if !strings.HasPrefix(s.out.String(), "#!/bin/bash\n") || !strings.Contains(s.out.String(), "packages=(nginx)") {
		t.Errorf("%s", &s.out)
	}
}
