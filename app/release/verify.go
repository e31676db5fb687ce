package release

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"aead.dev/minisign"
)

// ErrUnsigned says that nobody vouches for a release.
var ErrUnsigned = errors.New("the release is not signed: it is a development build, and no machine should install it")

// Verify checks all of a release: that the manifest is signed by the key, that each file is what the manifest says and no other file is
// there, that the checksums are those of the files, that the archives hold nothing but a static program of TaskFlow, and that each SBOM
// is what its program was built from. It reports all that is wrong. Without a key it checks all but the signature.
func Verify(folder string, key *minisign.PublicKey) (Manifest, error) {
	text, err := os.ReadFile(filepath.Join(folder, ManifestFile))
	if err != nil {
		return Manifest{}, fmt.Errorf("read the manifest: %w", err)
	}
	signature, err := os.ReadFile(filepath.Join(folder, SignatureFile))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return Manifest{}, fmt.Errorf("read the signature: %w", err)
	}
	signed := err == nil
	// Nothing of the manifest is looked at before it is known whose it is.
	if key != nil {
		if !signed {
			return Manifest{}, ErrUnsigned
		}
		if !minisign.Verify(*key, text, signature) {
			return Manifest{}, fmt.Errorf("the manifest is not signed by the key %s: the release was altered, or somebody else made it", key)
		}
	}
	m, err := decode(text)
	if err != nil {
		return Manifest{}, err
	}
	var problems []error
	wrong := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	if m.Development == signed {
		wrong("the manifest and the signature do not agree whether this is a development build")
	}
	all := append(slices.Clone(m.Files), fileOf(ManifestFile, text))
	if signed {
		all = append(all, fileOf(SignatureFile, signature))
		var s minisign.Signature
		if err := s.UnmarshalText(signature); err != nil || s.TrustedComment != trustedComment(m) || s.UntrustedComment != untrustedComment {
			wrong("%s is of another release", SignatureFile)
		}
	}
	if err := onlyThese(folder, all); err != nil {
		problems = append(problems, err)
	}
	if given, err := os.ReadFile(filepath.Join(folder, SumsFile)); err != nil {
		wrong("read the checksums: %w", err)
	} else if !bytes.Equal(given, sums(all)) {
		wrong("%s is not what the release's files give", SumsFile)
	}
	for _, arch := range m.arches() {
		if err := m.verify(folder, arch); err != nil {
			problems = append(problems, fmt.Errorf("linux %s: %w", arch, err))
		}
	}
	return m, errors.Join(problems...)
}

// decode reads a manifest that is written as Build does, and in no other way.
func decode(text []byte) (Manifest, error) {
	var m Manifest
	if err := json.Unmarshal(text, &m); err != nil {
		return Manifest{}, fmt.Errorf("read the manifest: %w", err)
	}
	again, err := m.encode()
	if err != nil {
		return Manifest{}, err
	}
	if !bytes.Equal(text, again) || m.Name != Program || !versionForm.MatchString(m.Version) || !commitForm.MatchString(m.Commit) {
		return Manifest{}, errors.New("the manifest is not one of TaskFlow's")
	}
	arches := m.arches()
	if len(arches) == 0 || len(m.Files) != 2*len(arches) || !slices.IsSortedFunc(m.Files, func(a, b File) int { return strings.Compare(a.Name, b.Name) }) {
		return Manifest{}, errors.New("the manifest's files are not those of a release")
	}
	for _, arch := range arches {
		if !slices.ContainsFunc(m.Files, func(f File) bool { return f.Name == SBOM(arch) }) {
			return Manifest{}, fmt.Errorf("the manifest has no SBOM for linux %s", arch)
		}
	}
	return m, nil
}

func (m Manifest) arches() []string {
	var all []string
	for _, arch := range Arches() {
		if slices.ContainsFunc(m.Files, func(f File) bool { return f.Name == Archive(arch) }) {
			all = append(all, arch)
		}
	}
	return all
}

// onlyThese reports files that are there and in no list.
func onlyThese(folder string, listed []File) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return fmt.Errorf("read the release's folder: %w", err)
	}
	var problems []error
	for _, entry := range entries {
		if entry.Name() != SumsFile && !slices.ContainsFunc(listed, func(f File) bool { return f.Name == entry.Name() }) {
			problems = append(problems, fmt.Errorf("%s does not belong to the release", entry.Name()))
		}
	}
	return errors.Join(problems...)
}

// verify checks an architecture's archive and SBOM.
func (m Manifest) verify(folder, arch string) error {
	contents := map[string][]byte{}
	var problems []error
	for _, f := range m.Files {
		if f.Name != Archive(arch) && f.Name != SBOM(arch) {
			continue
		}
		content, err := os.ReadFile(filepath.Join(folder, f.Name))
		if err == nil && fileOf(f.Name, content) != f {
			err = fmt.Errorf("%s is not what the manifest says: it was altered", f.Name)
		}
		problems = append(problems, err)
		contents[f.Name] = content
	}
	if err := errors.Join(problems...); err != nil {
		return err
	}
	program, err := unpack(contents[Archive(arch)])
	if err != nil {
		return fmt.Errorf("%s: %w", Archive(arch), err)
	}
	info, err := inspect(program, arch)
	if err != nil {
		return fmt.Errorf("%s: %w", Archive(arch), err)
	}
	if info.GoVersion != m.Go {
		problems = append(problems, fmt.Errorf("the program was built with %s, and the manifest says %s", info.GoVersion, m.Go))
	}
	list, err := sbom(m, arch, info, fileOf(Archive(arch), contents[Archive(arch)]))
	if err == nil && !bytes.Equal(list, contents[SBOM(arch)]) {
		err = fmt.Errorf("%s is not what the program was built from", SBOM(arch))
	}
	return errors.Join(append(problems, err)...)
}
