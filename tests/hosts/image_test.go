package hosts

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

//go:embed image.sh
var recipe string

// left are the packages that machines do not have before a bundle installs them. The others of bundles are in the image: they take
// minutes to install under emulation, and show nothing that these do not.
var left = []string{"chrony", "jq", "minisign", "msmtp", "msmtp-mta", "rsync", "wireguard-tools"}

// image is a folder that image.sh made.
type image string

func (i image) disk() string   { return filepath.Join(string(i), "disk.qcow2") }
func (i image) kernel() string { return filepath.Join(string(i), "kernel") }
func (i image) initrd() string { return filepath.Join(string(i), "initrd") }

// packages is the archive that machines with a network install from: what the image lacks.
func (i image) packages() string { return filepath.Join(string(i), "repository") }

// fetched makes a folder of packages as the script for clients without a network fills it: what bundles ask for, whether the image has it
// or not, and all that the image lacks.
func (i image) fetched(t *testing.T, wanted []string) string {
	t.Helper()
	folder := t.TempDir()
	run(t, "bash", append([]string{"-c", `set -e
from=$1 kept=$2; cd "$3"; shift 3
cp "$from"/*.deb .
for p; do compgen -G "${p}_*.deb" >/dev/null || cp "$kept/$p"_*.deb .; done
sha256sum -- *.deb >SHA256SUMS
for d in *.deb; do dpkg-deb -f "$d" Package; done | sort -u >packages`, "fetched", i.packages(), filepath.Join(string(i), "packages"), folder}, wanted...)...)
	return folder
}

func cache(t testing.TB) string {
	base, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(base, "berth")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	return folder
}

// lock lets one lab run at a time on this machine: its addresses and names are fixed.
func lock(t *testing.T) {
	f, err := os.OpenFile(filepath.Join(cache(t), "hosts.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		t.Fatal("the lab is running already on this machine; wait until it has ended")
	}
	t.Cleanup(func() { _ = f.Close() })
}

// newImage builds the image for bundles that install packages, or takes it from the cache.
func newImage(t *testing.T, packages []string) image {
	var present, later []string
	for _, p := range packages {
		if slices.Contains(left, p) {
			later = append(later, p)
		} else {
			present = append(present, p)
		}
	}
	present = append(present, "lynis", "dbus-user-session-")
	sum := sha256.Sum256([]byte(recipe + fmt.Sprint(present, later)))
	folder := filepath.Join(cache(t), "hosts-"+hex.EncodeToString(sum[:6]))
	if _, err := os.Stat(image(folder).disk()); err != nil {
		// Images of former recipes go: each has a gigabyte.
		old, _ := filepath.Glob(filepath.Join(cache(t), "hosts-*"))
		for _, o := range old {
			_ = os.RemoveAll(o)
		}
		t.Log("building the machines' image, once (2 to 4 minutes)")
		c := exec.Command("bash", "-s", "--", folder, addressMail, strings.Join(present, " "), strings.Join(later, " "))
		c.Stdin = strings.NewReader(recipe)
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("build the machines' image: %v\n%s", err, out)
		}
	}
	return image(folder)
}

// newRelease builds and signs a release of TaskFlow from the tree as it is, below folder, and gives its checksum and the public key.
func newRelease(t *testing.T, version string) (folder, checksum, public string) {
	app, err := filepath.Abs("../../app")
	if err != nil {
		t.Fatal(err)
	}
	// Only a clean tree is signed: a repository of its own, with what is here.
	work := t.TempDir()
	folder = filepath.Join(work, "releases")
	key := filepath.Join(work, "key")
	script := `set -Eeuo pipefail
mkdir -p "$1/source" "$2"
(cd "$3/.." && git ls-files -co --exclude-standard -z app) | (cd "$3/.." && while IFS= read -r -d '' f; do [ -e "$f" ] && printf '%s\0' "$f"; done) |
	tar -C "$3/.." --null -T - -cf - | tar -C "$1/source" -xf -
cd "$1/source"
git init -q .
git add -A
git -c user.name=lab -c user.email=lab@northwind.example -c commit.gpgsign=false commit -qm lab
cd app
go run ./cmd/taskflow-release keygen --key "$5"
go run ./cmd/taskflow-release build --source . --version "$4" --arch amd64 --out "$2/$4" --key "$5"
`
	if out, err := exec.Command("bash", "-c", script, "release", work, folder, app, version, key).CombinedOutput(); err != nil {
		t.Fatalf("build a release: %v\n%s", err, out)
	}
	archive, err := os.ReadFile(filepath.Join(folder, version, "taskflow-linux-amd64.tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(archive)
	text, err := os.ReadFile(key + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Fields(string(text))
	return folder, hex.EncodeToString(sum[:]), lines[len(lines)-1]
}
