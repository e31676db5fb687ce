package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/berth-iac/berth/localcloud"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

type fakeCloud struct {
	objects []localcloud.Object
	drifted *[]localcloud.Change
}

func (fakeCloud) Providers() string { return "" }
func (fakeCloud) Close() error      { return nil }
func (c fakeCloud) Objects(context.Context) ([]localcloud.Object, error) {
	return c.objects, nil
}

func (c fakeCloud) Drift(_ context.Context, change localcloud.Change) error {
	*c.drifted = append(*c.drifted, change)
	return nil
}

func TestWhatAKilledRunNeverHeardOfIsRemoved(t *testing.T) {
	s := &Stack{project: "berth", options: Options{Stack: "prod"}, dirs: dirs{state: t.TempDir()}}
	state := apitype.DeploymentV3{
		Resources:         []apitype.ResourceV3{res("known", "1", nil), res("replaced", "2", nil)},
		PendingOperations: []apitype.OperationV2{{Type: apitype.OperationTypeCreating, Resource: res("pending", "", nil)}},
	}
	text, err := json.Marshal(map[string]any{"checkpoint": map[string]any{"latest": state}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(s.stateFile()), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.stateFile(), text, 0o600); err != nil {
		t.Fatal(err)
	}
	var drifted []localcloud.Change
	s.cloud = fakeCloud{drifted: &drifted, objects: []localcloud.Object{
		{URN: "known", ID: "1", Type: "t"}, {URN: "pending", ID: "9", Type: "t"},
		{URN: "a::b::c::lost", ID: "7", Type: "t", Region: "eu-west-2"},
		{URN: "replaced", ID: "3", Type: "t"}, // made to take the other's place, which the state still names
		{URN: "gone", ID: "8", Type: "t", Deleted: &time.Time{}},
	}}
	if err := s.removeUnheardOf(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(drifted), fmt.Sprint([]localcloud.Change{
		{Type: "t", ID: "7", Region: "eu-west-2", Delete: true}, {Type: "t", ID: "3", Delete: true}}); got != want {
		t.Errorf("removed %s, want %s", got, want)
	}
	if len(s.notes) != 1 || !strings.Contains(s.notes[0], "lost") {
		t.Errorf("notes = %q, want the removal to be said", s.notes)
	}
}

func res(urn, id string, change func(*apitype.ResourceV3)) apitype.ResourceV3 {
	r := apitype.ResourceV3{URN: resource.URN(urn), ID: resource.ID(id), Custom: true}
	if change != nil {
		change(&r)
	}
	return r
}

func ids(resources []apitype.ResourceV3) string {
	var all []string
	for _, r := range resources {
		text := string(r.ID)
		if r.Delete {
			text += "(deleted)"
		}
		all = append(all, text)
	}
	return strings.Join(all, " ")
}

func TestAdopt(t *testing.T) {
	dependsOn := func(urn string) func(*apitype.ResourceV3) {
		return func(r *apitype.ResourceV3) { r.Dependencies = []resource.URN{resource.URN(urn)} }
	}
	for name, tc := range map[string]struct {
		state   []apitype.ResourceV3
		create  apitype.ResourceV3
		objects []localcloud.Object
		want    string
	}{
		"the cloud made it": {[]apitype.ResourceV3{res("a", "1", nil)}, res("b", "", dependsOn("a")),
			[]localcloud.Object{{URN: "a", ID: "1"}, {URN: "b", ID: "2"}}, "1 2"},
		"the cloud never got it":                        {[]apitype.ResourceV3{res("a", "1", nil)}, res("b", "", nil), []localcloud.Object{{URN: "a", ID: "1"}}, "1"},
		"what waits for its deletion is not taken over": {nil, res("b", "", nil), []localcloud.Object{{URN: "b", ID: "2", Deleted: &time.Time{}}}, ""},
		"a replacement before the old one is deleted": {[]apitype.ResourceV3{res("b", "1", nil), res("c", "9", dependsOn("b"))}, res("b", "", nil),
			[]localcloud.Object{{URN: "b", ID: "1"}, {URN: "b", ID: "2"}}, "1(deleted) 2 9"},
		"a replacement after the old one was deleted": {[]apitype.ResourceV3{res("b", "1", func(r *apitype.ResourceV3) { r.PendingReplacement = true }), res("c", "9", dependsOn("b"))},
			res("b", "", nil), []localcloud.Object{{URN: "b", ID: "1"}}, "1 9"},
	} {
		t.Run(name, func(t *testing.T) {
			s := &Stack{cloud: fakeCloud{objects: tc.objects}}
			state := &apitype.DeploymentV3{Resources: tc.state}
			if _, err := s.adopt(t.Context(), state, []apitype.ResourceV3{tc.create}); err != nil {
				t.Fatal(err)
			}
			if got := ids(state.Resources); got != tc.want {
				t.Errorf("state = %q, want %q", got, tc.want)
			}
		})
	}
}

func TestStaleLocks(t *testing.T) {
	const deadPID = 1 << 30 // more than any system allows
	for name, tc := range map[string]struct {
		host        string
		pid         int
		interrupted *Run
		ours        bool
		gone        bool
	}{
		"our own backend":              {"here", deadPID, nil, true, true},
		"shared, our killed CLI":       {"here", deadPID, &Run{CLI: deadPID}, false, true},
		"shared, somebody else's":      {"here", deadPID, nil, false, false},
		"shared, another machine's":    {"there", deadPID, &Run{CLI: deadPID}, false, false},
		"shared, its process is alive": {"here", os.Getpid(), &Run{CLI: os.Getpid()}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			backend := t.TempDir()
			path := filepath.Join(backend, ".pulumi", "locks", "organization", "berth", "prod", "x.json")
			text, _ := json.Marshal(map[string]any{"pid": tc.pid, "hostname": tc.host})
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, text, 0o600); err != nil {
				t.Fatal(err)
			}
			notes, err := removeStaleLocks(backend, "prod", "here", tc.interrupted, tc.ours)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(path); os.IsNotExist(err) != tc.gone || (len(notes) > 0) != tc.gone {
				t.Errorf("gone = %v, notes %q; want gone = %v", os.IsNotExist(err), notes, tc.gone)
			}
		})
	}
	for ours, left := range map[bool]int{true: 0, false: 1} { // what a full disk left
		backend := t.TempDir()
		folder := filepath.Join(backend, ".pulumi", "locks", "organization", "berth", "prod")
		if err := os.MkdirAll(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, "x.json.18ea.tmp"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := removeStaleLocks(backend, "prod", "here", nil, ours); err != nil {
			t.Fatal(err)
		}
		if entries, err := os.ReadDir(folder); err != nil || len(entries) != left {
			t.Errorf("ours %v: %d half-written locks are left, want %d (%v)", ours, len(entries), left, err)
		}
	}
	if _, err := removeStaleLocks(filepath.Join(t.TempDir(), "none"), "prod", "here", nil, true); err != nil {
		t.Errorf("a backend without locks: %v", err)
	}
}

func TestBrokenAttributesAreRemoved(t *testing.T) {
	backend := t.TempDir()
	dir := filepath.Join(backend, ".pulumi", "stacks")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"a.json": "", "a.json.attrs": "", "b.json.attrs": `{"md5":"x"}`} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := removeBrokenAttributes(backend); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(left) != 2 || filepath.Base(left[0]) != "a.json" || filepath.Base(left[1]) != "b.json.attrs" {
		t.Errorf("left = %q, %v", left, err)
	}
}

func TestRunLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "prod.lock")
	first, interrupted, err := acquire(path, "prod", Run{PID: os.Getpid(), Operation: Up})
	if err != nil || interrupted != nil {
		t.Fatal(err, interrupted)
	}
	first.started(4711)
	if _, _, err := acquire(path, "prod", Run{}); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("kill -INT %d", os.Getpid())) {
		t.Errorf("err = %v, want one that names the process", err)
	}
	if err := first.file.Close(); err != nil { // as when the process is killed
		t.Fatal(err)
	}
	second, interrupted, err := acquire(path, "prod", Run{PID: os.Getpid()})
	if err != nil || interrupted == nil || interrupted.CLI != 4711 {
		t.Fatalf("interrupted = %+v, %v; want the killed run", interrupted, err)
	}
	if err := second.release(); err != nil {
		t.Fatal(err)
	}
	_, interrupted, err = acquire(path, "prod", Run{})
	if err != nil || interrupted != nil {
		t.Errorf("after an orderly end: %+v, %v", interrupted, err)
	}
}
