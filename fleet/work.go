package fleet

import (
	"context"

	"github.com/berth-iac/berth/engine"
	"github.com/berth-iac/berth/promises"
)

// Work does the fleet's operation to one stack. kill is closed when the stack has taken longer than it may: processes that it
// started are to be killed at once. What it knows of the run is returned beside an error too.
type Work func(ctx context.Context, m Member, kill <-chan struct{}, progress engine.Progress) (Outcome, error)

// Outcome is what the work on one stack brought.
type Outcome struct {
	Run      *engine.Result           // of preview, up and refresh
	Standing map[promises.Verdict]int // of verify and evidence
	Memory   uint64                   // bytes that its processes held at most, 0 when that is not known; the next run plans with it
}
