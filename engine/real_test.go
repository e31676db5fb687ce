package engine_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/berth-iac/berth/engine"
	"github.com/berth-iac/berth/localcloud"
)

// realEnvironment is what a user's environment would be whose cloud is a running embedded one: nothing of
// the engine's own knows that.
func realEnvironment(t *testing.T, root string) (env []string, cloud *localcloud.Cloud) {
	t.Helper()
	cloud, err := localcloud.Start(t.Context(), localcloud.Options{Dir: t.TempDir(), Seed: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cloud.Close() }) // a second time, where a test closes it itself
	return append(os.Environ(), "PULUMI_BACKEND_URL=file://"+filepath.Join(root, "backend"), "PULUMI_CONFIG_PASSPHRASE=test",
		"PULUMI_HOME="+t.TempDir(), "PULUMI_DEBUG_PROVIDERS="+cloud.Providers(), "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION=true"), cloud
}

func newRealRoot(t *testing.T) string {
	t.Helper()
	root := newRoot(t)
	for _, dir := range []string{"backend", "stacks"} {
		if err := os.Mkdir(filepath.Join(root, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(root, "Pulumi.dev.yaml"), []byte("config:\n  aws:region: eu-west-2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return root
}

func TestRealStackUsesTheUsersBackend(t *testing.T) {
	s, root := usual, newRealRoot(t)
	env, _ := realEnvironment(t, root)
	kill := make(chan struct{})
	real := func(o *engine.Options) { o.Local, o.Cloud, o.Env, o.Kill = false, engine.CloudOptions{}, env, kill }
	stack := open(t, root, &s, real)
	result := up(t, stack)
	if result.Cloud != engine.RealCloud {
		t.Errorf("cloud = %q", result.Cloud)
	}
	if _, err := os.Stat(engine.LocalFolder(root, "dev")); !errors.Is(err, os.ErrNotExist) {
		t.Error("a real stack made a local folder")
	}
	wantNoChanges(t, preview(t, stack))
	if _, err := stack.Destroy(t.Context(), engine.ChangeOptions{Confirm: []string{"dev"}}); err != nil {
		t.Error(err)
	}
}

func TestRealStackKilledWhileCreatingSaysWhatToDo(t *testing.T) {
	s, root := usual, newRealRoot(t)
	env, _ := realEnvironment(t, root)
	kill := make(chan struct{})
	real := func(o *engine.Options) { o.Local, o.Cloud, o.Env, o.Kill = false, engine.CloudOptions{}, env, kill }
	stack := open(t, root, &s, real)
	killed := false
	_, err := stack.Up(t.Context(), engine.ChangeOptions{RunOptions: engine.RunOptions{Progress: func(e engine.Event) {
		if e.Began != nil && strings.HasPrefix(e.Began.Type, "aws:") && !killed {
			killed = true
			close(kill)
		}
	}}})
	if err == nil {
		t.Fatal("up succeeded although its CLI was killed")
	}
	kill = make(chan struct{})
	if err := stack.Close(); err != nil {
		t.Fatal(err)
	}
	// Whether an operation was on record when the CLI died is chance; its lock in the backend never blocks.
	_, err = open(t, root, &s, real).Up(t.Context(), engine.ChangeOptions{})
	var pending *engine.PendingError
	if err != nil && !errors.As(err, &pending) {
		t.Errorf("err = %v, want none or the pending operations", err)
	}
	if pending != nil && !strings.Contains(err.Error(), "pulumi refresh --stack dev --clear-pending-creates") {
		t.Errorf("err = %v, want what to run", err)
	}
}

func TestStackKeptApartMovesToItsBackend(t *testing.T) {
	s, root := usual, newRealRoot(t)
	env, _ := realEnvironment(t, root)
	folder := filepath.Join(root, "apart")
	here := open(t, root, &s, func(o *engine.Options) { o.Local, o.Cloud, o.Env, o.Folder = false, engine.CloudOptions{}, env, folder })
	up(t, here)
	state, err := here.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := here.Close(); err != nil {
		t.Fatal(err)
	}
	there := open(t, root, &s, func(o *engine.Options) { o.Local, o.Cloud, o.Env = false, engine.CloudOptions{}, env })
	if err := there.SetState(t.Context(), state); err != nil {
		t.Fatal(err)
	}
	wantNoChanges(t, preview(t, there))
	outputs, err := there.Outputs(t.Context(), true)
	if err != nil || outputs["password"].Value != "hush-output" {
		t.Errorf("outputs = %+v, %v; want the secret readable in the new backend", outputs, err)
	}
}
