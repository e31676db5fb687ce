package engine_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/berth-iac/berth/engine"
	"github.com/berth-iac/berth/localcloud"
)

// standIn is a provider that is attached, and counts how often it is closed.
type standIn struct {
	cloud  *localcloud.Cloud
	closed int
}

func (s *standIn) Providers() string { return s.cloud.Providers() }
func (s *standIn) Close() error      { s.closed++; return nil }

// TestRealStackUsesAttachedProviders: no variable and no plugin tells of the cloud; the engine brings it along.
func TestRealStackUsesAttachedProviders(t *testing.T) {
	s, root := usual, newRealRoot(t)
	env, cloud := realEnvironment(t, root)
	env = slices.DeleteFunc(env, func(e string) bool { return strings.HasPrefix(e, "PULUMI_DEBUG_PROVIDERS=") })
	a := &standIn{cloud: cloud}
	stack := open(t, root, &s, func(o *engine.Options) {
		o.Local, o.Cloud, o.Env = false, engine.CloudOptions{}, env
		o.Attach = func(context.Context) (engine.Attached, error) { return a, nil }
	})
	up(t, stack)
	wantNoChanges(t, preview(t, stack))
	if err := stack.Close(); err != nil || a.closed != 1 {
		t.Errorf("closed %d times, %v; want once", a.closed, err)
	}
}
