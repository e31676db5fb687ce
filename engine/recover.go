package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/berth-iac/berth/localcloud"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optrefresh"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// unlockState removes the locks that a killed CLI left in a file backend.
func (s *Stack) unlockState(interrupted *Run) error {
	backend := s.dirs.state
	if !s.apart() {
		url := value(s.command.Env, "PULUMI_BACKEND_URL")
		path, isFile := strings.CutPrefix(url, "file://")
		path, _, _ = strings.Cut(path, "?")
		if !isFile {
			return nil // another kind of backend; `pulumi cancel` is for the people who share it to decide
		}
		if strings.HasPrefix(path, "~") {
			path = filepath.Join(value(s.command.Env, "HOME"), path[1:])
		}
		backend = path
	}
	host, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("learn this machine's name: %w", err)
	}
	notes, err := removeStaleLocks(backend, s.options.Stack, host, interrupted, s.apart())
	s.notes = append(s.notes, notes...)
	if err == nil && interrupted != nil {
		err = removeBrokenAttributes(backend)
	}
	return err
}

// removeBrokenAttributes removes the attribute files of a file backend that a killed CLI left half written.
// They hold a content type and a checksum, and a file without them is read all the same; with a broken one
// beside it, it is not.
func removeBrokenAttributes(backend string) error {
	root := filepath.Join(backend, ".pulumi")
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".attrs" {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil || json.Valid(text) {
			return err
		}
		return os.Remove(path)
	})
	if err != nil {
		return fmt.Errorf("mend the state's folder %s: %w", root, err)
	}
	return nil
}

// recover puts right what a killed run of a local stack left: operations that were begun and whose end is not in the state.
// Updates and deletions come right by themselves, since the resource is still in the state and the next
// refresh or up looks at it. A creation does not: the object may exist with nobody knowing its id.
func (s *Stack) recover(ctx context.Context) error {
	if s.fresh || s.options.From != nil {
		return nil
	}
	if s.interrupted != nil {
		if err := s.removeUnheardOf(ctx); err != nil {
			return err
		}
	}
	latest, err := s.latest()
	if err != nil || len(latest.PendingOperations) == 0 {
		return err
	}
	untyped, state, err := s.export(ctx)
	if err != nil {
		return err
	}
	var creates []apitype.ResourceV3
	for _, op := range state.PendingOperations {
		if op.Type == apitype.OperationTypeCreating {
			creates = append(creates, op.Resource)
		}
	}
	adopted, err := s.adopt(ctx, state, creates)
	if err != nil {
		return err
	}
	state.PendingOperations = nil
	if untyped.Deployment, err = json.Marshal(state); err != nil {
		return fmt.Errorf("write the state: %w", err)
	}
	if err := s.stack.Import(ctx, untyped); err != nil {
		return fmt.Errorf("write the state: %w", plain(err))
	}
	// What the killed run was about to change is looked at again.
	if err := s.refreshAll(ctx); err != nil {
		return err
	}
	note := "an earlier run was killed; its unfinished operations were compared with the embedded cloud"
	if len(adopted) > 0 {
		note += ", and taken over: " + strings.Join(adopted, ", ")
	}
	s.notes = append(s.notes, note)
	return nil
}

func (s *Stack) refreshAll(ctx context.Context) error {
	_, err := s.stack.Refresh(ctx, optrefresh.SuppressProgress(), optrefresh.SuppressOutputs(), optrefresh.ShowSecrets(false))
	if err != nil {
		return fmt.Errorf("compare the state with the embedded cloud after a killed run: %w", plain(err))
	}
	return nil
}

// outline is as much of a state as recovery asks for in every run.
type outline struct {
	Resources         []named `json:"resources"`
	PendingOperations []struct {
		Type     apitype.OperationType `json:"type"`
		Resource named                 `json:"resource"`
	} `json:"pending_operations"`
}

type named struct {
	URN string `json:"urn"`
	ID  string `json:"id"`
}

// latest is the outline of the local state, without asking the CLI; empty where there is none yet.
func (s *Stack) latest() (outline, error) {
	var file struct {
		Checkpoint struct {
			Latest outline `json:"latest"`
		} `json:"checkpoint"`
	}
	text, err := os.ReadFile(s.stateFile())
	if errors.Is(err, fs.ErrNotExist) {
		return outline{}, nil
	}
	if err != nil {
		return outline{}, fmt.Errorf("read the local state: %w", err)
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return outline{}, fmt.Errorf("read the local state: %s: %w", s.stateFile(), err)
	}
	return file.Checkpoint.Latest, nil
}

