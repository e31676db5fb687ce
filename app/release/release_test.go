package release_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"aead.dev/minisign"
	spdxjson "github.com/spdx/tools-golang/json"

	"github.com/berth-iac/berth/app/release"
)

const commit = "0123456789abcdef0123456789abcdef01234567"

var moment = time.Date(2026, time.March, 2, 9, 30, 15, 0, time.UTC)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// goCommand needs what the machine has of modules and a cache, and nothing else of it.
func goCommand(t *testing.T) func(context.Context, string, []string, ...string) error {
	return func(ctx context.Context, folder string, variables []string, args ...string) error {
		cmd := exec.CommandContext(ctx, "go", args...)
		cmd.Dir = folder
		cmd.Env = append(append(os.Environ(), "TMPDIR="+t.TempDir()), variables...)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Logf("%s", out)
		}
		return err
	}
}

// small is the source of a program that is quickly built and looks to a release as TaskFlow does.
func small(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "app")
	for name, text := range map[string]string{
		"go.mod":               "module example.org/app\n\ngo 1.26\n",
		"cmd/taskflow/main.go": "package main\n\nvar version string\n\nfunc main() { println(version) }\n",
		"store/migrations/sqlite/20260101000000_expand_a.sql": "", "store/migrations/postgresql/20260101000000_expand_a.sql": "",
		"store/migrations/mysql/20260101000000_expand_a.sql": "", "store/migrations/mysql/atlas.sum": "",
	} {
		must(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700))
		must(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	return dir
}

func keys(t *testing.T) (minisign.PublicKey, minisign.PrivateKey) {
	t.Helper()
	public, private, err := minisign.GenerateKey(rand.Reader)
	must(t, err)
	return public, private
}

// built makes a release of a source.
func built(t *testing.T, source string, key *minisign.PrivateKey, arches ...string) string {
	t.Helper()
	if _, err := exec.LookPath("go"); err != nil {
		t.Skipf("%s is skipped: there is no Go command to build with", t.Name())
	}
	out := filepath.Join(t.TempDir(), "releases", "1.2.0")
	m, err := release.Build(t.Context(), release.Options{Source: source, Out: out, Version: "1.2.0", Commit: commit, Time: moment, Arches: arches, Key: key, Go: goCommand(t)})
	must(t, err)
	if m.Migrations == "" || m.Go != runtime.Version() || len(m.Files) == 0 {
		t.Errorf("the manifest is %+v", m)
	}
	return out
}

func contents(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	entries, err := os.ReadDir(dir)
	must(t, err)
	for _, entry := range entries {
		text, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		must(t, err)
		all[entry.Name()] = text
	}
	return all
}

func TestAReleaseIsVerified(t *testing.T) {
	public, private := keys(t)
	out := built(t, small(t), &private)
	m, err := release.Verify(out, &public)
	must(t, err)
	if m.Version != "1.2.0" || m.Commit != commit || !m.Time.Equal(moment) || m.Migrations != "20260101000000" || m.Development || len(m.Files) != 4 {
		t.Errorf("the manifest is %+v", m)
	}
	other, _ := keys(t)
	if _, err := release.Verify(out, &other); err == nil || !strings.Contains(err.Error(), "not signed by the key") {
		t.Errorf("another key: %v", err)
	}
	cmd := exec.Command("sha256sum", "--check", "--strict", release.SumsFile)
	cmd.Dir = out
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("sha256sum: %v\n%s", err, said)
	}
	// as a machine does at its first boot
	to := t.TempDir()
	archive := filepath.Join(out, release.Archive(runtime.GOARCH))
	if said, err := exec.Command("tar", "-xzf", archive, "-C", to, "--no-same-owner").CombinedOutput(); err != nil {
		t.Fatalf("tar: %v\n%s", err, said)
	}
	said, err := exec.Command(filepath.Join(to, "taskflow")).CombinedOutput()
	if err != nil || string(said) != "1.2.0\n" {
		t.Errorf("the program says %q, %v", said, err)
	}
}

func TestAnUnsignedReleaseSaysSo(t *testing.T) {
	public, _ := keys(t)
	out := built(t, small(t), nil, "amd64")
	if _, err := release.Verify(out, &public); !errors.Is(err, release.ErrUnsigned) {
		t.Errorf("with a key: %v", err)
	}
	m, err := release.Verify(out, nil)
	if err != nil || !m.Development {
		t.Errorf("without: %+v, %v", m, err)
	}
}

