package provider

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"

	"github.com/berth-iac/berth/machine/ssh"
)

// pool keeps one connection for each way to a machine, and an order of changes for each machine.
type pool struct {
	mu    sync.Mutex
	ways  map[string]*way
	turns map[string]chan struct{} // by address and port: who holds the only token changes the machine
}

// way is one connection, opened when it is first needed.
type way struct {
	opening chan struct{} // holds a token while nobody opens it
	machine *ssh.Machine
	slots   chan struct{}
}

// slotsPerMachine bounds the sessions on one connection: SSH servers take ten by default.
const slotsPerMachine = 6

func newPool() *pool {
	return &pool{ways: map[string]*way{}, turns: map[string]chan struct{}{}}
}

func token() chan struct{} {
	c := make(chan struct{}, 1)
	c <- struct{}{}
	return c
}

func take(ctx context.Context, from chan struct{}) error {
	select {
	case <-from:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// turn waits until nobody else changes the machine. The applier has a lock of its own; this one spares it the waiting.
func (p *pool) turn(ctx context.Context, t ssh.Target) (done func(), err error) {
	key := fmt.Sprintf("%s:%d", t.Address, t.Port)
	p.mu.Lock()
	c := p.turns[key]
	if c == nil {
		c = token()
		p.turns[key] = c
	}
	p.mu.Unlock()
	if err := take(ctx, c); err != nil {
		return nil, err
	}
	return func() { c <- struct{}{} }, nil
}

// with calls do with a connection to the machine, which has shown the target's host key where that is known.
func (p *pool) with(ctx context.Context, t ssh.Target, options ssh.Options, do func(*ssh.Machine) error) error {
	key := fmt.Sprintf("%s %s %q %x", t.Hop, t.HostKey, t.Instance, sha256.Sum256([]byte(options.PrivateKey)))
	if t.Bastion != nil {
		key += fmt.Sprintf(" %s %s", *t.Bastion, t.Bastion.HostKey)
	}
	p.mu.Lock()
	w := p.ways[key]
	if w == nil {
		w = &way{opening: token(), slots: make(chan struct{}, slotsPerMachine)}
		for range slotsPerMachine {
			w.slots <- struct{}{}
		}
		p.ways[key] = w
	}
	p.mu.Unlock()
	if err := take(ctx, w.slots); err != nil {
		return err
	}
	defer func() { w.slots <- struct{}{} }()
	m, err := w.open(ctx, t, options)
	if err != nil {
		return err
	}
	return do(m)
}

func (w *way) open(ctx context.Context, t ssh.Target, options ssh.Options) (*ssh.Machine, error) {
	if err := take(ctx, w.opening); err != nil {
		return nil, err
	}
	defer func() { w.opening <- struct{}{} }()
	if w.machine != nil && !w.machine.Alive() {
		_ = w.machine.Close() // it is dead
		w.machine = nil
	}
	if w.machine == nil {
		m, err := ssh.Connect(ctx, t, options)
		if err != nil {
			return nil, err
		}
		w.machine = m
	}
	return w.machine, nil
}

func (p *pool) closeAll() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var errs []error
	for key, w := range p.ways {
		if w.machine != nil {
			errs = append(errs, w.machine.Close())
		}
		delete(p.ways, key)
	}
	return errors.Join(errs...)
}
