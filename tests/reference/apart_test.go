package reference_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/berth-iac/berth/engine"
)

// A run on the embedded cloud sees no credential, and leaves the user's files and real state alone.
func TestLocalRunLeavesRealStateAlone(t *testing.T) {
	root, _, _ := upRoot(t)
	home := t.TempDir()
	for name, text := range map[string]string{
		".pulumi/credentials.json":                  `{"current":"https://pulumi.example","accessTokens":{"https://pulumi.example":"pul-canary"}}`,
		".pulumi/stacks/berth/prod.json":            `{"version":3,"checkpoint":{"latest":{"resources":[]}}}`,
		"backend/.pulumi/stacks/berth/prod.json":    `{"version":3,"checkpoint":{"latest":{"resources":[]}}}`,
		"backend/.pulumi/meta.yaml":                 "version: 1\n",
		".aws/credentials":                          "[default]\naws_access_key_id = canary\naws_secret_access_key = canary\n",
		".config/cloudflare/token-that-nobody-asks": "canary",
	} {
		path := filepath.Join(home, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	edit(t, root, "prod", settings{"service.release.version": "1.1.0"})
	before, homeBefore := fingerprints(t, root), fingerprints(t, home)
	s := open(t, root, "prod", func(o *engine.Options) {
		o.Env = []string{
			"PATH=" + os.Getenv("PATH"), "HOME=" + home, "PULUMI_HOME=" + filepath.Join(home, ".pulumi"),
			"PULUMI_BACKEND_URL=file://" + filepath.Join(home, "backend"), "PULUMI_ACCESS_TOKEN=canary",
			"PULUMI_CONFIG_PASSPHRASE=canary", "AWS_ACCESS_KEY_ID=canary", "AWS_SECRET_ACCESS_KEY=canary", "AWS_PROFILE=canary",
			"AWS_SHARED_CREDENTIALS_FILE=" + filepath.Join(home, ".aws", "credentials"), "CLOUDFLARE_API_TOKEN=canary",
		}
	})
	looked := false
	r, err := s.Up(t.Context(), engine.ChangeOptions{RunOptions: engine.RunOptions{Progress: func(e engine.Event) {
		if looked || e.Ended == nil {
			return
		}
		looked = true
		environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", cliOf(t, root)))
		if err != nil {
			t.Logf("the CLI's environment cannot be read here: %v", err)
			return
		}
		for _, entry := range bytes.Split(environ, []byte{0}) {
			if text := string(entry); strings.Contains(text, "canary") || strings.HasPrefix(text, "AWS_") || strings.HasPrefix(text, "CLOUDFLARE_") ||
				strings.HasPrefix(text, "PULUMI_") && strings.Contains(text, home) {
				t.Errorf("the CLI sees %s", text)
			}
		}
	}}})
	if got := len(changes(done(t, r, err))); got != 3 || !looked {
		t.Errorf("%d changes, want the 3 of a release", got)
	}
	closed(t, s)
	if after := fingerprints(t, home); !maps.Equal(homeBefore, after) {
		t.Errorf("the user's home changed: %v, before %v", after, homeBefore)
	}
	if after := fingerprints(t, root); !maps.Equal(before, after) {
		t.Errorf("the project's files changed: %v, before %v", after, before)
	}
}

// A preview needs no network, no credentials and no home: a process that has none of them makes one.
func TestPreviewNeedsNothing(t *testing.T) {
	cli := pulumiCLI(t)
	cmd := childProcess(t, newRoot(t), engine.Preview)
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "BERTH_PULUMI=" + cli, childVariable + "=" + string(engine.Preview),
		"HTTP_PROXY=http://127.0.0.1:9", "HTTPS_PROXY=http://127.0.0.1:9", "ALL_PROXY=http://127.0.0.1:9", // nobody answers there
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	if n := strings.Count(string(out), "create "); n < 300 {
		t.Errorf("the preview shows %d resources, want all of the reference client:\n%s", n, out)
	}
}

// fingerprints are the checksums of a folder's files; what berth keeps for itself, .berth, is left out.
func fingerprints(t *testing.T, dir string) map[string]string {
	t.Helper()
	sums := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && entry.Name() == ".berth":
			return filepath.SkipDir
		case entry.IsDir():
			sums[path] = "folder"
			return nil
		}
		text, err := os.ReadFile(path)
		sums[path] = fmt.Sprintf("%x", sha256.Sum256(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return sums
}
