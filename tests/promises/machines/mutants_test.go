package machines_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/baseline"
	"github.com/berth-iac/berth/promises/catalogue"
	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/spec"
)

var update = flag.Bool("update", false, "rewrite docs/mutation-report-machines.md")

// mutant is one change for the worse to one bundle of a stack.
type mutant struct {
	stack, bundle string // names
	place         string // file, unit, step, package, setting or secret
	operator      string
	line          string // the line that is changed, where it is one
	resource      *graph.Resource
	inputs        map[string]any
}

func (m mutant) String() string {
	text := m.stack + " " + m.bundle + " | " + m.place + " | " + m.operator
	if m.line != "" {
		text += " | " + m.line
	}
	return text
}

// with is a copy of an object with one key set, or taken away where value is nil.
func with(object map[string]any, key string, value any) map[string]any {
	c := maps.Clone(object)
	if c == nil {
		c = map[string]any{}
	}
	if value == nil {
		delete(c, key)
	} else {
		c[key] = value
	}
	return c
}

var (
	cidr    = regexp.MustCompile(`\b(?:[0-9]{1,3}\.){3}[0-9]{1,3}/[0-9]{1,2}\b`)
	figure  = regexp.MustCompile(`^([A-Za-z_0-9.:-]+ ?[= ] ?'?)([0-9]+)([A-Za-z]*'?)$`)
	contra  = map[string]string{"yes": "no", "no": "yes", "on": "off", "off": "on", "true": "false", "false": "true", "y": "n"}
	answer  = regexp.MustCompile(`^(.*[=: ]"?)(yes|no|on|off|true|false|y)("?[;,]?)$`)
	comment = regexp.MustCompile(`^\s*(#|//|;|\}|[{\[\]},]+$|(Description|Documentation|WantedBy|After|Wants|Nice|IOSchedulingClass|AccuracySec|RandomizedDelaySec|FixedRandomDelay|Timeout[A-Za-z]*|StartLimit[A-Za-z]*|RestartSec)=|\[(Unit|Install)\])`)
	// guarding are the files of which each line counts: what lets in, what tells who may, what copies, what watches.
	guarding = regexp.MustCompile(`^/etc/(nftables\.conf|ssh/|pgbackrest/|postgresql/15/|sysctl\.d/|modprobe\.d/|audit/|sudoers\.d/|apt/apt\.conf\.d/|nginx/|berth/|systemd/system/|systemd/journal|taskflow/[^/]+/config)|^/usr/local/lib/berth/(client-[^/]+/site\.conf|host/site\.conf)`)
)

// program tells whether a file is a script: what it does is shown on machines, not in a graph.
func program(name, content string) bool {
	return !strings.HasPrefix(name, "/etc/") && (strings.HasPrefix(content, "#!/bin/bash") || strings.HasPrefix(content, "#!/usr/bin/env bash") || strings.HasSuffix(name, ".sh") || strings.HasPrefix(content, "# shellcheck"))
}

// mutants are all changes to a bundle.
func mutants(stack string, r *graph.Resource) []mutant {
	var all []mutant
	add := func(key, place, operator, line string, value any) {
		all = append(all, mutant{stack: stack, bundle: r.Text("name"), place: place, operator: operator, line: line, resource: r, inputs: with(r.Inputs, key, value)})
	}
	object := func(key string) map[string]any {
		o, _ := r.Inputs[key].(map[string]any)
		return o
	}
	files := object("files")
	for _, name := range slices.Sorted(maps.Keys(files)) {
		file := files[name].(map[string]any)
		add("files", name, "open to everybody", "", with(files, name, with(file, "mode", "0777")))
		content, _ := file["content"].(string)
		if script := program(name, content); script || guarding.MatchString(name) {
			add("files", name, "file dropped", "", with(files, name, nil))
			if script {
				continue
			}
		} else {
			continue
		}
		lines := strings.Split(content, "\n")
		change := func(i int, operator, line string, edited ...string) {
			text := strings.Join(slices.Concat(lines[:i], edited, lines[i+1:]), "\n")
			add("files", name, operator, strings.TrimSpace(line), with(files, name, with(file, "content", text)))
		}
		for i, line := range lines {
			trimmed := strings.TrimSpace(line)
			if trimmed == "" || comment.MatchString(line) {
				continue
			}
			change(i, "line dropped", line)
			for _, at := range cidr.FindAllStringIndex(line, -1) {
				if line[at[0]:at[1]] != "0.0.0.0/0" {
					change(i, "opened to the world", line[at[0]:at[1]]+" in "+trimmed, line[:at[0]]+"0.0.0.0/0"+line[at[1]:])
				}
			}
			if m := answer.FindStringSubmatch(line); m != nil {
				change(i, "turned round", line, m[1]+contra[m[2]]+m[3])
			}
			if m := figure.FindStringSubmatch(trimmed); m != nil {
				change(i, "figure raised", line, m[1]+m[2]+"0"+m[3])
			}
			if strings.Contains(line, "saddr") {
				change(i, "from anybody", line, regexp.MustCompile(`ip6? saddr [^ ]+`).ReplaceAllString(line, ""))
			}
		}
	}
	units := object("units")
	for _, name := range slices.Sorted(maps.Keys(units)) {
		add("units", "unit "+name, "unit dropped", "", with(units, name, nil))
		if units[name].(map[string]any)["state"] == "running" {
			add("units", "unit "+name, "not started", "", with(units, name, with(units[name].(map[string]any), "state", "disabled")))
		}
	}
	for _, key := range []string{"steps", "settings", "secrets"} {
		for _, name := range slices.Sorted(maps.Keys(object(key))) {
			add(key, key+" "+name, "dropped", "", with(object(key), name, nil))
		}
	}
	packages, _ := r.Inputs["packages"].([]any)
	for i, name := range packages {
		add("packages", fmt.Sprintf("package %s", name), "dropped", "", slices.Concat(packages[:i], packages[i+1:]))
	}
	add("connection", "connection", "any host key", "", with(object("connection"), "hostKey", ""))
	return all
}

