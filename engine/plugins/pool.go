package plugins

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"
)

// Plugin is a provider's plugin, as Pulumi names it.
type Plugin struct {
	Name    string // aws
	Version string // 6.83.0
}

func (p Plugin) String() string { return p.Name + " " + p.Version }

// Options of a pool.
type Options struct {
	Plugins []Plugin // those that are shared; an engine starts all others itself
	// Find returns the path of a plugin's program. It installs the plugin where need be.
	Find func(ctx context.Context, p Plugin) (string, error)
	Env  []string // of the plugins' processes; what only an engine needs to know is left out of it
	Dir  string   // where they run
	// Starting bounds how long a plugin takes until it listens; default 2 minutes.
	Starting time.Duration
}

// Pool starts plugins' processes and ends them. Several goroutines may use it. Close it when all sessions are closed.
type Pool struct {
	options Options
	ctx     context.Context // of what is started for all sessions
	end     context.CancelFunc
	working sync.WaitGroup

	mu       sync.Mutex
	families map[string]*family // by plugin's name
	sessions map[*Session]bool
	count    Count
}

// Count tells what sharing is worth.
type Count struct {
	Configured int // provider resources that engines configured: as many processes without a pool
	Started    int // processes
}

// family are the processes of one plugin.
type family struct {
	plugin     Plugin
	spare      *process            // not configured yet; nil: none
	configured map[string]*process // by digest of the configuration
	idle       *process            // the one that nobody uses, kept for who comes next; nil: none
}

// New makes a pool. Nothing is started before an engine asks for it.
func New(ctx context.Context, options Options) *Pool {
	if options.Starting == 0 {
		options.Starting = 2 * time.Minute
	}
	p := &Pool{options: options, families: map[string]*family{}, sessions: map[*Session]bool{}}
	p.ctx, p.end = context.WithCancel(ctx)
	for _, plugin := range options.Plugins {
		p.families[plugin.Name] = &family{plugin: plugin, configured: map[string]*process{}}
	}
	p.working.Go(p.watch)
	return p
}

// Count is what was asked of the pool so far.
func (p *Pool) Count() Count {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.count
}

// Close ends all processes.
func (p *Pool) Close() error {
	p.mu.Lock()
	var open []*Session
	for s := range p.sessions {
		open = append(open, s)
	}
	p.mu.Unlock()
	var err error
	for _, s := range open {
		err = errors.Join(err, s.Close())
	}
	p.mu.Lock()
	for _, f := range p.families {
		p.drop(f, f.spare)
		for _, running := range f.configured {
			p.drop(f, running)
		}
	}
	p.mu.Unlock()
	p.end()
	p.working.Wait()
	return err
}

// sdk is the path of a provider's SDK for Go.
var sdk = regexp.MustCompile(`^github\.com/pulumi/pulumi-([a-z0-9-]+)/sdk(?:/v[0-9]+)?$`)

// Linked are the plugins of the SDKs that a program is built with.
func Linked(info *debug.BuildInfo) []Plugin {
	var linked []Plugin
	for _, module := range info.Deps {
		if m := sdk.FindStringSubmatch(module.Path); m != nil {
			linked = append(linked, Plugin{Name: m[1], Version: strings.TrimPrefix(module.Version, "v")})
		}
	}
	slices.SortFunc(linked, func(a, b Plugin) int { return strings.Compare(a.Name, b.Name) })
	return linked
}

// engineOnly are variables that a plugin has no business with: what opens the state, and what names other plugins.
var engineOnly = []string{"PULUMI_ACCESS_TOKEN", "PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE", "PULUMI_DEBUG_PROVIDERS"}

func environment(env []string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return slices.Contains(engineOnly, name)
	})
}

// any is a process of the family that can answer what needs no configuration. Its lock is held.
func (p *Pool) any(f *family) *process {
	if f.spare != nil {
		return f.spare
	}
	for _, running := range f.configured {
		return running
	}
	f.spare = p.start(f)
	return f.spare
}

// start begins to start a process. The pool's lock is held.
func (p *Pool) start(f *family) *process {
	p.count.Started++
	started := &process{plugin: f.plugin, pool: p, users: map[*Session]int{},
		started: make(chan struct{}), configured: make(chan struct{}), ended: make(chan struct{})}
	p.working.Go(func() {
		started.run(p.ctx, p.options)
		p.mu.Lock()
		defer p.mu.Unlock()
		p.forget(f, started)
	})
	return started
}

// forget takes a process out of the family: nobody new gets it. The pool's lock is held.
func (p *Pool) forget(f *family, gone *process) {
	if f.spare == gone {
		f.spare = nil
	}
	if f.idle == gone {
		f.idle = nil
	}
	if f.configured[gone.digest] == gone {
		delete(f.configured, gone.digest)
	}
}

// drop ends a process that nobody uses. The pool's lock is held.
func (p *Pool) drop(f *family, unused *process) {
	if unused == nil {
		return
	}
	p.forget(f, unused)
	unused.end()
}

// take has a session use a process. The pool's lock is held.
func (p *Pool) take(f *family, s *Session, taken *process) *process {
	taken.users[s]++
	if f.idle == taken {
		f.idle = nil
	}
	return taken
}

// release ends one use. A process that nobody uses any more is kept until another one of its plugin is idle: most stacks of a fleet
// have the same tokens, and those in accounts of their own need a process each. The pool's lock is held.
func (p *Pool) release(f *family, s *Session, released *process) {
	if released == nil {
		return
	}
	if released.users[s]--; released.users[s] > 0 {
		return
	}
	delete(released.users, s)
	switch {
	case len(released.users) > 0:
	case released != f.spare && f.configured[released.digest] != released: // nobody can come to use it
		released.end()
	default:
		p.drop(f, f.idle)
		f.idle = released
	}
}

// question is a process that answers what needs no configuration.
func (p *Pool) question(f *family, s *Session) *process {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.take(f, s, p.any(f))
}

// configuredAs returns the process that has a configuration, which is to be given to it first where it is new.
func (p *Pool) configuredAs(f *family, s *Session, digest string) (chosen *process, isNew bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.count.Configured++
	if running := f.configured[digest]; running != nil {
		return p.take(f, s, running), false
	}
	chosen = f.spare
	if chosen == nil {
		chosen = p.start(f)
	}
	f.spare = nil
	chosen.digest = digest
	f.configured[digest] = chosen
	return p.take(f, s, chosen), true
}

// own is a process that no other session will use.
func (p *Pool) own(f *family, s *Session) *process {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.count.Configured++
	return p.take(f, s, p.start(f))
}

// watch looks every so often at what the processes hold in memory. Sessions that share one are charged a share each.
func (p *Pool) watch() {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-p.ctx.Done():
			return
		case <-tick.C:
			p.look()
		}
	}
}

func (p *Pool) look() {
	p.mu.Lock()
	defer p.mu.Unlock()
	shares := map[*process]uint64{}
	for s := range p.sessions {
		held := uint64(0)
		for used := range s.uses {
			if _, known := shares[used]; !known {
				shares[used] = used.memory() / uint64(max(1, len(used.users)))
			}
			held += shares[used]
		}
		s.peak = max(s.peak, held)
	}
}

// refuse says why a plugin cannot be had.
func refuse(p Plugin, err error) error {
	return fmt.Errorf("the provider plugin %s cannot be had: %w", p, err)
}
