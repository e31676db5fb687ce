package engine_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

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

// killedReal is a real stack whose run was killed after its cloud had made the topic and before it said so. open opens
// the stack again; made are the topics that the cloud has.
func killedReal(t *testing.T) (again func(engine.Settling) *engine.Stack, made func() []localcloud.Object, root string) {
	t.Helper()
	s, root := usual, newRealRoot(t)
	kill := make(chan struct{})
	f, err := localcloud.ParseFault("create:aws:sns/topic:Topic:crash-after")
	if err != nil {
		t.Fatal(err)
	}
	dir, home := t.TempDir(), t.TempDir()
	start := func(options localcloud.Options) (*localcloud.Cloud, []string) {
		options.Dir, options.Seed = dir, 2
		cloud, err := localcloud.Start(t.Context(), options)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cloud.Close() })
		return cloud, append(os.Environ(), "PULUMI_BACKEND_URL=file://"+filepath.Join(root, "backend"), "PULUMI_CONFIG_PASSPHRASE=test",
			"PULUMI_HOME="+home, "PULUMI_DEBUG_PROVIDERS="+cloud.Providers(), "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION=true")
	}
	cloud, env := start(localcloud.Options{Faults: []localcloud.Fault{f}, Crash: func(string) {
		close(kill)
		time.Sleep(time.Second)
	}})
	stack := open(t, root, &s, func(o *engine.Options) { o.Local, o.Cloud, o.Env, o.Kill = false, engine.CloudOptions{}, env, kill })
	if _, err := stack.Up(t.Context(), engine.ChangeOptions{}); err == nil {
		t.Fatal("up succeeded although its CLI was killed")
	}
	if err := errors.Join(stack.Close(), cloud.Close()); err != nil {
		t.Fatal(err)
	}
	cloud, env = start(localcloud.Options{})
	again = func(settling engine.Settling) *engine.Stack {
		return open(t, root, &s, func(o *engine.Options) {
			o.Local, o.Cloud, o.Env, o.Settling = false, engine.CloudOptions{}, env, settling
		})
	}
	made = func() []localcloud.Object {
		objects, err := cloud.Objects(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return objects
	}
	return again, made, root
}

// theTopic is the topic among objects; there is one.
func theTopic(t *testing.T, objects []localcloud.Object) string {
	t.Helper()
	objects = slices.DeleteFunc(slices.Clone(objects), func(o localcloud.Object) bool { return o.Type != "aws:sns/topic:Topic" })
	if len(objects) != 1 {
		t.Fatalf("the cloud has %d topics, want the one that nobody heard of", len(objects))
	}
	return objects[0].ID
}

// found is a finder that knows what there is.
type found []localcloud.Object

func (f found) Find(_ context.Context, pending []engine.Pending) ([]engine.Finding, error) {
	findings := make([]engine.Finding, len(pending))
	for i, p := range pending {
		findings[i] = engine.Finding{Verdict: engine.Absent}
		at := slices.IndexFunc(f, func(o localcloud.Object) bool { return o.URN == p.URN && p.Provider["region"] == "eu-west-2" })
		if at >= 0 {
			findings[i] = engine.Finding{Verdict: engine.Candidate, ID: f[at].ID}
		}
	}
	return findings, nil
}

func (f found) Judge(p engine.Pending, read map[string]any) engine.Finding {
	if p.Name == "topic" && read["name"] != p.Inputs["name"] {
		return engine.Finding{Verdict: engine.Unknown, Why: fmt.Sprintf("not that one: %v", read)}
	}
	return engine.Finding{Verdict: engine.Ours}
}
func (found) Gone(engine.Pending, string) bool { return false }
func (found) Finish(context.Context, engine.Pending, string) (string, error) {
	return "its end was put right", nil
}

func TestRealStackGoesOnAfterAKill(t *testing.T) {
	again, made, _ := killedReal(t)
	topic := theTopic(t, made())
	stack := again(engine.Settling{Finder: found(made())})
	r := up(t, stack)
	if got := find(t, r, "topic"); got.Op != engine.OpSame || got.ID != topic {
		t.Errorf("topic = %+v, want the cloud's own, unchanged", got)
	}
	for _, want := range []string{"taken over: ", "topic: its end was put right"} {
		if !slices.ContainsFunc(r.Notes, func(n string) bool { return strings.Contains(n, want) }) {
			t.Errorf("want %q in the notes %q", want, r.Notes)
		}
	}
	if got := theTopic(t, made()); got != topic {
		t.Errorf("the cloud's topic = %s, want %s", got, topic)
	}
	wantNoChanges(t, preview(t, stack))
}

func TestRealStackAsksAPersonWhatItCannotKnow(t *testing.T) {
	again, made, root := killedReal(t)
	topic := theTopic(t, made())
	for range 2 { // and it does not forget: what one run could not settle, the next finds again
		stack := again(engine.Settling{})
		_, err := stack.Preview(t.Context(), engine.RunOptions{})
		var pending *engine.PendingError
		if !errors.As(err, &pending) || pending.Elsewhere || !strings.Contains(err.Error(), "berth up dev ") {
			t.Fatalf("err = %v, want the pending creations and what to run", err)
		}
	}
	// On another machine nothing tells this run from one that is under way.
	if err := os.RemoveAll(filepath.Join(root, ".berth")); err != nil {
		t.Fatal(err)
	}
	_, err := again(engine.Settling{Finder: found(made())}).Up(t.Context(), engine.ChangeOptions{})
	if err == nil || !strings.Contains(err.Error(), "berth up dev --settle") && !strings.Contains(err.Error(), "locked") {
		t.Fatalf("err = %v, want it to leave the run alone and to say how to settle it", err)
	}
	if err := os.RemoveAll(filepath.Join(root, "backend", ".pulumi", "locks")); err != nil { // as `pulumi cancel` does
		t.Fatal(err)
	}
	settling := engine.Settling{Exists: map[string]string{}, Absent: []string{"bucket", "secret"}}
	for _, o := range made() {
		settling.Exists[o.URN] = o.ID
	}
	stack := again(settling)
	r := up(t, stack)
	if got := find(t, r, "topic"); got.Op != engine.OpSame || got.ID != topic {
		t.Errorf("topic = %+v, want the one that the person named", got)
	}
	wantNoChanges(t, preview(t, stack))
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
