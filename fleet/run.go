package fleet

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/berth-iac/berth/engine"
)

// run is one run under way. All of it belongs to the goroutine that called Run, except what job.go says.
type run struct {
	Options
	plan Plan
	work Work

	began    time.Time
	expected expected
	entries  map[string]Entry
	results  map[string]*engine.Result // what changes, of those that came to an answer
	notes    []string
	statuses map[Status]int
	taken    int     // from an earlier run
	abreast  float64 // that run at once, on average

	pending []task // of the wave, the longest first
	running []*job // in the order begun
	memory  uint64 // of those that run
	wave    int    // 0 where waves do not wait
	later   []load // of the waves that are not begun
	pace    pace

	ended       chan result
	moved       chan moved
	interrupted bool
}

// load is how much work a wave is.
type load struct{ sum, most float64 }

// pace compares what was foretold with what came.
type pace struct{ foretold, took float64 }

func (p pace) factor() float64 {
	if p.foretold <= 0 {
		return 1
	}
	return p.took / p.foretold
}

// Run does the plan's operation to every stack, as many at once as the budget allows, the longest first. An operation that changes
// something goes wave by wave, and a stack that fails, is refused or weakens a promise keeps the later waves from being begun. A
// cancelled context begins no more stacks and has those under way end in order. Whatever happens to one stack, the answer has all of
// them. An error means that the plan is wrong and that nothing was begun.
func Run(ctx context.Context, plan Plan, options Options, work Work) (*Answer, error) {
	if err := plan.check(options, work); err != nil {
		return nil, err
	}
	options.Budget.Slots = max(1, options.Budget.Slots)
	if options.Grace <= 0 {
		options.Grace = defaultGrace
	}
	r := &run{Options: options, plan: plan, work: work, began: options.Clock(),
		expected: options.History.expect(plan.Operation, plan.Basis, plan.Members, options.Budget.Unrecorded),
		entries:  make(map[string]Entry, len(plan.Members)), results: map[string]*engine.Result{}, statuses: map[Status]int{},
		ended: make(chan result, len(plan.Members)), moved: make(chan moved, 64)}
	r.abreast = r.atOnce()
	r.all(ctx)
	return r.answer(), nil
}

// all goes through the waves.
func (r *run) all(ctx context.Context) {
	waves := r.waves()
	for _, wave := range waves {
		r.later = append(r.later, loadOf(wave))
	}
	r.refuseUnreadable()
	stopped := ""
	for i, wave := range waves {
		r.later = r.later[1:]
		if r.plan.Operation.Changes() {
			r.wave = wave[0].member.Wave
		}
		if r.interrupted {
			stopped = heldByInterrupt
		}
		if stopped != "" {
			r.hold(wave, stopped)
			continue
		}
		if wave = r.open(wave); r.wave != 0 && len(wave) > 0 {
			if stopped = r.ask(ctx, wave); stopped != "" || r.interrupted {
				continue
			}
			r.tell(Event{Kind: WaveBegan})
		}
		r.through(ctx, wave)
		if stopper := r.stopper(waves[i]); stopper != "" && len(r.later) > 0 && !r.KeepGoing && !r.interrupted {
			stopped = "not begun: " + stopper
			r.tell(Event{Kind: WaveStopped, Because: stopper})
		}
	}
}

// waves are the tasks of each wave that waits for the one before, the longest first. Stacks whose files cannot be read are in none.
func (r *run) waves() [][]task {
	byWave := map[int][]Member{}
	for _, m := range r.plan.Members {
		if len(m.Problems) > 0 {
			continue
		}
		wave := 0
		if r.plan.Operation.Changes() {
			wave = m.Wave
		}
		byWave[wave] = append(byWave[wave], m)
	}
	var waves [][]task
	for _, wave := range slices.Sorted(maps.Keys(byWave)) {
		members := byWave[wave]
		slices.SortFunc(members, r.expected.longestFirst)
		var tasks []task
		for _, m := range members {
			tasks = append(tasks, task{member: m, usage: r.expected.usage[m.Stack]})
		}
		waves = append(waves, tasks)
	}
	return waves
}

func loadOf(tasks []task) (l load) {
	for _, t := range tasks {
		l.sum, l.most = l.sum+t.usage.Seconds, max(l.most, t.usage.Seconds)
	}
	return l
}

// open takes over what is done of a wave, and returns the rest.
func (r *run) open(tasks []task) (rest []task) {
	for _, t := range tasks {
		if !r.takeOver(t.member) {
			rest = append(rest, t)
		}
	}
	return rest
}

