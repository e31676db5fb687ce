// Package release turns the source of TaskFlow into what machines install, and checks what came out: for each architecture an archive
// with the static program and an SBOM (SPDX 2.3) of what the program was built from, one manifest of all files, signed as minisign
// does, and checksums of everything. The same source, version and toolchain give the same bytes in every folder on every machine.
//
// It knows nothing of what the program does, and it runs no program by itself: the Go command comes in with Options.
package release

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"aead.dev/minisign"
)

// The names of a release's files. Each architecture has an archive and an SBOM beside.
const (
	ManifestFile  = "manifest.json"
	SignatureFile = "manifest.json.minisig"
	SumsFile      = "SHA256SUMS"
	Program       = "taskflow" // in an archive's root
)

// Archive is the name of an architecture's archive: where machines look for it.
func Archive(arch string) string { return "taskflow-linux-" + arch + ".tar.gz" }

// SBOM is the name of an architecture's software bill of materials.
func SBOM(arch string) string { return "taskflow-linux-" + arch + ".spdx.json" }

// Arches are the architectures that releases are made for.
func Arches() []string { return []string{"amd64", "arm64"} }

// Manifest says what a release is and what belongs to it.
type Manifest struct {
	Name        string    `json:"name"`
	Version     string    `json:"version"`
	Commit      string    `json:"commit"`
	Time        time.Time `json:"time"` // of the commit
	Go          string    `json:"go"`
	Migrations  string    `json:"migrations"` // the newest that the program carries
	Development bool      `json:"development,omitempty"`
	Files       []File    `json:"files"`
}

// File is one of a release's files.
type File struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

func fileOf(name string, content []byte) File {
	sum := sha256.Sum256(content)
	return File{Name: name, Size: int64(len(content)), SHA256: hex.EncodeToString(sum[:])}
}

func (m Manifest) encode() ([]byte, error) {
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write the manifest: %w", err)
	}
	return append(text, '\n'), nil
}

// Options say what to build.
type Options struct {
	Source  string // the folder of the program's module
	Out     string // a folder that does not exist yet
	Version string
	Commit  string
	Time    time.Time // of the commit
	Arches  []string  // nil for all
	Key     *minisign.PrivateKey

	// Go runs the Go command in a folder, with these variables on top of its environment. They win over all others.
	Go func(ctx context.Context, folder string, variables []string, args ...string) error
}

