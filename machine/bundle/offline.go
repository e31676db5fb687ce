package bundle

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"
	"text/template"
	"time"
)

//go:embed offline.sh
var offlineScript string

//go:embed fetch-packages.sh
var fetchPackages string

// FetchPackages is a script that fetches packages of the distribution, with all that they need, into a folder, for an archive that needs
// no network. The bundles' packages are in it; whoever runs it names the folder.
func FetchPackages(bundles []Bundle) string {
	return strings.Replace(fetchPackages, "packages=()", "packages=("+strings.Join(packagesOf(bundles), " ")+")", 1)
}

// packagesOf are the names of the packages that bundles ask for, each once.
func packagesOf(bundles []Bundle) []string {
	var names []string
	for _, b := range bundles {
		names = append(names, b.Packages...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// OfflineArgs are what goes into an archive that a machine's administrator runs without network.
type OfflineArgs struct {
	// Client and Version name what it is: the client's name and the release's version.
	Client, Version string
	// Bundles in the order in which they are applied.
	Bundles []Bundle
	// Settings that are known. What else bundles ask for the administrator answers on the machine.
	Settings map[string]string
	// Questions explain settings and secrets to whoever answers, a line each, by name.
	Questions map[string]string
	// Generated are the secrets that the machine makes for itself when nobody gives one.
	Generated []string
	// Duties are what is the client's part from then on, in plain words.
	Duties []string
	// Release holds the files of the release by name, which are laid below /var/lib/berth/releases/<version>; nil: the machine downloads it.
	Release map[string][]byte
	// Packages is a folder that FetchPackages filled: *.deb files that the bundles need and what those need, and what says which they
	// are. Nil: the machine has network or a mirror.
	Packages fs.FS
}

var (
	offlineName    = regexp.MustCompile(`^[a-z][a-z0-9-]{0,60}$`)
	offlineVersion = regexp.MustCompile(`^[0-9][0-9A-Za-z.-]{0,60}$`)
	fileName       = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._+~%-]*$`)
)

// Offline writes a shell archive: a script that can be read, then a tar file. It checks itself before it does anything, plans, asks,
// applies and reports. The same arguments give the same bytes.
func Offline(w io.Writer, a OfflineArgs) error {
	if err := a.check(); err != nil {
		return fmt.Errorf("make the archive of %s: %w", a.Client, err)
	}
	payload, err := a.payload()
	if err != nil {
		return fmt.Errorf("make the archive of %s: %w", a.Client, err)
	}
	sum := sha256.Sum256(payload)
	names := make([]string, len(a.Bundles))
	for i, b := range a.Bundles {
		names[i] = b.Name
	}
	// The script says how long it is: that number has as many digits whatever it is.
	header := func(offset int) (string, error) {
		var out strings.Builder
		err := template.Must(template.New("offline.sh").Option("missingkey=error").Parse(offlineScript)).Execute(&out, struct {
			Client, Version, Offset, SHA256, Bundles string
			Size                                     int
		}{a.Client, a.Version, fmt.Sprint(offset), hex.EncodeToString(sum[:]), strings.Join(names, " "), len(payload)})
		return out.String(), err
	}
	const digits = 10000 // the script is between 1,000 and 99,999 bytes long: five digits are filled with what stands for them
	script, err := header(digits)
	if err != nil {
		return fmt.Errorf("make the archive of %s: %w", a.Client, err)
	}
	if len(script) < digits {
		script = strings.Replace(script, "\nset -eu\n", "\n"+strings.Repeat("#\n", (digits-len(script)+2)/2)+"set -eu\n", 1)
	}
	if len(script) > 99999 {
		return fmt.Errorf("make the archive of %s: its script is %d bytes long", a.Client, len(script))
	}
	script = strings.Replace(script, fmt.Sprintf("offset='%d'", digits), fmt.Sprintf("offset='%d'", len(script)), 1)
	if _, err := io.WriteString(w, script); err != nil {
		return fmt.Errorf("write the archive of %s: %w", a.Client, err)
	}
	if _, err := w.Write(payload); err != nil {
		return fmt.Errorf("write the archive of %s: %w", a.Client, err)
	}
	return nil
}

func (a OfflineArgs) check() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if !offlineName.MatchString(a.Client) {
		bad("client %q: use lower-case letters, digits and hyphens", a.Client)
	}
	if !offlineVersion.MatchString(a.Version) {
		bad("version %q is none", a.Version)
	}
	if len(a.Bundles) == 0 {
		bad("there is no bundle to apply")
	}
	if len(a.Duties) == 0 {
		bad("no duties are stated: the client has to know what is its part")
	}
	seen := map[string]bool{}
	for _, b := range a.Bundles {
		if seen[b.Name] {
			bad("bundle %s is there twice", b.Name)
		}
		seen[b.Name] = true
		if err := b.Check(); err != nil {
			errs = append(errs, err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(a.Settings)) {
		if value := a.Settings[name]; !valueName.MatchString(name) || value == "" || strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			bad("setting %q: a name in lower-case letters and one line of text are needed", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(a.Questions)) {
		if !valueName.MatchString(name) || strings.ContainsAny(a.Questions[name], "\n\t") {
			bad("question %q: a name in lower-case letters and one line of text are needed", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(a.Release)) {
		if !fileName.MatchString(name) {
			bad("the release's file %q has no name that such a file has", name)
		}
	}
	for _, name := range a.Generated {
		if !valueName.MatchString(name) {
			bad("%q is no name of a secret", name)
		}
	}
	return errors.Join(errs...)
}

// payload is the tar file after the script.
func (a OfflineArgs) payload() ([]byte, error) {
	var all []member
	var settings, questions strings.Builder
	for _, name := range slices.Sorted(maps.Keys(a.Settings)) {
		fmt.Fprintf(&settings, "%s=%s\n", name, a.Settings[name])
	}
	for _, name := range slices.Sorted(maps.Keys(a.Questions)) {
		fmt.Fprintf(&questions, "%s\t%s\n", name, a.Questions[name])
	}
	all = append(all, member{"README", 0o644, a.Readme()}, member{"DUTIES", 0o644, a.duties()}, member{"settings", 0o644, settings.String()},
		member{"questions", 0o644, questions.String()}, member{"generated", 0o644, lines(slices.Sorted(slices.Values(a.Generated)))})
	for _, b := range a.Bundles {
		for _, m := range b.members() {
			all = append(all, member{"bundles/" + b.Name + "/" + m.name, m.mode, m.content})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(a.Release)) {
		all = append(all, member{"release/" + name, 0o644, string(a.Release[name])})
	}
	if a.Packages != nil {
		some, err := packageFiles(a.Packages, a.Bundles)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	var out bytes.Buffer
	t := tar.NewWriter(&out)
	for _, m := range all {
		h := &tar.Header{Typeflag: tar.TypeReg, Name: m.name, Mode: m.mode, Size: int64(len(m.content)), Uname: "root", Gname: "root",
			ModTime: time.Unix(0, 0), Format: tar.FormatGNU}
		if err := t.WriteHeader(h); err != nil {
			return nil, fmt.Errorf("put %s in: %w", m.name, err)
		}
		if _, err := io.WriteString(t, m.content); err != nil {
			return nil, fmt.Errorf("put %s in: %w", m.name, err)
		}
	}
	if err := t.Close(); err != nil {
		return nil, fmt.Errorf("finish the payload: %w", err)
	}
	return out.Bytes(), nil
}

// packageFiles takes the packages of a folder that the fetching script has filled, sorted by name. All of them are installed without
// any further question, so that one that the script did not fetch, or fetched otherwise, is refused, and one that bundles need is missed.
func packageFiles(from fs.FS, bundles []Bundle) ([]member, error) {
	names, err := fs.Glob(from, "*.deb")
	if err != nil {
		return nil, fmt.Errorf("read the folder of packages: %w", err)
	}
	const fill = "fill it with the script that `berth bundle --fetch-script` prints"
	if len(names) == 0 {
		return nil, errors.New("the folder of packages holds no file that ends in .deb: " + fill)
	}
	sums, errSums := fs.ReadFile(from, "SHA256SUMS")
	asked, errAsked := fs.ReadFile(from, "packages")
	if err := errors.Join(errSums, errAsked); err != nil {
		return nil, fmt.Errorf("the folder of packages does not say what was fetched into it; %s: %w", fill, err)
	}
	var all []member
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	fetched := map[string]string{} // by name
	for line := range strings.Lines(string(sums)) {
		sum, name, _ := strings.Cut(strings.TrimRight(line, "\n"), "  ")
		fetched[name] = sum
	}
	for _, name := range names {
		text, err := fs.ReadFile(from, name)
		sum := sha256.Sum256(text)
		switch {
		case err != nil:
			bad("read the folder of packages: %w", err)
		case !fileName.MatchString(name):
			bad("the folder of packages has a file %q: that is no name of a package", name)
		case fetched[name] == "":
			bad("the folder of packages has a file %s that SHA256SUMS does not name: take it out, or fetch all anew", name)
		case fetched[name] != hex.EncodeToString(sum[:]):
			bad("the package %s is not the one that SHA256SUMS names: fetch all anew", name)
		}
		delete(fetched, name)
		all = append(all, member{"debs/" + name, 0o644, string(text)})
	}
	for _, name := range slices.Sorted(maps.Keys(fetched)) {
		bad("the package %s, which SHA256SUMS names, is gone from the folder: fetch all anew", name)
	}
	listed := strings.Fields(string(asked))
	for _, name := range packagesOf(bundles) {
		if !slices.Contains(listed, name) || !slices.ContainsFunc(names, func(file string) bool { return strings.HasPrefix(file, name+"_") }) {
			bad("the folder of packages lacks %s, which the bundles need: fetch all anew", name)
		}
	}
	return all, errors.Join(errs...)
}

func (a OfflineArgs) duties() string {
	var out strings.Builder
	fmt.Fprintf(&out, "What is %s's part from now on\n\nThe machine stands on your premises, and is yours to look after. We make the software, and stand by with advice;\nwhat follows nobody does for you:\n\n", a.Client)
	for i, duty := range a.Duties {
		fmt.Fprintf(&out, "%2d. %s\n", i+1, duty)
	}
	return out.String()
}

// Readme is what the administrator reads first; it lies beside the archive and in it.
func (a OfflineArgs) Readme() string {
	packages := "The packages of Debian that it needs are in it: the machine needs no network at all."
	if a.Packages == nil {
		packages = "The packages of Debian that it needs are not in it: the machine needs Debian's archive, or a mirror of it in your network."
	}
	release := "The signed release of TaskFlow is in it, and its signature is checked again before it is installed."
	if a.Release == nil {
		release = "The release of TaskFlow is not in it: the machine downloads it, and checks its signature."
	}
	file := a.Client + "-" + a.Version + ".run"
	return strings.NewReplacer("FILE", file, "CLIENT", a.Client, "VERSION", a.Version, "PACKAGES", packages, "RELEASE", release).Replace(`TaskFlow VERSION for CLIENT

FILE makes a machine with Debian 12 (bookworm, amd64) and two empty disks what was agreed: hardened, with
mirrored disks, PostgreSQL with backups, TaskFlow and what watches them. PACKAGES
RELEASE

1. Check who made it, before you run anything. You need FILE, FILE.minisig, and our public key, which you were
   given in another way (on paper, on the telephone). On any machine with minisign:

       minisign -V -P <our public key> -m FILE

   It has to say "Signature and comment signature verified". Otherwise stop, and tell us.

2. Read it, if you like: the script at its beginning is text; everything else comes out with

       sh FILE extract folder

   bundles/*/files are the files that it places, bundles/*/steps what it does, bundles/*/packages what it installs.

3. On the machine, as root:

       sh FILE verify
       sh FILE plan       # asks what it has to know in the file "answers"; fill it in, run it again
       sh FILE apply      # stopped half-way, run it again: it goes on

   plan changes nothing. apply says each thing that it does. Disks that hold data are not touched unless they were
   named for it.

4. Read your duties: sh FILE duties

5. Whenever we ask how the machine is: sh FILE report report.txt makes a report without secrets. Read it, send it to us.

A newer file of the same kind brings the machine to the newer release: the same four steps.
`)
}
