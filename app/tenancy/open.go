package tenancy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/berth-iac/berth/app/config"
	"github.com/berth-iac/berth/app/fault"
)

const (
	openTimeout = 30 * time.Second
	failedFor   = time.Second // a client that cannot be opened is not tried again before
	checkEvery  = time.Second // how soon a change of a client's file is seen
)

// Directory knows all clients and keeps some of them open.
type Directory struct {
	o     Options
	disk  disk
	fixed map[string]Record
	hosts map[string]string // of the fixed ones

	mu      sync.Mutex
	open    map[string]*entry
	at      map[string]string // the open clients' names by host: what is open is found without looking at the disk
	count   int               // open or being opened, those included that are only waiting to be closed
	closed  bool
	closing sync.WaitGroup
	logged  func(error)
}

// entry is a client that is open, being opened, or failed to.
type entry struct {
	ready   chan struct{} // closed when tenant or err is there
	tenant  *Tenant
	err     error
	failed  time.Time
	stamp   stamp
	checked time.Time
	refs    int
	used    time.Time
	stale   bool // no longer in the map: closed when nobody uses it
}

// stamp tells whether a client's file was changed.
type stamp struct {
	modified time.Time
	size     int64
}

// New gives the directory of all clients. logged hears of what goes wrong where nobody waits for an answer.
func New(o Options, logged func(error)) (*Directory, error) {
	if o.Resolve == nil || o.Now == nil || o.Root == "" && len(o.Fixed) == 0 {
		return nil, errors.New("clients need a folder or a list, a way to their secrets, and a clock")
	}
	if o.MaxOpen <= 0 {
		o.MaxOpen = 256
	}
	if o.IdleClose <= 0 {
		o.IdleClose = 5 * time.Minute
	}
	d := &Directory{o: o, disk: disk{root: o.Root}, fixed: map[string]Record{}, hosts: map[string]string{}, open: map[string]*entry{}, at: map[string]string{}, logged: logged}
	for _, client := range o.Fixed {
		hosts, err := parseHosts(client.Hosts)
		if err != nil {
			return nil, err
		}
		client.Hosts = hosts
		if err := config.CheckClient("client "+client.Name, &client); err != nil {
			return nil, err
		}
		d.fixed[client.Name] = Record{State: Active, Client: client}
		for _, host := range hosts {
			if other, taken := d.hosts[host]; taken {
				return nil, fmt.Errorf("host %s is both %s's and %s's", host, other, client.Name)
			}
			d.hosts[host] = client.Name
		}
	}
	return d, nil
}

// Open gives the tenant that a request's Host header names. Whoever gets it calls release when done with it, once or more often; until
// then it stays open. A host name that is no client's is NotFound and no more.
func (d *Directory) Open(ctx context.Context, hostHeader string) (_ *Tenant, release func(), err error) {
	host, ok := ParseHost(hostHeader)
	if !ok {
		return nil, nil, errUnknown()
	}
	name, err := d.nameOf(host)
	if err != nil {
		return nil, nil, err
	}
	t, release, err := d.OpenName(ctx, name)
	if fault.Is(err, fault.NotFound) {
		return nil, nil, errUnknown() // an index that is ahead of the record, or behind it
	}
	if err != nil {
		return nil, nil, err
	}
	switch {
	case !slices.Contains(t.Hosts, host):
		err = errUnknown()
	case t.State == Suspended:
		err = errSuspended()
	default:
		return t, release, nil
	}
	release()
	return nil, nil, err
}

func (d *Directory) nameOf(host string) (string, error) {
	if name, found := d.hosts[host]; found {
		return name, nil
	}
	d.mu.Lock()
	name, found := d.at[host]
	d.mu.Unlock()
	if found {
		return name, nil
	}
	if d.disk.root == "" {
		return "", errUnknown()
	}
	name, err := d.disk.named(host)
	if errors.Is(err, fs.ErrNotExist) {
		return "", errUnknown()
	}
	if err != nil {
		return "", fmt.Errorf("find the client of host %s: %w", host, err)
	}
	return name, nil
}

// OpenName gives a client by its short name, a suspended one too: for commands.
func (d *Directory) OpenName(ctx context.Context, name string) (_ *Tenant, release func(), err error) {
	for range 3 {
		e, err := d.acquire(name)
		if err != nil {
			return nil, nil, err
		}
		select {
		case <-e.ready:
		case <-ctx.Done():
			d.release(e)
			return nil, nil, fmt.Errorf("wait for client %s: %w", name, ctx.Err())
		}
		if e.err != nil {
			d.release(e)
			return nil, nil, e.err
		}
		if d.changed(name, e) {
			d.release(e)
			continue // the next one is opened from the changed file
		}
		var once sync.Once
		return e.tenant, func() { once.Do(func() { d.release(e) }) }, nil
	}
	return nil, nil, fault.Away("this workspace", fmt.Errorf("the file of client %s keeps changing", name))
}

