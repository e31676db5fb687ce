package bundle_test

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/berth-iac/berth/machine/bundle"
)

// keys runs berth-keys as the provider does: the script on standard input.
func keys(t *testing.T, dir, generation string) (map[string]string, string, error) {
	t.Helper()
	for _, tool := range []string{"bash", "openssl", "flock"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("needs %s: %v", tool, err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "bash", "-s", "--", dir, generation)
	cmd.Stdin = strings.NewReader(bundle.KeysScript)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	values := map[string]string{}
	for line := range strings.Lines(string(out)) {
		k, v, _ := strings.Cut(strings.TrimSpace(line), "=")
		values[k] = v
	}
	return values, stderr.String(), err
}

func mustKeys(t *testing.T, dir, generation string) map[string]string {
	t.Helper()
	values, stderr, err := keys(t, dir, generation)
	if err != nil {
		t.Fatalf("berth-keys %s: %v: %s", generation, err, stderr)
	}
	return values
}

func authorities(t *testing.T, encoded string) []*x509.Certificate {
	t.Helper()
	rest, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		t.Fatal(err)
	}
	var all []*x509.Certificate
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	return all
}

func TestKeysAreWhatWireGuardAndTLSTake(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "etc", "keys")
	got := mustKeys(t, dir, "1")
	private, err := os.ReadFile(filepath.Join(dir, "wireguard.key"))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(private)))
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdh.X25519().NewPrivateKey(raw)
	if err != nil {
		t.Fatal(err)
	}
	if want := base64.StdEncoding.EncodeToString(key.PublicKey().Bytes()); got["wireguard"] != want || len(want) != 44 {
		t.Errorf("wireguard=%s, the private key's public half is %s", got["wireguard"], want)
	}
	all := authorities(t, got["authority"])
	if len(all) != 1 {
		t.Fatalf("%d authorities, want 1", len(all))
	}
	ca := all[0]
	if !ca.IsCA || ca.MaxPathLen != 0 || !ca.MaxPathLenZero || ca.KeyUsage&x509.KeyUsageCertSign == 0 {
		t.Errorf("CA %v, path length %d, usage %b", ca.IsCA, ca.MaxPathLen, ca.KeyUsage)
	}
	if p, ok := ca.PublicKey.(*ecdsa.PublicKey); !ok || p.Curve != elliptic.P256() {
		t.Errorf("key is %T", ca.PublicKey)
	}
	if !strings.HasPrefix(ca.Subject.CommonName, "Berth ") || len(ca.SubjectKeyId) == 0 {
		t.Errorf("subject %s, key id %x", ca.Subject, ca.SubjectKeyId)
	}
	if life := ca.NotAfter.Sub(ca.NotBefore); life < 3649*24*time.Hour || life > 3651*24*time.Hour {
		t.Errorf("valid for %s", life)
	}
	if err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s is %s: others can read it", path, info.Mode())
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

func TestKeysRotate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	first := mustKeys(t, dir, "1")
	if again := mustKeys(t, dir, "1"); fmt.Sprint(again) != fmt.Sprint(first) {
		t.Errorf("the same generation gave other keys")
	}
	second := mustKeys(t, dir, "2")
	if second["wireguard"] == first["wireguard"] {
		t.Error("a rotation kept the tunnel's key")
	}
	all := authorities(t, second["authority"])
	old := authorities(t, first["authority"])[0]
	if len(all) != 2 || !all[1].Equal(old) || all[0].Equal(old) {
		t.Fatalf("after a rotation %d authorities, want the present one and the one before", len(all))
	}
	if all[0].Subject.String() == all[1].Subject.String() {
		t.Errorf("both authorities are named %s: whoever checks a certificate cannot tell its issuer", all[0].Subject)
	}
	third := authorities(t, mustKeys(t, dir, "7")["authority"])
	if len(third) != 2 || !third[1].Equal(all[0]) {
		t.Errorf("after two rotations %d authorities, want the present one and exactly one before", len(third))
	}
	if _, stderr, err := keys(t, dir, "6"); err == nil || !strings.Contains(stderr, "ask for 7 to keep its keys") {
		t.Errorf("a smaller generation: %v, %s", err, stderr)
	}
}

