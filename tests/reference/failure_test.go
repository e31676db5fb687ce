package reference_test

import (
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/berth-iac/berth/engine"
	"github.com/berth-iac/berth/localcloud"
)

// sampled are types of every service that matters, for what is not tried with every resource.
var sampled = []string{
	"aws:acm/certificate:Certificate", "aws:autoscaling/group:Group", "aws:backup/vault:Vault", "aws:cloudwatch/logGroup:LogGroup",
	"aws:ec2/natGateway:NatGateway", "aws:ec2/securityGroup:SecurityGroup", "aws:ec2/vpc:Vpc", "aws:elasticache/replicationGroup:ReplicationGroup",
	"aws:iam/role:Role", "aws:kms/key:Key", "aws:lb/loadBalancer:LoadBalancer", "aws:rds/instance:Instance", "aws:s3/bucketV2:BucketV2",
	"aws:secretsmanager/secret:Secret", "aws:sns/topic:Topic", "cloudflare:index/record:Record",
}

// until brings the stack up again and again until a run succeeds, and has every failed run judged. Each run has to
// come further than the one before.
func until(t *testing.T, s *engine.Stack, parallel int, judge func(t *testing.T, r *engine.Result, failed []engine.Step)) (runs int) {
	t.Helper()
	for runs = 1; runs < 400; runs++ {
		r, err := s.Up(t.Context(), engine.ChangeOptions{RunOptions: engine.RunOptions{Parallel: parallel}, Reviewed: &engine.Result{}})
		if err == nil {
			return runs
		}
		var run *engine.RunError
		if !errors.As(err, &run) {
			t.Fatal(err)
		}
		var failed []engine.Step
		for _, step := range r.Steps {
			if step.Status == engine.Failed && !step.Group {
				failed = append(failed, step)
			}
		}
		if len(failed) == 0 {
			t.Fatalf("run %d failed without a failed step: %v", runs, err)
		}
		if judge(t, r, failed); t.Failed() {
			t.Fatalf("run %d: %v", runs, err)
		}
	}
	t.Fatalf("the stack is not up after %d runs", runs)
	return runs
}

// The creation of every single resource of the reference client fails once. Each run goes on where the one before
// ended: it makes what failed there, and fails at the next ones, as many at once as are under way. After each run
// the state can be read, holds exactly what the cloud holds, and calls nothing unfinished; in the end everything
// is up. With -short, only S3's creations fail.
func TestEveryCreationFailsOnce(t *testing.T) {
	t.Parallel()
	began := time.Now()
	root := newRoot(t)
	fault := "create:*:fail-first"
	if testing.Short() {
		fault = "create:aws:s3/*:fail-first"
	}
	s := open(t, root, "prod", faults(t, fault))
	failed := map[string]bool{}
	runs := until(t, s, 64, func(t *testing.T, _ *engine.Result, steps []engine.Step) {
		fresh := 0
		for _, step := range steps {
			if !failed[step.URN] {
				fresh++
			}
			failed[step.URN] = true
		}
		if fresh == 0 {
			t.Error("nothing failed that had not failed before")
		}
		wantAgreement(t, root, "prod")
	})
	w := wantAgreement(t, root, "prod")
	if !testing.Short() {
		for _, r := range stateOf(t, root, "prod").Resources {
			if r.Custom && r.Type.Package() != "pulumi" && !failed[string(r.URN)] {
				t.Errorf("the creation of %s did not fail", r.URN)
			}
		}
	}
	wantNoChanges(t, preview(t, s))
	t.Logf("%d runs, %d of %d creations failed once, %s", runs, len(failed), len(w.resources), time.Since(began).Round(time.Millisecond))
}

