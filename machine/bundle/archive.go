package bundle

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Applier is berth-host, which makes a machine what a bundle says. It travels in every archive.
//
//go:embed berth-host
var Applier string

// Library holds the functions that every step has.
//
//go:embed lib.sh
var Library string

// ApplierPath is where the applier installs itself.
const ApplierPath = "/usr/local/sbin/berth-host"

// maxArchive bounds what Open takes out of an archive, all files together.
const maxArchive = 64 << 20

// Archive is the bundle as berth-host takes it: a tar file, compressed by gzip. The same bundle gives the same bytes. Extracted to a
// folder, `berth-host apply <folder>` applies it, once settings and secrets lie beside:
//
//	berth-host      the applier
//	lib.sh          what steps have
//	name, version
//	packages        a line each
//	manifest        a line for each file: mode, owner, SHA-256 and path, with tabs between
//	files/…         the files
//	units           a line each: name, state, "reload" or "restart", and the paths of RestartOn, with tabs between
//	steps/NN-name   the step scripts
//	settings.names, secrets.names
//
// To be added by whoever applies: settings (name=value lines), secrets/<name>, and debs/ for a machine without network.
func (b Bundle) Archive() ([]byte, error) {
	if err := b.Check(); err != nil {
		return nil, fmt.Errorf("bundle %s cannot be put into an archive: %w", b.Name, err)
	}
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, fmt.Errorf("compress bundle %s: %w", b.Name, err)
	}
	t := tar.NewWriter(z)
	for _, m := range b.members() {
		h := &tar.Header{
			Typeflag: tar.TypeReg, Name: m.name, Mode: m.mode, Size: int64(len(m.content)),
			Uname: "root", Gname: "root", ModTime: time.Unix(0, 0), Format: tar.FormatPAX,
		}
		if err := t.WriteHeader(h); err != nil {
			return nil, fmt.Errorf("put %s into the archive of bundle %s: %w", m.name, b.Name, err)
		}
		if _, err := io.WriteString(t, m.content); err != nil {
			return nil, fmt.Errorf("put %s into the archive of bundle %s: %w", m.name, b.Name, err)
		}
	}
	if err := errors.Join(t.Close(), z.Close()); err != nil {
		return nil, fmt.Errorf("finish the archive of bundle %s: %w", b.Name, err)
	}
	return out.Bytes(), nil
}

type member struct {
	name    string
	mode    int64
	content string
}

func (b Bundle) members() []member {
	var manifest, units strings.Builder
	for _, f := range b.Files {
		sum := sha256.Sum256([]byte(f.Content))
		fmt.Fprintf(&manifest, "%04o\t%s\t%s\t%s\n", f.Mode, f.owner(), hex.EncodeToString(sum[:]), f.Path)
	}
	for _, u := range b.Units {
		how := "restart"
		if u.Reload {
			how = "reload"
		}
		units.WriteString(strings.Join(append([]string{u.Name, string(u.State), how}, u.RestartOn...), "\t") + "\n")
	}
	all := []member{
		{"berth-host", 0o755, Applier}, {"lib.sh", 0o644, Library},
		{"name", 0o644, b.Name + "\n"}, {"version", 0o644, b.Version() + "\n"},
		{"packages", 0o644, lines(b.Packages)}, {"manifest", 0o644, manifest.String()}, {"units", 0o644, units.String()},
		{"settings.names", 0o644, lines(b.Settings)}, {"secrets.names", 0o644, lines(b.Secrets)},
	}
	for _, f := range b.Files {
		all = append(all, member{"files" + f.Path, 0o644, f.Content})
	}
	for _, s := range b.Steps {
		all = append(all, member{"steps/" + s.Name, 0o644, s.Script})
	}
	return all
}

// Open reads an archive back. It takes nothing but what Archive makes: it refuses other members, paths that lead elsewhere, sizes
// beyond bounds, and a bundle whose digest is not the one that it states.
func Open(archive []byte) (Bundle, error) {
	members, err := unpack(archive)
	if err != nil {
		return Bundle{}, fmt.Errorf("read a bundle's archive: %w", err)
	}
	b, err := assemble(members)
	if err != nil {
		return Bundle{}, fmt.Errorf("read a bundle's archive: %w", err)
	}
	if err := b.Check(); err != nil {
		return Bundle{}, fmt.Errorf("the archive holds a bundle that is none: %w", err)
	}
	if v := strings.TrimSpace(members["version"]); v != b.Version() {
		return Bundle{}, fmt.Errorf("the archive of bundle %s says version %s, and holds %s: it was changed, or made by another release of Berth", b.Name, v, b.Version())
	}
	return b, nil
}