var (
	versionForm = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z.+_-]{0,63}$`)
	commitForm  = regexp.MustCompile(`^[0-9a-f]{40}([0-9a-f]{24})?(-dirty)?$`)
)

func (o Options) check() error {
	var problems []error
	wrong := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	if !versionForm.MatchString(o.Version) {
		wrong("version is %q: use letters, digits, dots and hyphens, such as 1.2.0", o.Version)
	}
	if !commitForm.MatchString(o.Commit) {
		wrong("commit is %q: give the full hash", o.Commit)
	}
	if o.Key != nil && strings.HasSuffix(o.Commit, "-dirty") {
		wrong("the source has changes that are in no commit: commit them, or build without a key")
	}
	if o.Time.Year() < 1980 || o.Time.Year() > 2107 {
		wrong("the time of the commit is %s: archives need one from 1980 on", o.Time.Format(time.DateOnly))
	}
	for _, arch := range o.Arches {
		if !slices.Contains(Arches(), arch) {
			wrong("architecture is %q: use %s", arch, strings.Join(Arches(), " or "))
		}
	}
	if o.Go == nil {
		wrong("there is no Go command")
	}
	if _, err := os.Lstat(o.Out); !errors.Is(err, fs.ErrNotExist) {
		wrong("%s is there already: remove it, or name another folder", o.Out)
	}
	return errors.Join(problems...)
}

// Build makes a release. Out is there when all of it is, and not before.
func Build(ctx context.Context, o Options) (Manifest, error) {
	if err := o.check(); err != nil {
		return Manifest{}, fmt.Errorf("a release cannot be built: %w", err)
	}
	if len(o.Arches) == 0 {
		o.Arches = Arches()
	}
	o.Time = o.Time.UTC().Truncate(time.Second)
	out, err := filepath.Abs(o.Out)
	if err != nil {
		return Manifest{}, fmt.Errorf("the release's folder: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(out), 0o750); err != nil {
		return Manifest{}, fmt.Errorf("make the release's folder: %w", err)
	}
	work, err := os.MkdirTemp(filepath.Dir(out), "."+filepath.Base(out)+"-")
	if err != nil {
		return Manifest{}, fmt.Errorf("make the release's folder: %w", err)
	}
	defer os.RemoveAll(work) //nolint:errcheck // nothing of it is left when it was finished
	m := Manifest{Name: Program, Version: o.Version, Commit: o.Commit, Time: o.Time, Development: o.Key == nil}
	if m.Migrations, err = newestMigration(o.Source); err != nil {
		return Manifest{}, err
	}
	draft := filepath.Join(work, "draft")
	if err := os.Mkdir(draft, 0o750); err != nil {
		return Manifest{}, fmt.Errorf("make the release's folder: %w", err)
	}
	for _, arch := range o.Arches {
		if err := o.build(ctx, &m, arch, work, draft); err != nil {
			return Manifest{}, fmt.Errorf("linux %s: %w", arch, err)
		}
	}
	slices.SortFunc(m.Files, func(a, b File) int { return strings.Compare(a.Name, b.Name) })
	if err := o.seal(m, draft); err != nil {
		return Manifest{}, err
	}
	if err := os.Rename(draft, out); err != nil {
		return Manifest{}, fmt.Errorf("put the release in place: %w", err)
	}
	return m, nil
}

// build makes an architecture's archive and SBOM.
func (o Options) build(ctx context.Context, m *Manifest, arch, work, draft string) error {
	made := filepath.Join(work, Program+"-"+arch)
	// Whatever the machine has set, these decide. No file of the machine is named in what comes out, and no C compiler has a part in it.
	variables := []string{
		"GOOS=linux", "GOARCH=" + arch, "CGO_ENABLED=0", "GOAMD64=v1", "GOARM64=v8.0", "GOFLAGS=-mod=readonly", "GOEXPERIMENT=", "GOWORK=off", "GOFIPS140=off",
	}
	err := o.Go(ctx, o.Source, variables, "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w -buildid= -X main.version="+o.Version, "-o", made, "./cmd/"+Program)
	if err != nil {
		return fmt.Errorf("build the program: %w", err)
	}
	program, err := os.ReadFile(made)
	if err != nil {
		return fmt.Errorf("read the program: %w", err)
	}
	info, err := inspect(program, arch)
	if err != nil {
		return err
	}
	if m.Go == "" {
		m.Go = info.GoVersion
	}
	var archive bytes.Buffer
	if err := pack(&archive, program, o.Time); err != nil {
		return err
	}
	list, err := sbom(*m, arch, info, fileOf(Archive(arch), archive.Bytes()))
	if err != nil {
		return err
	}
	for _, one := range []struct {
		name    string
		content []byte
	}{{Archive(arch), archive.Bytes()}, {SBOM(arch), list}} {
		if err := keep(draft, one.name, one.content); err != nil {
			return err
		}
		m.Files = append(m.Files, fileOf(one.name, one.content))
	}
	return nil
}

// seal writes the manifest, signs it, and writes the checksums of all.
func (o Options) seal(m Manifest, draft string) error {
	text, err := m.encode()
	if err != nil {
		return err
	}
	all := append(slices.Clone(m.Files), fileOf(ManifestFile, text))
	if err := keep(draft, ManifestFile, text); err != nil {
		return err
	}
	if o.Key != nil {
		signature := minisign.SignWithComments(*o.Key, text, trustedComment(m), untrustedComment)
		if err := keep(draft, SignatureFile, signature); err != nil {
			return err
		}
		all = append(all, fileOf(SignatureFile, signature))
	}
	return keep(draft, SumsFile, sums(all))
}

const untrustedComment = "signature of a release of TaskFlow"

// trustedComment is signed too: it binds a signature to its release where somebody looks at the signature alone.
func trustedComment(m Manifest) string { return "taskflow " + m.Version + " " + m.Commit }

// sums is as sha256sum writes and checks it.
func sums(files []File) []byte {
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Name, b.Name) })
	var b bytes.Buffer
	for _, f := range files {
		fmt.Fprintf(&b, "%s  %s\n", f.SHA256, f.Name)
	}
	return b.Bytes()
}

func keep(folder, name string, content []byte) error {
	if err := os.WriteFile(filepath.Join(folder, name), content, 0o644); err != nil { //nolint:gosec // a release is public
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

var migrationForm = regexp.MustCompile(`^([0-9]{14})_.+\.sql$`)

// newestMigration is the newest that the source carries. All engines must have the same.
func newestMigration(source string) (string, error) {
	newest := map[string]string{}
	for _, engine := range []string{"sqlite", "postgresql", "mysql"} {
		entries, err := os.ReadDir(filepath.Join(source, "store", "migrations", engine))
		if err != nil {
			return "", fmt.Errorf("find the newest migration: %w", err)
		}
		for _, entry := range entries {
			if found := migrationForm.FindStringSubmatch(entry.Name()); found != nil {
				newest[engine] = max(newest[engine], found[1])
			}
		}
	}
	if newest["sqlite"] == "" || newest["sqlite"] != newest["postgresql"] || newest["sqlite"] != newest["mysql"] {
		return "", fmt.Errorf("the engines' newest migrations are not the same: %v", newest)
	}
	return newest["sqlite"], nil
}
