package show_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/berth-iac/berth/cmd/berth/show"
	"github.com/berth-iac/berth/engine"
)

func step(name, component string, status engine.Status) *engine.Step {
	return &engine.Step{URN: name, Name: name, Type: "aws:sns/topic:Topic", Component: component, Op: engine.OpCreate, Status: status}
}

// run shows a run of three resources, one of which fails, and returns what was written.
func run(live bool) string {
	var out bytes.Buffer
	clock := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	p := show.NewProgress(&out, show.Style{Width: 60}, live, func() time.Time { return clock })
	p.Start("Updating prod", &engine.Result{Steps: []engine.Step{*step("a", "net", ""), *step("b", "net", ""), *step("c", "data/store", "")}})
	p.Handle(engine.Event{Began: step("a", "net", "")})
	p.Handle(engine.Event{Ended: step("a", "net", engine.Done)})
	p.Handle(engine.Event{Began: step("b", "net", "")})
	p.Handle(engine.Event{Began: step("c", "data/store", "")})
	p.Handle(engine.Event{Ended: step("c", "data/store", engine.Failed)})
	if live {
		time.Sleep(300 * time.Millisecond) // until it has drawn at least once
	}
	p.Stop()
	return out.String()
}

func TestPlainProgressIsAFewLines(t *testing.T) {
	if got, want := run(false), "Updating prod …\n  failed c aws sns Topic\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestLiveProgressShowsComponentsAndClearsItself(t *testing.T) {
	got := run(true)
	for _, want := range []string{"Updating prod  1 of 3  0:00", "● net    1/2   b", "· data   0/1", "failed c"} {
		if !strings.Contains(got, want) {
			t.Errorf("want %q in %q", want, got)
		}
	}
	if !strings.HasSuffix(got, "\x1b[3A\x1b[J") {
		t.Errorf("what was drawn is not cleared: %q", got)
	}
}