func TestKeysRefuseWhatTheyCannotUse(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	for args, want := range map[[2]string]string{
		{dir, "0"}:          "no number",
		{dir, "1; reboot"}:  "no number",
		{"etc/keys", "1"}:   "usage",
		{dir, "1000000000"}: "no number",
	} {
		if _, stderr, err := keys(t, args[0], args[1]); err == nil || !strings.Contains(stderr, want) {
			t.Errorf("%v: %v, %s; want %q", args, err, stderr, want)
		}
	}
	mustKeys(t, dir, "1")
	if err := os.Remove(filepath.Join(dir, "authority.key")); err != nil {
		t.Fatal(err)
	}
	if _, stderr, err := keys(t, dir, "1"); err == nil || !strings.Contains(stderr, "authority.key is missing") {
		t.Errorf("half of the keys: %v, %s", err, stderr)
	}
}

// A rotation that is killed anywhere is completed, or undone, by the next run: never half of each.
func TestKeysSurviveAKill(t *testing.T) {
	for _, tool := range []string{"openssl", "mv", "sync", "rmdir"} {
		t.Run(tool, func(t *testing.T) {
			real, err := exec.LookPath(tool)
			if err != nil {
				t.Skipf("needs %s: %v", tool, err)
			}
			for nth := 1; nth <= 10; nth++ {
				dir := filepath.Join(t.TempDir(), "keys")
				first := mustKeys(t, dir, "1")
				// A stand-in kills berth-keys the nth time that it is called, after it has done its work.
				bin, counter := t.TempDir(), filepath.Join(t.TempDir(), "count")
				script := fmt.Sprintf("#!/bin/bash\n%s \"$@\"\ncode=$?\necho >>%s\n[[ $(wc -l <%s) -ne %d ]] || kill -9 $PPID\nexit $code\n", real, counter, counter, nth)
				if err := os.WriteFile(filepath.Join(bin, tool), []byte(script), 0o700); err != nil {
					t.Fatal(err)
				}
				cmd := exec.CommandContext(t.Context(), "bash", "-c", bundle.KeysScript, "berth-keys", dir, "2")
				cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
				killed := cmd.Run() != nil
				second := mustKeys(t, dir, "2")
				old := authorities(t, first["authority"])[0]
				all := authorities(t, second["authority"])
				if len(all) != 2 || !all[1].Equal(old) {
					t.Fatalf("killed at %s %d: %d authorities, want the new one and the old", tool, nth, len(all))
				}
				trusted, err := os.ReadFile(filepath.Join(dir, "authority.crt"))
				if err != nil {
					t.Fatal(err)
				}
				if pub := authorities(t, base64.StdEncoding.EncodeToString(trusted)); !pub[0].Equal(all[0]) {
					t.Fatalf("killed at %s %d: the authority is not the one that is trusted", tool, nth)
				}
				key, err := os.ReadFile(filepath.Join(dir, "authority.key"))
				if err != nil {
					t.Fatal(err)
				}
				block, _ := pem.Decode(key)
				parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
				if err != nil {
					t.Fatal(err)
				}
				if !parsed.(*ecdsa.PrivateKey).PublicKey.Equal(all[0].PublicKey) {
					t.Fatalf("killed at %s %d: key and certificate of the authority do not belong together", tool, nth)
				}
				if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) > 0 {
					t.Errorf("killed at %s %d: %v is left", tool, nth, left)
				}
				if !killed {
					return
				}
			}
		})
	}
}

func TestKeysScriptIsClean(t *testing.T) {
	if _, err := exec.LookPath("shellcheck"); err != nil {
		t.Skipf("needs shellcheck: %v", err)
	}
	if out, err := exec.CommandContext(t.Context(), "shellcheck", "keys.sh").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
