package password

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/bcrypt"
	"golang.org/x/text/unicode/norm"

	"github.com/berth-iac/berth/app/fault"
)

const (
	// LeastCost is the lowest bcrypt cost that is promised (AC-9).
	LeastCost = 12
	// scheme stands before every stored hash, so that another way of hashing can be told from this one.
	scheme = "tf1:"
	domain = "taskflow password 1"
)

// Options say how a Hasher works. The zero value is what a server should have.
type Options struct {
	Cost    int           // of bcrypt, 12 to 16; 0 is 12
	Workers int           // how many hash at once; 0 is half of the processors, at least one
	Queue   int           // how many may wait for a worker; 0 is 16 for each worker
	Wait    time.Duration // how long one may wait; 0 is 5 seconds
}

// Hasher hashes and compares passwords on a fixed number of workers, so that a flood of sign-ins occupies those and no other
// processor. Whoever comes when too many wait is told to come back.
type Hasher struct {
	cost    int
	workers chan struct{}
	queue   int64
	wait    time.Duration
	waiting atomic.Int64
	dummy   string
	compare func(hash, folded []byte) error
}

// NewHasher makes one. One is enough for a process; it knows no client.
func NewHasher(o Options) (*Hasher, error) {
	if o.Cost == 0 {
		o.Cost = LeastCost
	}
	if o.Cost < LeastCost || o.Cost > 16 {
		return nil, fault.BadInput("cost", fmt.Sprintf("bcrypt's cost is %d", o.Cost), "choose from 12 to 16")
	}
	return newHasher(o)
}

// NewTestHasher makes one that is quick and protects nothing. It is for tests; a test here holds that nothing else calls it.
func NewTestHasher() *Hasher {
	h, err := newHasher(Options{Cost: bcrypt.MinCost})
	if err != nil {
		panic(err) // bcrypt of a constant
	}
	return h
}

// nobodys is a salt and a hash that no password is known to have.
const nobodys = "Zk0GqJ3x8e9wVb1rT5yUuO" + "nQ2sHc7dLm4fKa6pXe9jYwRg1tBiNv8"

func newHasher(o Options) (*Hasher, error) {
	if o.Workers <= 0 {
		o.Workers = max(1, runtime.GOMAXPROCS(0)/2)
	}
	if o.Queue <= 0 {
		o.Queue = 16 * o.Workers
	}
	if o.Wait <= 0 {
		o.Wait = 5 * time.Second
	}
	h := &Hasher{cost: o.Cost, workers: make(chan struct{}, o.Workers), queue: int64(o.Queue), wait: o.Wait, compare: bcrypt.CompareHashAndPassword}
	// To compare with it takes as long as with any other, and to make one would take most of the service's start.
	dummy := fmt.Sprintf("$2a$%02d$%s", o.Cost, nobodys)
	if cost, err := bcrypt.Cost([]byte(dummy)); err != nil || cost != o.Cost {
		return nil, fmt.Errorf("the stand-in for unknown accounts has cost %d instead of %d: %w", cost, o.Cost, err)
	}
	h.dummy = scheme + dummy
	return h, nil
}

// Hash gives what to store. The policy is the caller's to check before.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	if len(password) > MaxBytes {
		return "", bad(fmt.Sprintf("it is longer than %d bytes", MaxBytes), "use a shorter one")
	}
	var hash []byte
	err := h.work(ctx, func() (err error) {
		hash, err = bcrypt.GenerateFromPassword(fold(password), h.cost)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("hash a password: %w", err)
	}
	return scheme + string(hash), nil
}

// Compare tells whether password is the one that was hashed. For an account that does not exist give "": it takes as long, and the
// answer is no. fault.TooMany says that too many sign in at once.
func (h *Hasher) Compare(ctx context.Context, hash, password string) (bool, error) {
	known := strings.HasPrefix(hash, scheme)
	against := hash
	if !known || len(password) > MaxBytes {
		against = h.dummy
	}
	if len(password) > MaxBytes {
		known, password = false, ""
	}
	var verdict error
	if err := h.work(ctx, func() error {
		verdict = h.compare([]byte(strings.TrimPrefix(against, scheme)), fold(password))
		return nil
	}); err != nil {
		return false, fmt.Errorf("compare a password: %w", err)
	}
	switch {
	case verdict == nil:
		return known, nil
	case errors.Is(verdict, bcrypt.ErrMismatchedHashAndPassword):
		return false, nil
	default:
		return false, fmt.Errorf("the stored hash of a password cannot be read: %w", verdict)
	}
}

// Used tells whether candidate is one of those that were hashed: the current one and earlier ones, as many as the policy's
// History says.
func (h *Hasher) Used(ctx context.Context, hashes []string, candidate string) (bool, error) {
	for _, hash := range hashes[:min(len(hashes), mostHistory+1)] {
		if same, err := h.Compare(ctx, hash, candidate); same || err != nil {
			return same, err
		}
	}
	return false, nil
}

// NeedsRehash tells whether a hash was made with another scheme or a lower cost: hash the password anew when it is next given.
func (h *Hasher) NeedsRehash(hash string) bool {
	inner, found := strings.CutPrefix(hash, scheme)
	cost, err := bcrypt.Cost([]byte(inner))
	return !found || err != nil || cost < h.cost
}

// work runs one on a worker. bcrypt cannot be stopped midway, so a worker is busy until it is through, whoever went away.
func (h *Hasher) work(ctx context.Context, one func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case h.workers <- struct{}{}:
	default:
		if err := h.line(ctx); err != nil {
			return err
		}
	}
	defer func() { <-h.workers }()
	return one()
}

func (h *Hasher) line(ctx context.Context) error {
	defer h.waiting.Add(-1)
	if h.waiting.Add(1) > h.queue {
		return fault.Limited("too many people sign in at this moment", h.wait)
	}
	timer := time.NewTimer(h.wait)
	defer timer.Stop()
	select {
	case h.workers <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return fault.Limited("too many people sign in at this moment", h.wait)
	}
}

// fold makes of a password of any length what fits into bcrypt's 72 bytes. Texts that look the same are the same.
func fold(password string) []byte {
	mac := hmac.New(sha256.New, []byte(domain))
	mac.Write([]byte(norm.NFKC.String(password)))
	return base64.StdEncoding.AppendEncode(nil, mac.Sum(nil))
}
