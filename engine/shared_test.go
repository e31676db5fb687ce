package engine_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/berth-iac/berth/engine"
	"github.com/berth-iac/berth/engine/plugins"
	"github.com/berth-iac/berth/localcloud"
)

// asPlugin is the variable that makes the tests' own program AWS's plugin, with an embedded cloud in the folder that it names.
const asPlugin = "BERTH_TEST_PLUGIN"

func TestMain(m *testing.M) {
	folder := os.Getenv(asPlugin)
	if folder == "" {
		os.Exit(m.Run())
	}
	time.Sleep(11 * time.Second) // as slow as a large plugin on a busy machine: an engine waits ten for a handshake
	cloud, err := localcloud.Start(context.Background(), localcloud.Options{Dir: folder, Seed: 3})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for entry := range strings.SplitSeq(cloud.Providers(), ",") {
		if port, ok := strings.CutPrefix(entry, "aws:"); ok {
			fmt.Println(port)
		}
	}
	select {} // until it is killed
}

// TestStacksShareAPlugin: real engines that run at once on one process of a plugin come to the same as each on its own.
func TestStacksShareAPlugin(t *testing.T) {
	pool := plugins.New(t.Context(), plugins.Options{Plugins: []plugins.Plugin{{Name: "aws", Version: "6.83.0"}}, Dir: t.TempDir(),
		Env: append(os.Environ(), asPlugin+"="+t.TempDir()), Find: func(context.Context, plugins.Plugin) (string, error) { return os.Executable() }})
	t.Cleanup(func() {
		if err := pool.Close(); err != nil {
			t.Error(err)
		}
	})
	s := usual
	var stacks []*engine.Stack
	for i := range 3 {
		root := newRealRoot(t)
		env := append(os.Environ(), "PULUMI_BACKEND_URL=file://"+filepath.Join(root, "backend"), "PULUMI_CONFIG_PASSPHRASE=test",
			"PULUMI_HOME="+t.TempDir(), "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION=true")
		stacks = append(stacks, open(t, root, &s, func(o *engine.Options) {
			o.Local, o.Cloud, o.Env = false, engine.CloudOptions{}, env
			o.Attach = func(ctx context.Context) (engine.Attached, error) { return pool.Open(ctx, fmt.Sprintf("dev-%d", i)) }
		}))
	}
	var working sync.WaitGroup
	for _, stack := range stacks {
		working.Go(func() {
			result, err := stack.Preview(t.Context(), engine.RunOptions{})
			if err != nil {
				t.Error(err)
				return
			}
			if created := result.Counts[engine.OpCreate]; created < 6 {
				t.Errorf("a preview creates %d resources: %v", created, result.Counts)
			}
		})
	}
	working.Wait()
	if got := pool.Count(); got.Started != 1 || got.Configured < 3 {
		t.Errorf("count = %+v, want one process for all", got)
	}
	up(t, stacks[0])
	wantNoChanges(t, preview(t, stacks[0]))
	if _, err := stacks[0].Destroy(t.Context(), engine.ChangeOptions{Confirm: []string{"dev"}}); err != nil {
		t.Error(err)
	}
	for _, stack := range stacks {
		if err := stack.Close(); err != nil {
			t.Error(err)
		}
	}
	if got := pool.Count(); got.Started != 1 {
		t.Errorf("count = %+v, want one process for all runs", got)
	}
}