// apply is the graph with the mutant in the place of what it was made from.
func (m mutant) apply(g *graph.Graph) *graph.Graph {
	all := make([]*graph.Resource, len(g.Resources))
	for i, r := range g.Resources {
		c := *r
		if r == m.resource {
			c.Inputs = m.inputs
		}
		all[i] = &c
	}
	return graph.New(all)
}

// exception is a line of exceptions.txt: what no check notices, and why that is so.
type exception struct {
	place, operator, line, reason string
	fit                           int
}

func (e *exception) fits(m mutant) bool {
	like := func(pattern, text string) bool {
		for one := range strings.SplitSeq(pattern, " or ") {
			expression := "^" + strings.ReplaceAll(regexp.QuoteMeta(one), `\*`, ".*") + "$"
			if regexp.MustCompile(expression).MatchString(text) {
				return true
			}
		}
		return false
	}
	return like(e.place, m.place) && like(e.operator, m.operator) && like(e.line, m.line)
}

func exceptions(t *testing.T) []*exception {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "exceptions.txt"))
	if err != nil {
		t.Fatal(err)
	}
	var all []*exception
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		parts := strings.SplitN(line, " | ", 4)
		if len(parts) != 4 {
			t.Fatalf("testdata/exceptions.txt: want place | operator | line | reason: %s", line)
		}
		all = append(all, &exception{place: parts[0], operator: parts[1], line: parts[2], reason: parts[3]})
	}
	return all
}

// outcome is what noticed a mutant.
type outcome struct {
	mutant
	by []string
}

// judge runs all checks on each mutant, on all processors.
func judge(t *testing.T, s promises.Subject, all []mutant) []outcome {
	t.Helper()
	list := slices.DeleteFunc(catalogue.All(), func(p promises.Promise) bool { return len(p.Checks) == 0 })
	controls := slices.DeleteFunc(baseline.All(), func(c promises.Control) bool { return !strings.HasPrefix(c.ID, "Berth.Host.") })
	before, err := promises.Assess(s, list, controls)
	if err != nil {
		t.Fatal(err)
	}
	outcomes := make([]outcome, len(all))
	var wait sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for worker := range workers {
		wait.Go(func() {
			for i := worker; i < len(all); i += workers {
				outcomes[i].mutant = all[i]
				mutated := s
				mutated.Graph = all[i].apply(s.Graph)
				after, err := promises.Assess(mutated, list, controls)
				if err != nil {
					t.Error(err)
					return
				}
				for n, r := range slices.Concat(after.Promises, after.Baseline) {
					if r.Verdict == promises.Broken && slices.Concat(before.Promises, before.Baseline)[n].Verdict != promises.Broken {
						outcomes[i].by = append(outcomes[i].by, r.ID)
					}
				}
			}
		})
	}
	wait.Wait()
	return outcomes
}

// variants are the stacks that are mutated, and of which the bundles. What a bundle has in common with an earlier one is changed there.
var variants = []struct {
	stack string
	edit  func(*spec.Spec)
}{{"sites", nil}, {"globex", nil}, {"globex", doors}, {"initech", nil}, {"hooli", nil}}

// Each change for the worse to what lies on machines is noticed by a promise, or a line of exceptions.txt says why not.
func TestMutants(t *testing.T) {
	excepted := exceptions(t)
	known := map[string]bool{}
	var all []outcome
	for _, v := range variants {
		s := load(t, v.stack, v.edit)
		var some []mutant
		for _, r := range s.Graph.OfType("machine:index:Bundle") {
			for _, m := range mutants(v.stack, r) {
				id := r.Text("name") + m.place + m.operator + m.line
				if strings.HasPrefix(r.Text("name"), "client-") {
					id = v.stack + r.Name + id // home and standby are not the same
				}
				if !known[id] {
					known[id] = true
					some = append(some, m)
				}
			}
		}
		all = append(all, judge(t, s, some)...)
	}
	unexplained := map[string]int{}
	noticed := 0
	for _, o := range all {
		if len(o.by) > 0 {
			noticed++
			continue
		}
		if i := slices.IndexFunc(excepted, func(e *exception) bool { return e.fits(o.mutant) }); i >= 0 {
			excepted[i].fit++
			continue
		}
		if class := path.Base(o.place) + o.operator + o.line; unexplained[class] == 0 {
			unexplained[class]++
			t.Errorf("no check notices, and no line of testdata/exceptions.txt says why:\n  %s", o.mutant)
		}
	}
	for _, e := range excepted {
		if e.fit == 0 {
			t.Errorf("testdata/exceptions.txt: nothing that survives fits this line: remove it\n  %s | %s | %s", e.place, e.operator, e.line)
		}
	}
	t.Logf("%d of %d mutants are noticed", noticed, len(all))
	if !t.Failed() {
		report(t, all, excepted)
	}
}