// One at a time, as the order of the program has it: a run makes 60 resources and fails at the next; so does the
// one after it, in a session of its own.
func TestCreationsFailOneAtATime(t *testing.T) {
	t.Parallel()
	began := time.Now()
	root := newRoot(t)
	edit(t, root, "prod", sample)
	runs := 0
	for ; ; runs++ {
		s := open(t, root, "prod", faults(t, "create:*:fail@61"))
		had := len(look(t, root, "prod").objects)
		_, err := s.Up(t.Context(), engine.ChangeOptions{RunOptions: engine.RunOptions{Parallel: 1}, Reviewed: &engine.Result{}})
		closed(t, s)
		w := wantAgreement(t, root, "prod")
		if err == nil {
			break
		}
		if len(w.objects) != had+60 || t.Failed() {
			t.Fatalf("run %d: %d objects after %d, want 60 more: %v", runs+1, len(w.objects), had, err)
		}
	}
	if runs < 3 {
		t.Errorf("%d runs failed, want several", runs)
	}
	s := open(t, root, "prod")
	wantNoChanges(t, preview(t, s))
	t.Logf("%d runs failed, %s", runs, time.Since(began).Round(time.Millisecond))
}

// What comes into being broken is in the state, as broken, and the next run finishes it.
func TestHalfMadeObjectsAreFinished(t *testing.T) {
	t.Parallel()
	began := time.Now()
	root := newRoot(t)
	edit(t, root, "prod", sample)
	var texts []string
	for _, typ := range sampled {
		texts = append(texts, "create:"+typ+":half-made@1")
	}
	s := open(t, root, "prod", faults(t, texts...))
	struck := map[string]bool{}
	runs := until(t, s, 64, func(t *testing.T, _ *engine.Result, steps []engine.Step) {
		for _, step := range steps {
			struck[step.Type] = true
		}
		wantAgreement(t, root, "prod")
	})
	for _, typ := range sampled {
		if !struck[typ] {
			t.Errorf("no %s was half-made", typ)
		}
	}
	wantAgreement(t, root, "prod")
	wantNoChanges(t, preview(t, s))
	wantNoChanges(t, refresh(t, s))
	t.Logf("%d runs, %s", runs, time.Since(began).Round(time.Millisecond))
}

// An answer that never arrives leaves an object that no state knows, as it does in a real cloud. The engine names
// exactly those objects, nothing else is wrong, and once they are deleted the next run goes on.
func TestLostAnswersAreNamed(t *testing.T) {
	t.Parallel()
	began := time.Now()
	root := newRoot(t)
	edit(t, root, "prod", sample)
	remaining := slices.Clone(sampled)
	for run := 1; ; run++ {
		var texts []string
		for _, typ := range remaining {
			texts = append(texts, "create:"+typ+":lost@1")
		}
		s := open(t, root, "prod", faults(t, texts...))
		r, err := s.Up(t.Context(), engine.ChangeOptions{RunOptions: engine.RunOptions{Parallel: 64}, Reviewed: &engine.Result{}})
		w := look(t, root, "prod")
		named, orphanErr := s.Orphans(t.Context())
		if orphanErr != nil {
			t.Fatal(orphanErr)
		}
		closed(t, s)
		lost := without(w.objects, w.resources)
		if missing := without(w.resources, w.objects); len(missing) > 0 || len(w.pending) > 0 || len(named) != len(lost) {
			t.Fatalf("run %d: in the state and not in the cloud %q, unfinished %q; orphans %q, want %q", run, missing, w.pending, named, lost)
		}
		if err == nil {
			if len(remaining) > 0 || len(lost) > 0 {
				t.Errorf("run %d succeeded, no answer was lost of %q; orphans %q", run, remaining, lost)
			}
			t.Logf("%d runs, %s", run, time.Since(began).Round(time.Millisecond))
			return
		}
		var urns []string
		for _, step := range r.Steps {
			if step.Status == engine.Failed && !step.Group {
				urns = append(urns, step.URN)
				remaining = slices.DeleteFunc(remaining, func(typ string) bool { return typ == step.Type })
			}
		}
		dir := filepath.Join(engine.LocalFolder(root, "prod"), "cloud")
		for _, line := range lost {
			o := w.live[line]
			if !slices.Contains(urns, o.URN) {
				t.Errorf("run %d: %s is an orphan, and no step of it failed", run, line)
			}
			if err := localcloud.DriftIn(t.Context(), dir, localcloud.Change{Type: o.Type, ID: o.ID, Region: o.Region, Delete: true}); err != nil {
				t.Fatal(err)
			}
		}
		if len(lost) == 0 || t.Failed() {
			t.Fatalf("run %d: %v", run, err)
		}
	}
}
