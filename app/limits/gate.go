package limits

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/berth-iac/berth/app/fault"
)

// GateOptions say how much is done at once.
type GateOptions struct {
	Slots     int           // requests at once, of all clients; required
	PerClient int           // of one client; 0 is three quarters of Slots, so that there is always room for another
	Queue     int           // how many of one client may wait; 0 is 4 times PerClient
	Wait      time.Duration // how long one may wait; 0 is 10 seconds
}

// Gate lets in so many at once. Those who wait stand in one line for each client, and the lines take turns: a client with a
// thousand waiting delays another's single request by one turn (AV-12).
type Gate struct {
	o       GateOptions
	mu      sync.Mutex
	running int
	lines   map[string]*line
	turns   []*line // lines in which somebody waits, next first
}

type line struct {
	running int
	waiting []chan struct{}
}

// NewGate makes one for the process. It holds nothing of a client that neither runs nor waits.
func NewGate(o GateOptions) (*Gate, error) {
	if o.Slots < 1 {
		return nil, fault.BadInput("slots", fmt.Sprintf("%d requests at once", o.Slots), "choose at least 1")
	}
	if o.PerClient <= 0 {
		o.PerClient = max(1, o.Slots*3/4)
	}
	if o.Queue <= 0 {
		o.Queue = 4 * o.PerClient
	}
	if o.Wait <= 0 {
		o.Wait = 10 * time.Second
	}
	return &Gate{o: o, lines: map[string]*line{}}, nil
}

// Enter waits for a place and gives what to call, once, when it is free again. fault.TooMany says that too many of this client wait,
// or that it took too long.
func (g *Gate) Enter(ctx context.Context, client string) (leave func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	g.mu.Lock()
	l := g.lines[client]
	if l == nil {
		l = &line{}
		g.lines[client] = l
	}
	leave = sync.OnceFunc(func() { g.leave(client, l) })
	if g.running < g.o.Slots && l.running < g.o.PerClient && len(l.waiting) == 0 {
		g.running++
		l.running++
		g.mu.Unlock()
		return leave, nil
	}
	if len(l.waiting) >= g.o.Queue {
		g.mu.Unlock()
		return nil, fault.Limited("too many requests at once", time.Second)
	}
	called := make(chan struct{})
	l.waiting = append(l.waiting, called)
	if len(l.waiting) == 1 {
		g.turns = append(g.turns, l)
	}
	g.mu.Unlock()

	timer := time.NewTimer(g.o.Wait)
	defer timer.Stop()
	select {
	case <-called:
		return leave, nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-timer.C:
		err = fault.Limited("too many requests at once", time.Second)
	}
	if !g.giveUp(client, l, called) { // called at the same moment
		leave()
	}
	return nil, err
}

// Waiting is how many wait.
func (g *Gate) Waiting() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := 0
	for _, l := range g.turns {
		n += len(l.waiting)
	}
	return n
}

// Running is how many have a place.
func (g *Gate) Running() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.running
}

func (g *Gate) giveUp(client string, l *line, called chan struct{}) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	i := slices.Index(l.waiting, called)
	if i < 0 {
		return false
	}
	l.waiting = slices.Delete(l.waiting, i, i+1)
	if len(l.waiting) == 0 {
		g.turns = slices.DeleteFunc(g.turns, func(one *line) bool { return one == l })
	}
	g.forget(client, l)
	return true
}

func (g *Gate) leave(client string, l *line) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.running--
	l.running--
	for g.running < g.o.Slots {
		i := slices.IndexFunc(g.turns, func(one *line) bool { return one.running < g.o.PerClient })
		if i < 0 {
			break
		}
		next := g.turns[i]
		g.turns = slices.Delete(g.turns, i, i+1)
		close(next.waiting[0])
		next.waiting = slices.Delete(next.waiting, 0, 1)
		next.running++
		g.running++
		if len(next.waiting) > 0 { // to the end of the turns
			g.turns = append(g.turns, next)
		}
	}
	g.forget(client, l)
}

func (g *Gate) forget(client string, l *line) {
	if l.running == 0 && len(l.waiting) == 0 && g.lines[client] == l {
		delete(g.lines, client)
	}
}