// ask asks whether a wave may begin. Where it may not its stacks are refused, and why the later ones are held is returned.
func (r *run) ask(ctx context.Context, tasks []task) (stopped string) {
	if r.Gate == nil {
		return ""
	}
	members := make([]Member, len(tasks))
	for i, t := range tasks {
		members[i] = t.member
	}
	slices.SortFunc(members, func(a, b Member) int { return strings.Compare(a.Stack, b.Stack) })
	err := r.Gate(ctx, r.wave, members)
	switch {
	case ctx.Err() != nil:
		r.interrupted = true
		r.hold(tasks, heldByInterrupt)
	case err != nil:
		for _, t := range tasks {
			r.take(Entry{Member: t.member, Status: Refused, Error: err.Error()}, nil)
		}
		stopped = fmt.Sprintf("not begun: wave %d was refused", r.wave)
		if len(r.later) > 0 {
			r.tell(Event{Kind: WaveStopped, Because: fmt.Sprintf("wave %d was refused", r.wave)})
		}
	}
	return stopped
}

// through works on all stacks of one wave.
func (r *run) through(ctx context.Context, tasks []task) {
	r.pending = tasks
	var ticks <-chan time.Time
	if r.Tick > 0 {
		ticker := time.NewTicker(r.Tick)
		defer ticker.Stop()
		ticks = ticker.C
	}
	interrupt, kill := ctx.Done(), r.Kill
	wake := time.NewTimer(time.Hour)
	defer wake.Stop()
	for {
		select { // an interrupt goes before all else
		case <-interrupt:
			r.interrupt()
			interrupt = nil
		case <-kill:
			r.interrupt()
			kill = nil
		default:
		}
		again := r.admit(ctx)
		if len(r.pending)+len(r.running) == 0 {
			return
		}
		var wakes <-chan time.Time
		if again > 0 {
			wake.Reset(again)
			wakes = wake.C
		}
		select {
		case <-interrupt:
			r.interrupt()
			interrupt = nil
		case <-kill:
			r.interrupt()
			kill = nil
		case res := <-r.ended:
			r.finish(ctx, res)
		case m := <-r.moved:
			if slices.ContainsFunc(r.running, func(j *job) bool { return j.member.Stack == m.stack }) {
				r.tell(Event{Kind: Moved, Stack: m.stack, Phase: m.phase, Done: m.done, Expected: m.expected})
			}
		case <-ticks:
			r.tell(Event{Kind: Ticked})
		case <-wakes:
		}
	}
}

// admit begins what fits. It returns when to try again, 0 when only the end of a stack can make room.
func (r *run) admit(ctx context.Context) (again time.Duration) {
	if r.interrupted {
		return 0
	}
	now := r.Clock()
	rest := r.pending[:0:0]
	for _, t := range r.pending {
		switch wait := t.notBefore.Sub(now); {
		case wait > 0:
			if again == 0 || wait < again {
				again = wait
			}
			rest = append(rest, t)
		case !r.fits(t):
			rest = append(rest, t)
		default:
			r.begin(ctx, t, now)
		}
	}
	r.pending = rest
	return again
}

// fits tells whether there is room for a stack. One alone always fits: it would never be done otherwise.
func (r *run) fits(t task) bool {
	if len(r.running) == 0 {
		return true
	}
	return len(r.running) < r.Budget.Slots && (r.Budget.Memory == 0 || r.memory+t.usage.Memory <= r.Budget.Memory)
}

func (r *run) begin(ctx context.Context, t task, now time.Time) {
	t.attempts++
	j := &job{task: t, began: now}
	r.running = append(r.running, j)
	r.memory += t.usage.Memory
	go func() { r.ended <- r.supervise(ctx, j) }()
	if t.attempts == 1 {
		r.tell(Event{Kind: Began, Stack: t.member.Stack})
	}
}

// The pauses between attempts at a stack that another process works on.
const (
	firstPause = 250 * time.Millisecond
	mostPause  = 5 * time.Second
)

// finish takes in what came out of one job.
func (r *run) finish(ctx context.Context, res result) {
	r.running = slices.DeleteFunc(r.running, func(j *job) bool { return j == res.job })
	r.memory -= res.usage.Memory
	now := r.Clock()
	var busy *engine.BusyError
	if errors.As(res.err, &busy) && r.Wait > 0 && !r.interrupted && ctx.Err() == nil {
		t := res.task
		if t.busySince.IsZero() {
			t.busySince = now
		}
		if left := r.Wait - now.Sub(t.busySince); left > 0 {
			t.notBefore = now.Add(min(left, mostPause, firstPause<<min(t.attempts, 10)))
			r.pending = append([]task{t}, r.pending...)
			because, _, _ := strings.Cut(busy.Error(), "\n")
			r.tell(Event{Kind: Waits, Stack: t.member.Stack, Because: because})
			return
		}
	}
	r.interrupted = r.interrupted || ctx.Err() != nil
	e := r.judge(res)
	e.DurationSeconds = now.Sub(res.began).Round(time.Millisecond).Seconds()
	e.MemoryBytes = res.outcome.Memory
	if e.Status.answered() {
		r.pace.foretold += res.usage.Seconds
		r.pace.took += now.Sub(res.began).Seconds()
	}
	changes := r.changesOf(e, res.outcome.Run)
	if err := r.Journal.note(r.plan.Inputs[e.Stack], e, changes); err != nil {
		r.note("the answer of " + e.Stack + " is not kept for --resume: " + err.Error())
	}
	r.take(e, changes)
}