func TestAnyAlterationIsSeen(t *testing.T) {
	public, private := keys(t)
	out := built(t, small(t), &private, "amd64")
	for name, text := range contents(t, out) {
		for n := range 50 { // bytes of all parts, the first and the last among them
			at := n * (len(text) - 1) / 49
			altered := bytes.Clone(text)
			altered[at] ^= 1
			must(t, os.WriteFile(filepath.Join(out, name), altered, 0o600))
			if _, err := release.Verify(out, &public); err == nil {
				t.Errorf("%s: byte %d of %d was altered and nobody saw it", name, at, len(text))
			}
		}
		for what, altered := range map[string][]byte{"cut off": text[:len(text)-1], "longer": append(bytes.Clone(text), '\n'), "empty": nil} {
			must(t, os.WriteFile(filepath.Join(out, name), altered, 0o600))
			if _, err := release.Verify(out, &public); err == nil {
				t.Errorf("%s: %s and nobody saw it", name, what)
			}
		}
		must(t, os.Remove(filepath.Join(out, name)))
		if _, err := release.Verify(out, &public); err == nil {
			t.Errorf("%s: removed and nobody saw it", name)
		}
		must(t, os.WriteFile(filepath.Join(out, name), text, 0o600))
	}
	must(t, os.WriteFile(filepath.Join(out, "taskflow-linux-riscv64.tar.gz"), nil, 0o600))
	if _, err := release.Verify(out, &public); err == nil {
		t.Error("a file more and nobody saw it")
	}
	must(t, os.Remove(filepath.Join(out, "taskflow-linux-riscv64.tar.gz")))
	if _, err := release.Verify(out, &public); err != nil {
		t.Errorf("all put back: %v", err)
	}
}

func TestTheSameSourceGivesTheSameBytes(t *testing.T) {
	same(t, built(t, small(t), nil), built(t, small(t), nil))
}

// same compares two releases byte for byte.
func same(t *testing.T, one, two string) {
	t.Helper()
	a, b := contents(t, one), contents(t, two)
	if len(a) != len(b) || len(a) == 0 {
		t.Errorf("%d files and %d", len(a), len(b))
	}
	for name, text := range a {
		if !bytes.Equal(text, b[name]) {
			t.Errorf("%s differs", name)
		}
	}
}

// TaskFlow itself, built in two folders.
func TestTaskFlowIsReproducible(t *testing.T) {
	if testing.Short() {
		t.Skipf("%s is skipped: it builds TaskFlow twice, and -short is given", t.Name())
	}
	var outs [2]string
	public, private := keys(t)
	from := ".."
	for i := range outs {
		source := filepath.Join(t.TempDir(), strings.Repeat("deeper/", i), "app")
		must(t, os.CopyFS(source, os.DirFS(from)))
		from = source // somebody may be at work on the other
		outs[i] = built(t, source, &private, "amd64")
		_, err := release.Verify(outs[i], &public)
		must(t, err)
	}
	// Signatures of Ed25519 are the same each time, too.
	same(t, outs[0], outs[1])

	to := t.TempDir()
	if said, err := exec.Command("tar", "-xzf", filepath.Join(outs[0], release.Archive("amd64")), "-C", to).CombinedOutput(); err != nil {
		t.Fatalf("tar: %v\n%s", err, said)
	}
	program, err := os.ReadFile(filepath.Join(to, "taskflow"))
	must(t, err)
	home, err := os.UserHomeDir()
	must(t, err)
	here, err := filepath.Abs("..")
	must(t, err)
	machine, err := os.Hostname()
	must(t, err)
	toolchain, err := exec.Command("go", "env", "GOROOT", "GOMODCACHE", "GOCACHE").Output()
	must(t, err)
	for _, path := range append(strings.Fields(string(toolchain)), here, home+"/", os.TempDir()+"/Test", machine) {
		if len(path) > 3 && bytes.Contains(program, []byte(path)) {
			t.Errorf("the program names %s of this machine", path)
		}
	}
	text, err := os.ReadFile(filepath.Join(outs[0], release.SBOM("amd64")))
	must(t, err)
	doc, err := spdxjson.Read(bytes.NewReader(text))
	must(t, err)
	found := map[string]bool{}
	for _, p := range doc.Packages {
		found[p.PackageName] = true
	}
	for _, module := range []string{"taskflow", "stdlib", "entgo.io/ent", "modernc.org/sqlite", "github.com/jackc/pgx/v5"} {
		if !found[module] {
			t.Errorf("the SBOM of %d packages has no %s", len(doc.Packages), module)
		}
	}
}

