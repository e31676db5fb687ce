package engine

import (
	"context"
	"io"
	"time"

	"github.com/berth-iac/berth/localcloud"
)

// CloudOptions say how the embedded cloud behaves.
type CloudOptions struct {
	Seed   uint64             // of the ids it invents; 0: random ids
	Faults []localcloud.Fault // what it shall refuse or break
	Delay  time.Duration      // of every create, update and delete
	Log    io.Writer          // what it has to say; nil: nothing
	Crash  func(place string) // what crash faults do; nil: such faults are refused
}

// embedded is what the engine needs of the embedded cloud.
type embedded interface {
	Providers() string
	Objects(ctx context.Context) ([]localcloud.Object, error)
	Drift(ctx context.Context, change localcloud.Change) error
	Close() error
}

// startEmbedded starts the embedded cloud. It outlives a cancelled context: the CLI finishes what is under
// way, and needs its providers for that. Close ends it.
func startEmbedded(ctx context.Context, dir string, options CloudOptions, clock func() time.Time) (embedded, error) {
	cloud, err := localcloud.Start(context.WithoutCancel(ctx), localcloud.Options{
		Dir: dir, Seed: options.Seed, Faults: options.Faults, Delay: options.Delay, Log: options.Log, Crash: options.Crash, Clock: clock})
	if err != nil {
		return nil, err
	}
	return cloud, nil
}
