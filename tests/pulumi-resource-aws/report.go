package main

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
)

// tried is a line of the report: what came of trying one gap once.
type tried struct {
	Token     string `json:"token"`
	URN       string `json:"urn,omitempty"`
	Lacks     string `json:"lacks"`
	Operation string `json:"operation"` // create, read, update or delete
	Listed    string `json:"listed"`    // the answer that the gaps file gives
	Answer    string `json:"answer"`    // the answer that came
	Outcome   string `json:"outcome"`   // see the constants
}

// Outcomes of a trial.
const (
	outcomeOpen   = "open"   // the listed answer came
	outcomeOther  = "other"  // another answer came
	outcomeClosed = "closed" // nothing was lacking, this time
)

// report writes what came of trying gaps, a JSON object a line. Nil writes nothing.
type report struct {
	mu sync.Mutex
	w  io.Writer
}

// tried reports the answer to a call; an empty one means that it succeeded.
func (r *report) tried(ctx context.Context, g gap, operation, answer string) {
	outcome := outcomeOther
	switch {
	case answer == "":
		outcome = outcomeClosed
	case g.matches(answer):
		outcome = outcomeOpen
	}
	r.write(ctx, g, operation, answer, outcome)
}

// lost reports which properties came back otherwise than they were planned.
func (r *report) lost(ctx context.Context, g gap, operation string, lost []string) {
	outcome := outcomeOpen
	if len(lost) == 0 {
		outcome = outcomeClosed
	}
	r.write(ctx, g, operation, strings.Join(lost, "; "), outcome)
}

func (r *report) write(ctx context.Context, g gap, operation, answer, outcome string) {
	if r == nil {
		return
	}
	urn, _ := ctx.Value(urnKey{}).(string)
	line, err := json.Marshal(tried{g.token, urn, g.lacks, operation, g.answer, answer, outcome})
	if err != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	_, _ = r.w.Write(append(line, '\n')) // one write a line: several plugins share the file
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