// SPDX 2.3 asks for these fields of every document, package and relationship.
func TestTheSBOMHasWhatSPDXAsksFor(t *testing.T) {
	out := built(t, small(t), nil, "arm64")
	text, err := os.ReadFile(filepath.Join(out, release.SBOM("arm64")))
	must(t, err)
	var doc map[string]any
	must(t, json.Unmarshal(text, &doc))
	need := func(what string, of map[string]any, fields ...string) {
		for _, field := range fields {
			if of[field] == nil || of[field] == "" {
				t.Errorf("%s has no %s", what, field)
			}
		}
	}
	need("the document", doc, "spdxVersion", "dataLicense", "SPDXID", "name", "documentNamespace", "creationInfo", "packages", "relationships")
	if doc["spdxVersion"] != "SPDX-2.3" || doc["dataLicense"] != "CC0-1.0" || doc["SPDXID"] != "SPDXRef-DOCUMENT" {
		t.Errorf("it is a document of %v, %v, %v", doc["spdxVersion"], doc["dataLicense"], doc["SPDXID"])
	}
	need("creationInfo", doc["creationInfo"].(map[string]any), "created", "creators")
	ids := map[string]bool{"SPDXRef-DOCUMENT": true}
	for _, p := range doc["packages"].([]any) {
		p := p.(map[string]any)
		need("a package", p, "name", "SPDXID", "versionInfo", "downloadLocation", "licenseConcluded", "licenseDeclared", "copyrightText")
		if p["filesAnalyzed"] != false || ids[p["SPDXID"].(string)] {
			t.Errorf("package %v: files analysed %v, or its id is another's", p["name"], p["filesAnalyzed"])
		}
		ids[p["SPDXID"].(string)] = true
	}
	described := false
	for _, r := range doc["relationships"].([]any) {
		r := r.(map[string]any)
		if !ids[r["spdxElementId"].(string)] || !ids[r["relatedSpdxElement"].(string)] {
			t.Errorf("a relationship of what is not there: %v", r)
		}
		described = described || r["relationshipType"] == "DESCRIBES"
	}
	if !described {
		t.Error("the document describes nothing")
	}
}

func TestWhatCannotBeReleasedIsRefused(t *testing.T) {
	_, private := keys(t)
	good := release.Options{Source: small(t), Out: filepath.Join(t.TempDir(), "out"), Version: "1.2.0", Commit: commit, Time: moment, Go: goCommand(t)}
	for name, tc := range map[string]struct {
		change func(*release.Options)
		want   string
	}{
		"no version":     {func(o *release.Options) { o.Version = "" }, "version is"},
		"a path":         {func(o *release.Options) { o.Version = "../1.2.0" }, "version is"},
		"flags":          {func(o *release.Options) { o.Version = "1 -X main.x=y" }, "version is"},
		"short commit":   {func(o *release.Options) { o.Commit = "abc" }, "commit is"},
		"signed changes": {func(o *release.Options) { o.Key, o.Commit = &private, commit+"-dirty" }, "in no commit"},
		"architecture":   {func(o *release.Options) { o.Arches = []string{"386"} }, "architecture is"},
		"no time":        {func(o *release.Options) { o.Time = time.Time{} }, "time of the commit"},
		"there already":  {func(o *release.Options) { o.Out = t.TempDir() }, "there already"},
		"no migrations":  {func(o *release.Options) { o.Source = t.TempDir() }, "newest migration"},
		"does not build": {func(o *release.Options) { must(t, os.RemoveAll(filepath.Join(o.Source, "cmd"))) }, "build the program"},
		"engines differ": {func(o *release.Options) {
			must(t, os.WriteFile(filepath.Join(o.Source, "store/migrations/mysql/20270101000000_expand_b.sql"), nil, 0o600))
		}, "not the same"},
		"another program": {func(o *release.Options) {
			must(t, os.WriteFile(filepath.Join(o.Source, "go.mod"), []byte("module example.org/other\n"), 0o600))
		}, "it is the program"},
	} {
		o := good
		o.Source = small(t)
		tc.change(&o)
		if _, err := release.Build(t.Context(), o); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
		if _, err := os.Stat(good.Out); err == nil {
			t.Errorf("%s: something was left", name)
		}
	}
}

// What is signed here minisign verifies, and its keys sign here.
func TestMinisignAgrees(t *testing.T) {
	if _, err := exec.LookPath("minisign"); err != nil {
		t.Skipf("%s is skipped: minisign is not installed (package minisign)", t.Name())
	}
	dir := t.TempDir()
	public, secret := filepath.Join(dir, "key.pub"), filepath.Join(dir, "key")
	if said, err := exec.Command("minisign", "-G", "-W", "-p", public, "-s", secret).CombinedOutput(); err != nil {
		t.Fatalf("minisign: %v\n%s", err, said)
	}
	text, err := os.ReadFile(secret)
	must(t, err)
	var key minisign.PrivateKey
	must(t, key.UnmarshalText(text))
	out := built(t, small(t), &key, "amd64")
	said, err := exec.Command("minisign", "-V", "-p", public, "-m", filepath.Join(out, release.ManifestFile)).CombinedOutput()
	if err != nil || !strings.Contains(string(said), "taskflow 1.2.0 "+commit) {
		t.Errorf("minisign: %v\n%s", err, said)
	}
	open, err := minisign.PublicKeyFromFile(public)
	must(t, err)
	if _, err := release.Verify(out, &open); err != nil {
		t.Errorf("with minisign's key: %v", err)
	}
}
