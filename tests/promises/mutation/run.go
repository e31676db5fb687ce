package mutation

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"

	"github.com/berth-iac/berth/promises"
)

// Outcome is what the checks said of a mutant.
type Outcome struct {
	Mutant   *Mutant
	Promises []string // that were kept without it and are not with it
	Controls []string
}

// Caught tells whether any check noticed.
func (o Outcome) Caught() bool { return len(o.Promises)+len(o.Controls) > 0 }

// Judge has a subject and the checks that look at it.
type Judge struct {
	subject  promises.Subject
	promises []promises.Promise
	controls []promises.Control
	before   *promises.Assessment
	reads    map[string]map[string]bool // by ID of the check: type and first key of each input that it reads
}

// NewJudge judges the subject as it is, and notes which inputs each check reads.
func NewJudge(s promises.Subject, all []promises.Promise, controls []promises.Control) (*Judge, error) {
	before, err := promises.Assess(s, all, controls)
	if err != nil {
		return nil, fmt.Errorf("judge %s without a mutant: %w", s.Stack, err)
	}
	j := &Judge{subject: s, promises: all, controls: controls, before: before, reads: map[string]map[string]bool{}}
	for _, p := range all {
		if r, judged := before.Result(p.ID); judged && len(r.Findings) > 0 {
			j.trace(p.ID, p.CheckOf(s.Hosting()))
		}
	}
	for _, c := range controls {
		j.trace(c.ID, c.Check)
	}
	return j, nil
}

func (j *Judge) trace(id string, check promises.Check) {
	j.reads[id] = map[string]bool{}
	traced := j.subject
	traced.Graph = j.subject.Graph.Traced(func(typeToken, path string) {
		first, _, _ := strings.Cut(path, ".")
		j.reads[id][typeToken+" "+first] = true
	})
	check(traced, &promises.Report{})
}

// Run judges each mutant, on all processors. A check that does not read what a mutant changes cannot tell it
// from the subject, and is not asked.
func (j *Judge) Run(mutants []*Mutant) ([]Outcome, error) { return j.run(mutants, false) }

// RunAll is Run where every check is asked about every mutant. It takes ten times as long.
func (j *Judge) RunAll(mutants []*Mutant) ([]Outcome, error) { return j.run(mutants, true) }

func (j *Judge) run(mutants []*Mutant, all bool) ([]Outcome, error) {
	outcomes := make([]Outcome, len(mutants))
	errs := make([]error, runtime.GOMAXPROCS(0))
	var wait sync.WaitGroup
	for worker := range errs {
		wait.Go(func() {
			for i := worker; i < len(mutants); i += len(errs) {
				outcomes[i], errs[worker] = j.judge(mutants[i], all)
				if errs[worker] != nil {
					return
				}
			}
		})
	}
	wait.Wait()
	return outcomes, errors.Join(errs...)
}

func (j *Judge) judge(m *Mutant, all bool) (Outcome, error) {
	asked := func(id string) bool {
		first, _, _ := strings.Cut(m.Path, ".")
		first, _, _ = strings.Cut(first, "[")
		return all || first == "" || strings.HasPrefix(m.Type, "pulumi:") || j.reads[id][m.Type+" "+first]
	}
	nothing := func(promises.Subject, *promises.Report) {}
	some, few := append([]promises.Promise{}, j.promises...), append([]promises.Control{}, j.controls...)
	needed := false
	for i := range some {
		if some[i].Check != nil && !asked(some[i].ID) {
			some[i].Check = nothing
		} else {
			needed = needed || some[i].Check != nil
		}
	}
	for i := range few {
		if !asked(few[i].ID) {
			few[i].Check = nothing
		} else {
			needed = true
		}
	}
	if !needed {
		return Outcome{Mutant: m}, nil
	}
	mutated := j.subject
	mutated.Graph = m.Apply(j.subject.Graph)
	after, err := promises.Assess(mutated, some, few)
	if err != nil {
		return Outcome{}, fmt.Errorf("judge %s: %w", m, err)
	}
	return Outcome{Mutant: m, Promises: lost(j.before.Promises, after.Promises, asked), Controls: lost(j.before.Baseline, after.Baseline, asked)}, nil
}

// lost are the IDs of what was kept before and is not after, among those that were asked.
func lost(before, after []promises.Result, asked func(id string) bool) []string {
	var ids []string
	for i, result := range before {
		if result.Verdict == promises.Kept && after[i].Verdict != promises.Kept && asked(result.ID) {
			ids = append(ids, result.ID)
		}
	}
	return ids
}
