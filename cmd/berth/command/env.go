package command

import (
	"context"
	"io"
	"time"

	"github.com/berth-iac/berth/engine"
	"github.com/berth-iac/berth/engine/plugins"
	"github.com/berth-iac/berth/engine/redact"
	"github.com/berth-iac/berth/machine/bundle"
	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/promises/live"
	"github.com/berth-iac/berth/spec"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Env is every side effect that a command may have.
type Env struct {
	Out, Err io.Writer // data goes to Out; progress, warnings and questions go to Err
	In       io.Reader // answers; read only when Terminal
	Terminal bool      // a person sits there: In can be asked and Err can be redrawn
	Color    bool      // Out and Err may be coloured
	Width    int       // columns of the terminal; 0: unknown

	Version string   // what this program was built as; empty: what the Go toolchain knows
	Environ []string // the environment that the Pulumi CLI gets
	Home    string   // the user's home folder
	Now     func() time.Time
	Kill    <-chan struct{} // closed at the second interrupt

	Program pulumi.RunFunc // what a stack runs
	// Assess works out a stack's resource graph from its spec alone and judges it by all promises and controls.
	Assess func(ctx context.Context, stack string, s *spec.Spec, now time.Time) (*Judged, error)
	// Offline is what goes into the archive that a client's administrator runs, but for the release and packages.
	Offline  func(s *spec.OnPremises) (bundle.OfflineArgs, error)
	Promises []promises.Promise // the catalogue
	Controls []promises.Control // the baseline
	// ReadBack makes the live looks at a subject's account. With a role it signs in as that first.
	ReadBack func(ctx context.Context, subject promises.Subject, roleARN string, done func(live.Result)) (*live.Reading, error)
	// FindCLI returns the path of the Pulumi CLI; named may be empty.
	FindCLI func(ctx context.Context, named string) (string, error)
	// Open opens a stack; the real one is engine.Open.
	Open func(ctx context.Context, options engine.Options) (Stack, error)
	// Share makes a pool of plugins for stacks that run at once on real clouds; nil: each starts its own.
	Share func(ctx context.Context, cli, root string) *plugins.Pool
	// FinalBackup makes a last backup of a client's data, or finds it, and says which it is; nil: somebody has to name it.
	FinalBackup func(ctx context.Context, s *spec.Spec, resources []apitype.ResourceV3) (string, error)
	// Finder looks into real clouds for what a killed run created there; nil: nobody does.
	Finder func() (engine.Finder, error)
	// ShedCredentials removes cloud credentials from this process, since a program's SDKs read them.
	ShedCredentials func()
	// Crash ends this process at once, as kill -9 does; for --fault crash.
	Crash func(place string)
	// Probe runs a program and returns what it printed; for doctor.
	Probe func(ctx context.Context, name string, args ...string) (string, error)
	// LookPath finds a program on the PATH.
	LookPath func(name string) (string, error)
}

// Judged is a stack's resource graph and how the promises stand in it.
type Judged struct {
	Graph      *graph.Graph
	Assessment *promises.Assessment
}

// Stack is what commands need of an open stack; *engine.Stack is one.
type Stack interface {
	Preview(ctx context.Context, options engine.RunOptions) (*engine.Result, error)
	Up(ctx context.Context, options engine.ChangeOptions) (*engine.Result, error)
	Refresh(ctx context.Context, options engine.RunOptions) (*engine.Result, error)
	PreviewDestroy(ctx context.Context) (*engine.Result, error)
	Destroy(ctx context.Context, options engine.ChangeOptions) (*engine.Result, error)
	Outputs(ctx context.Context, showSecrets bool) (map[string]engine.Output, error)
	Orphans(ctx context.Context) ([]string, error)
	LastUpdate(ctx context.Context) (*engine.Update, error)
	Resources(ctx context.Context) ([]apitype.ResourceV3, error)
	State(ctx context.Context) (apitype.UntypedDeployment, error)
	SetState(ctx context.Context, state apitype.UntypedDeployment) error
	Export(ctx context.Context, key []byte) (*redact.Export, error)
	RemoveLocal() error
	Close() error
}