// removeUnheardOf removes from the embedded cloud what a killed run made and never heard of: the cloud died, with
// berth, between doing it and saying so, and the CLI took the creation for failed. Nothing can depend on it yet.
func (s *Stack) removeUnheardOf(ctx context.Context) error {
	latest, err := s.latest()
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for _, r := range latest.Resources {
		known[r.URN+" "+r.ID] = true
	}
	for _, op := range latest.PendingOperations {
		if op.Type == apitype.OperationTypeCreating {
			known[op.Resource.URN] = true // adopt takes it over
		}
	}
	objects, err := s.cloud.Objects(ctx)
	if err != nil {
		return fmt.Errorf("list the embedded cloud's objects: %w", err)
	}
	var removed []string
	for _, o := range objects {
		if o.Deleted != nil || known[o.URN+" "+o.ID] || known[o.URN] {
			continue
		}
		if err := s.cloud.Drift(ctx, localcloud.Change{Type: o.Type, ID: o.ID, Region: o.Region, Delete: true}); err != nil {
			return fmt.Errorf("remove what a killed run left in the embedded cloud: %w", err)
		}
		removed = append(removed, nameOf(o.URN))
	}
	if len(removed) > 0 {
		slices.Sort(removed)
		s.notes = append(s.notes, "a killed run had made these in the embedded cloud without hearing of it; they were removed: "+strings.Join(removed, ", "))
	}
	return nil
}

// adopt adds to the state what the embedded cloud made for unfinished creations, and returns the names.
func (s *Stack) adopt(ctx context.Context, state *apitype.DeploymentV3, creates []apitype.ResourceV3) ([]string, error) {
	if len(creates) == 0 {
		return nil, nil
	}
	objects, err := s.cloud.Objects(ctx)
	if err != nil {
		return nil, fmt.Errorf("list the embedded cloud's objects: %w", err)
	}
	var adopted []string
	for _, created := range creates {
		urn := string(created.URN)
		i := slices.IndexFunc(objects, func(o localcloud.Object) bool { return o.URN == urn && o.Deleted == nil && !stated(state, urn, o.ID) })
		if i < 0 || !created.Custom {
			continue // the cloud never got it
		}
		created.ID = resource.ID(objects[i].ID)
		created.Outputs = objects[i].Properties // the refresh that follows makes them exact
		state.Resources = takeOver(state.Resources, created)
		adopted = append(adopted, nameOf(urn))
	}
	state.Resources = inOrder(state.Resources)
	slices.Sort(adopted)
	return adopted, nil
}

// stated tells whether the state has the resource with that id.
func stated(state *apitype.DeploymentV3, urn, id string) bool {
	return slices.ContainsFunc(state.Resources, func(r apitype.ResourceV3) bool {
		return string(r.URN) == urn && string(r.ID) == id && !r.PendingReplacement
	})
}

// inOrder sorts resources so that each comes after those it depends on, as Pulumi wants its state, and
// otherwise leaves their order alone.
func inOrder(resources []apitype.ResourceV3) []apitype.ResourceV3 {
	byURN := map[string][]int{}
	for i, r := range resources {
		byURN[string(r.URN)] = append(byURN[string(r.URN)], i)
	}
	placed := make([]bool, len(resources))
	sorted := make([]apitype.ResourceV3, 0, len(resources))
	var place func(int)
	place = func(i int) {
		if placed[i] {
			return
		}
		placed[i] = true
		r := resources[i]
		needs := []string{string(r.Parent), string(r.DeletedWith)}
		if j := strings.LastIndex(r.Provider, "::"); j >= 0 {
			needs = append(needs, r.Provider[:j])
		}
		for _, urn := range r.Dependencies {
			needs = append(needs, string(urn))
		}
		for _, key := range slices.Sorted(maps.Keys(r.PropertyDependencies)) {
			for _, urn := range r.PropertyDependencies[key] {
				needs = append(needs, string(urn))
			}
		}
		for _, urn := range needs {
			for _, j := range byURN[urn] {
				place(j)
			}
		}
		sorted = append(sorted, r)
	}
	for i := range resources {
		place(i)
	}
	return sorted
}