func unpack(archive []byte) (map[string]string, error) {
	z, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		return nil, err
	}
	members, left := map[string]string{}, int64(maxArchive)
	t := tar.NewReader(io.LimitReader(z, 2*maxArchive))
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return members, nil
		}
		if err != nil {
			return nil, err
		}
		switch {
		case h.Typeflag != tar.TypeReg:
			return nil, fmt.Errorf("%q is no plain file", h.Name)
		case path.IsAbs(h.Name) || path.Clean(h.Name) != h.Name || h.Name == ".." || strings.HasPrefix(h.Name, "../"):
			return nil, fmt.Errorf("%q leads out of the archive", h.Name)
		case h.Size > maxFile || h.Size > left || len(members) >= 2*maxFiles:
			return nil, fmt.Errorf("%q is too large, or one too many", h.Name)
		}
		if _, twice := members[h.Name]; twice {
			return nil, fmt.Errorf("%q stands twice", h.Name)
		}
		content, err := io.ReadAll(io.LimitReader(t, h.Size))
		if err != nil {
			return nil, err
		}
		left -= h.Size
		members[h.Name] = string(content)
	}
}

// assemble makes the bundle of an archive's members. What the members say is checked by Open after.
func assemble(members map[string]string) (Bundle, error) {
	rest := map[string]bool{}
	for name := range members {
		rest[name] = true
	}
	take := func(name string) string {
		delete(rest, name)
		return members[name]
	}
	for _, name := range []string{"berth-host", "lib.sh", "name", "version", "packages", "manifest", "units", "settings.names", "secrets.names"} {
		if _, ok := members[name]; !ok {
			return Bundle{}, fmt.Errorf("%s is missing: that is no bundle's archive", name)
		}
	}
	take("berth-host")
	take("lib.sh")
	take("version")
	b := Bundle{
		Name: strings.TrimSpace(take("name")), Packages: split(take("packages")),
		Settings: split(take("settings.names")), Secrets: split(take("secrets.names")),
	}
	for _, l := range split(take("manifest")) {
		f := strings.SplitN(l, "\t", 4)
		if len(f) != 4 {
			return Bundle{}, fmt.Errorf("manifest: %q is not mode, owner, digest and path", l)
		}
		mode, err := strconv.ParseUint(f[0], 8, 16)
		if err != nil {
			return Bundle{}, fmt.Errorf("manifest: %q is no mode", f[0])
		}
		content, ok := members["files"+f[3]]
		if sum := sha256.Sum256([]byte(content)); !ok || hex.EncodeToString(sum[:]) != f[2] {
			return Bundle{}, fmt.Errorf("manifest: %q is missing, or not what its digest says", f[3])
		}
		delete(rest, "files"+f[3])
		b.Files = append(b.Files, File{Path: f[3], Content: content, Mode: uint32(mode), Owner: f[1]})
	}
	for _, l := range split(take("units")) {
		f := strings.Split(l, "\t")
		if len(f) < 3 || (f[2] != "reload" && f[2] != "restart") {
			return Bundle{}, fmt.Errorf("units: %q is not name, state, how and paths", l)
		}
		u := Unit{Name: f[0], State: UnitState(f[1]), Reload: f[2] == "reload"}
		if len(f) > 3 {
			u.RestartOn = f[3:]
		}
		b.Units = append(b.Units, u)
	}
	for name := range rest {
		step, ok := strings.CutPrefix(name, "steps/")
		if !ok {
			return Bundle{}, fmt.Errorf("%q belongs to no bundle", name)
		}
		b.Steps = append(b.Steps, Step{Name: step, Script: members[name]})
	}
	slices.SortFunc(b.Steps, func(x, y Step) int { return strings.Compare(x.Name, y.Name) })
	return b, nil
}

func split(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}
