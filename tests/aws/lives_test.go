package aws_test

import (
	"slices"
	"testing"

	"github.com/berth-iac/berth/engine"
	"github.com/berth-iac/berth/tests/aws/emulator"
)

// hook is something more to be done with a stack while it is up. It leaves the account as it found it.
type hook struct {
	name string
	do   func(t *testing.T, d *deployed)
}

// life is a stack's whole life in an account of its own: it comes up, nothing is left to do then, the account is what
// was promised, what somebody changes by hand is found and repaired, and in the end nothing is left.
type life struct {
	stack     string
	account   string
	settings  settings
	try       bool                            // what moto lacks is tried
	terratest bool                            // terratest works on this account
	prove     func(t *testing.T, d *deployed) // reads the account back
	while     []hook                          // in order, after prove
	stays     map[string]things               // what is left after the stack is gone; nil: this is not looked at
}

// phase runs a part of a life that the next parts need.
func phase(t *testing.T, name string, do func(t *testing.T)) {
	t.Helper()
	if !t.Run(name, do) {
		t.FailNow()
	}
}

func (l life) live(t *testing.T) {
	made := needTools(t)
	d := newStack(t, made, l.stack, emulator.Options{Account: l.account}, l.settings)
	d.unbroken()
	if l.try {
		d.env = append(d.env, "BERTH_PLUGIN_TRY=1", "BERTH_PLUGIN_REPORT="+d.report)
	}
	if l.terratest {
		terratestAccount.Store(d.account)
	}
	regions := []string{first, second, global}
	before := map[string]things{}
	for _, region := range regions {
		before[region] = d.inventory(t, region)
	}
	phase(t, "up makes everything", func(t *testing.T) {
		for _, step := range d.up(t).Steps {
			if step.Status != engine.Done || step.Op != engine.OpCreate && step.Op != engine.OpRead {
				t.Errorf("%s of %s is %s, want everything created", step.Op, step.URN, step.Status)
			}
		}
	})
	t.Run("a second preview has no changes", func(t *testing.T) {
		d.run(t, "preview", "--expect-no-changes").wantNoChanges(t)
	})
	if l.prove != nil {
		l.prove(t, d)
	}
	for _, h := range l.while {
		t.Run(h.name, func(t *testing.T) { h.do(t, d) })
	}
	phase(t, "the stack is taken down", func(t *testing.T) { d.leave(t) })
	if l.stays == nil {
		return
	}
	t.Run("nothing is left", func(t *testing.T) {
		after := map[string]things{}
		for _, region := range regions {
			after[region] = d.inventory(t, region)
		}
		wantLeft(t, before, after, l.stays)
	})
}

// leaving is what a client's file says who leaves.
var leaving = settings{"leaving": map[string]any{"confirm": "acme", "reason": "the contract ended on 2026-10-31"}}

// leave takes a stack down in the orderly way: what holds data is protected until the stack's file says that the
// client leaves. The organisation is not meant to go, so that its protection is lifted by hand.
func (d *deployed) leave(t *testing.T) {
	t.Helper()
	switch {
	case d.stack == "organisation":
		d.pulumi(t, "state", "unprotect", "--all", "--yes")
	case !d.leaving:
		d.edit(t, leaving)
		d.up(t)
	}
	planned := d.run(t, "preview", "--destroy")
	if slices.ContainsFunc(planned.Steps, protected) {
		t.Error("something is protected still")
	}
	args := []string{"--yes"}
	for _, danger := range planned.Dangers {
		args = append(args, "--confirm", danger.Name)
	}
	if len(planned.Dangers) == 0 {
		t.Error("the preview of the destruction names nothing that holds data")
	}
	d.run(t, "destroy", args...)
}