// acquire counts somebody in who uses a client, and begins to open it where nobody has.
func (d *Directory) acquire(name string) (*entry, error) {
	now := d.o.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil, fault.Away("the service", errors.New("it is being shut down"))
	}
	e := d.open[name]
	if e != nil && !e.failed.IsZero() && now.Sub(e.failed) >= failedFor {
		d.drop(name, e)
		e = nil
	}
	if e == nil {
		if d.count >= d.o.MaxOpen && !d.evict() {
			away := fault.Away("this workspace", fmt.Errorf("%d clients are open and all are in use", d.count))
			away.RetryAfter = time.Second
			return nil, away
		}
		e = &entry{ready: make(chan struct{}), checked: now}
		d.open[name] = e
		d.count++
		e.refs++ // the opening itself: nobody closes it before it is done
		d.closing.Add(1)
		go d.fill(name, e)
	}
	e.refs++
	e.used = now
	return e, nil
}

// fill opens a client, for all who wait for it. That the first of them goes away does not stop it.
func (d *Directory) fill(name string, e *entry) {
	defer d.closing.Done()
	ctx, cancel := context.WithTimeout(context.Background(), openTimeout)
	defer cancel()
	at := d.stamp(name) // before the file is read: a change in between is seen as one
	record, err := d.Get(name)
	if err == nil && record.State == Deleting {
		err = noClient()
	}
	var t *Tenant
	if err == nil {
		t, err = d.o.open(ctx, record)
	}
	d.mu.Lock()
	e.tenant, e.err, e.stamp = t, err, at
	if err != nil {
		e.failed = d.o.Now()
		if fault.Is(err, fault.NotFound) && d.open[name] == e {
			d.drop(name, e) // it costs nothing to look again
		}
	} else if d.open[name] == e {
		for _, host := range t.Hosts {
			d.at[host] = name
		}
	}
	d.mu.Unlock()
	close(e.ready)
	d.release(e)
}

// release counts somebody out.
func (d *Directory) release(e *entry) {
	d.mu.Lock()
	defer d.mu.Unlock()
	e.refs--
	e.used = d.o.Now()
	d.closeUnused(e)
}

// drop takes a client out of the map; it is closed when the last who uses it is done. The lock is held.
func (d *Directory) drop(name string, e *entry) {
	delete(d.open, name)
	if e.tenant != nil {
		for _, host := range e.tenant.Hosts {
			delete(d.at, host)
		}
	}
	e.stale = true
	d.closeUnused(e)
}

// closeUnused closes what is out of the map and out of use, without keeping others waiting. The lock is held.
func (d *Directory) closeUnused(e *entry) {
	if !e.stale || e.refs > 0 {
		return
	}
	e.stale = false // once
	d.count--
	if e.tenant == nil {
		return
	}
	d.closing.Go(func() {
		if err := e.tenant.close(); err != nil && d.logged != nil {
			d.logged(fmt.Errorf("close client %s: %w", e.tenant.Name, err))
		}
	})
}

// evict closes the client that was not used for longest and is not in use. The lock is held.
func (d *Directory) evict() bool {
	var oldest string
	for name, e := range d.open {
		if e.refs == 0 && (oldest == "" || e.used.Before(d.open[oldest].used)) {
			oldest = name
		}
	}
	if oldest == "" {
		return false
	}
	d.drop(oldest, d.open[oldest])
	return true
}

// changed tells whether a client's file was changed since it was opened; then it is opened anew for the next.
func (d *Directory) changed(name string, e *entry) bool {
	if _, fixed := d.fixed[name]; fixed {
		return false
	}
	now := d.o.Now()
	d.mu.Lock()
	look := now.Sub(e.checked) >= checkEvery
	if look {
		e.checked = now
	}
	d.mu.Unlock()
	if !look || d.stamp(name) == e.stamp {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.open[name] == e {
		d.drop(name, e)
	}
	return true
}

func (d *Directory) stamp(name string) stamp {
	info, err := os.Stat(d.disk.recordPath(name))
	if err != nil {
		return stamp{}
	}
	return stamp{info.ModTime(), info.Size()}
}

// forgetOpen closes a client here as soon as nobody uses it.
func (d *Directory) forgetOpen(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if e := d.open[name]; e != nil {
		d.drop(name, e)
	}
}

// Reload makes every client's file be looked at when it is next asked for.
func (d *Directory) Reload() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, e := range d.open {
		e.checked = time.Time{}
	}
}

// CloseIdle closes the clients that nobody used for a while, and gives their number. The service calls it now and then.
func (d *Directory) CloseIdle() int {
	now := d.o.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	n := 0
	for name, e := range d.open {
		if e.refs == 0 && now.Sub(e.used) >= d.o.IdleClose {
			d.drop(name, e)
			n++
		}
	}
	return n
}

// Opened is how many clients are open.
func (d *Directory) Opened() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.count
}

// Close closes every client as soon as nobody uses it, opens no more, and waits until all are closed.
func (d *Directory) Close(ctx context.Context) error {
	d.mu.Lock()
	d.closed = true
	for name, e := range d.open {
		d.drop(name, e)
	}
	d.mu.Unlock()
	for {
		if d.Opened() == 0 {
			d.closing.Wait()
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d clients are still in use: %w", d.Opened(), ctx.Err())
		case <-time.After(5 * time.Millisecond):
		}
	}
}