// take enters a stack's part into the answer.
func (r *run) take(e Entry, changes *engine.Result) {
	r.entries[e.Stack] = e
	r.statuses[e.Status]++
	if changes != nil {
		r.results[e.Stack] = changes
	}
	r.tell(Event{Kind: Ended, Stack: e.Stack, Entry: &e})
}

func (r *run) note(text string) { r.notes = append(r.notes, text) }

// takeOver uses what an earlier run found out.
func (r *run) takeOver(m Member) bool {
	found, ok := r.Journal.take(m.Stack, r.plan.Inputs[m.Stack])
	if !ok {
		return false
	}
	e := *found.Entry
	e.Member = m
	r.taken++
	r.take(e, found.Result)
	return true
}

// interrupt begins nothing any more.
func (r *run) interrupt() {
	r.interrupted = true
	tasks := r.pending
	r.pending = nil
	r.hold(tasks, heldByInterrupt)
}

const heldByInterrupt = "not begun: the run was interrupted"

func (r *run) hold(tasks []task, because string) {
	for _, t := range tasks {
		if !r.takeOver(t.member) {
			r.take(Entry{Member: t.member, Status: Held, Error: because}, nil)
		}
	}
}

// refuseUnreadable answers for the stacks whose files cannot be read. They stop no wave: nobody knows which would be theirs.
func (r *run) refuseUnreadable() {
	for _, m := range r.plan.Members {
		if len(m.Problems) > 0 {
			r.take(Entry{Member: m, Status: Refused, Error: strings.Join(m.Problems, "\n")}, nil)
		}
	}
}

// stopper says which stacks of a wave keep the later ones from being begun; "" for none.
func (r *run) stopper(tasks []task) string {
	var names []string
	for _, t := range tasks {
		if e := r.entries[t.member.Stack]; e.stops() {
			names = append(names, e.Stack+" "+why(e))
		}
	}
	slices.Sort(names)
	if n := len(names); n > maxNamed {
		names = append(names[:maxNamed], fmt.Sprintf("%d more", n-maxNamed))
	}
	if len(names) == 0 {
		return ""
	}
	return fmt.Sprintf("wave %d was stopped by %s", r.wave, strings.Join(names, ", "))
}

// maxNamed is how many stacks a sentence names.
const maxNamed = 5

// why is what a stack did to stop its wave.
func why(e Entry) string {
	switch {
	case e.Status == Failed:
		return "(failed)"
	case e.Status == Refused:
		return "(refused)"
	case e.weakens():
		return "(weakens a promise)"
	}
	return "(" + string(e.Status) + ")"
}

// tell reports an event.
func (r *run) tell(e Event) {
	if r.Progress == nil {
		return
	}
	o := Overview{Total: len(r.plan.Members), Ended: len(r.entries), Wave: r.wave, Statuses: maps.Clone(r.statuses), Elapsed: r.Clock().Sub(r.began)}
	for _, j := range r.running {
		o.Running = append(o.Running, j.member.Stack)
	}
	o.Waiting = o.Total - o.Ended - len(o.Running)
	o.Left, o.LeftKnown = r.left()
	e.Overview = o
	r.Progress(e)
}

// left foretells how long the rest takes.
func (r *run) left() (time.Duration, bool) {
	factor := r.pace.factor()
	now := load{}
	for _, j := range r.running {
		rest := max(0, j.usage.Seconds*factor-r.Clock().Sub(j.began).Seconds())
		now.sum, now.most = now.sum+rest, max(now.most, rest)
	}
	pending := loadOf(r.pending)
	now.sum, now.most = now.sum+pending.sum*factor, max(now.most, pending.most*factor)
	seconds := r.span(now)
	if !r.interrupted {
		for _, l := range r.later {
			seconds += r.span(load{l.sum * factor, l.most * factor})
		}
	}
	known := r.pace.foretold > 0 || 2*r.expected.known > len(r.plan.Members)
	return time.Duration(math.Round(seconds)) * time.Second, known
}

// span is how long an amount of work takes side by side.
func (r *run) span(l load) float64 { return max(l.most, l.sum/r.abreast) }

// atOnce is how many stacks run at once on average, as slots and memory allow.
func (r *run) atOnce() float64 {
	var memory mean
	for _, u := range r.expected.usage {
		memory.add(float64(u.Memory))
	}
	slots := float64(r.Budget.Slots)
	if r.Budget.Memory == 0 || memory.value() == 0 {
		return slots
	}
	return max(1, min(slots, float64(r.Budget.Memory)/memory.value()))
}
