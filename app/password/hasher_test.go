package password_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/password"
)

func TestHashIsBcryptOfCost12AC9(t *testing.T) {
	h, err := password.NewHasher(password.Options{})
	if err != nil {
		t.Fatal(err)
	}
	hash, err := h.Hash(t.Context(), "heron kettle")
	if err != nil {
		t.Fatal(err)
	}
	inner, found := strings.CutPrefix(hash, "tf1:")
	cost, err := bcrypt.Cost([]byte(inner))
	if !found || err != nil || cost != 12 {
		t.Errorf("the hash is %q: cost %d, %v", hash, cost, err)
	}
	if strings.Contains(hash, "heron") || h.NeedsRehash(hash) {
		t.Errorf("hash %q", hash)
	}
	if ok, err := h.Compare(t.Context(), hash, "heron kettle"); !ok || err != nil {
		t.Errorf("the right one: %v, %v", ok, err)
	}
	for _, cost := range []int{4, 11, 17} {
		if _, err := password.NewHasher(password.Options{Cost: cost}); !fault.Is(err, fault.Invalid) {
			t.Errorf("cost %d: %v", cost, err)
		}
	}
	cheap, err := password.NewTestHasher().Hash(t.Context(), "heron kettle")
	if err != nil || !h.NeedsRehash(cheap) || !h.NeedsRehash(inner) || !h.NeedsRehash("") {
		t.Errorf("a hash of lower cost or another scheme is not to be made anew: %v", err)
	}
}

func TestCompare(t *testing.T) {
	h := password.NewTestHasher()
	long := strings.Repeat("correct horse lantern ", 10)
	hash, err := h.Hash(t.Context(), long)
	if err != nil {
		t.Fatal(err)
	}
	accented, err := h.Hash(t.Context(), "caf\u00e9 kettle")
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		hash, password string
		want           bool
	}{
		"right":                             {hash, long, true},
		"differs after bcrypt's 72 bytes":   {hash, long[:len(long)-1] + "x", false},
		"same letters, written another way": {accented, "cafe\u0301 kettle", true},
		"unknown account":                   {"", long, false},
		"unknown account, the stand-in":     {"", "nobody's", false},
		"too long":                          {hash, strings.Repeat("x", 1<<20), false},
		"too long, unknown":                 {"", strings.Repeat("x", 1<<20), false},
		"empty":                             {hash, "", false},
		"plain bcrypt is not ours":          {strings.TrimPrefix(hash, "tf1:"), long, false},
	} {
		if got, err := h.Compare(t.Context(), tc.hash, tc.password); got != tc.want || err != nil {
			t.Errorf("%s: %v, %v, want %v", name, got, err, tc.want)
		}
	}
	if ok, err := h.Compare(t.Context(), "tf1:broken", long); ok || err == nil || strings.Contains(err.Error(), "broken") {
		t.Errorf("a broken hash: %v, %v", ok, err)
	}
	if _, err := h.Hash(t.Context(), strings.Repeat("x", password.MaxBytes+1)); !fault.Is(err, fault.Invalid) {
		t.Errorf("hash of too much: %v", err)
	}
}

// An unknown account must cost what a known one does: one comparison, of a hash of the same cost.
func TestCompareOfAnUnknownAccountWorksAsHard(t *testing.T) {
	h := password.NewTestHasher()
	var costs []int
	password.Spy(h, func(hash []byte) {
		cost, err := bcrypt.Cost(hash)
		if err != nil {
			t.Error(err)
		}
		costs = append(costs, cost)
	})
	hash, err := h.Hash(t.Context(), "heron kettle")
	if err != nil {
		t.Fatal(err)
	}
	for _, stored := range []string{hash, "", "something else"} {
		if _, err := h.Compare(t.Context(), stored, "kettle heron"); err != nil {
			t.Fatal(err)
		}
	}
	if len(costs) != 3 || costs[0] != costs[1] || costs[1] != costs[2] {
		t.Errorf("comparisons had the costs %v, want three alike", costs)
	}
}

func TestUsed(t *testing.T) {
	h := password.NewTestHasher()
	var hashes []string
	for _, p := range []string{"heron one", "heron two"} {
		hash, err := h.Hash(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		hashes = append(hashes, hash)
	}
	for candidate, want := range map[string]bool{"heron one": true, "heron two": true, "heron six": false} {
		if got, err := h.Used(t.Context(), hashes, candidate); got != want || err != nil {
			t.Errorf("%s: %v, %v", candidate, got, err)
		}
	}
}

func TestALoginFloodOccupiesTheWorkersAndNoMore(t *testing.T) {
	const workers, queue, flood = 2, 5, 60
	h := password.Small(password.Options{Workers: workers, Queue: queue, Wait: time.Minute})
	var busy, peak, through, refused atomic.Int64
	hold := make(chan struct{})
	password.Spy(h, func([]byte) {
		now := busy.Add(1)
		for old := peak.Load(); now > old && !peak.CompareAndSwap(old, now); old = peak.Load() {
		}
		<-hold
		busy.Add(-1)
	})
	var all sync.WaitGroup
	for range flood {
		all.Go(func() {
			_, err := h.Compare(t.Context(), "", "x")
			switch {
			case err == nil:
				through.Add(1)
			case fault.Is(err, fault.TooMany) && fault.Problems(err)[0].RetryAfter > 0:
				refused.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	for refused.Load() < flood-workers-queue { // all who find neither a worker nor a place in the line
		time.Sleep(time.Millisecond)
	}
	close(hold)
	all.Wait()
	if peak.Load() != workers || through.Load() != workers+queue || refused.Load() != flood-workers-queue {
		t.Errorf("peak %d, through %d, refused %d", peak.Load(), through.Load(), refused.Load())
	}
}

func TestWaitingEnds(t *testing.T) {
	h := password.Small(password.Options{Workers: 1, Queue: 5, Wait: 20 * time.Millisecond})
	hold, started := make(chan struct{}), make(chan struct{}, 10)
	password.Spy(h, func([]byte) { started <- struct{}{}; <-hold })
	var all sync.WaitGroup
	all.Go(func() { _, _ = h.Compare(t.Context(), "", "x") })
	<-started
	if _, err := h.Compare(t.Context(), "", "x"); !fault.Is(err, fault.TooMany) {
		t.Errorf("after the wait: %v", err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.Compare(gone, "", "x"); err == nil || fault.Is(err, fault.TooMany) {
		t.Errorf("whoever went away: %v", err)
	}
	close(hold)
	all.Wait()
}

func TestNothingButTestsUsesTheTestHasher(t *testing.T) {
	read := 0
	err := filepath.WalkDir("..", func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		read++
		text, err := os.ReadFile(path)
		if strings.Contains(string(text), "password.NewTestHasher") {
			t.Errorf("%s uses the hasher that protects nothing", path)
		}
		return err
	})
	if err != nil || read == 0 {
		t.Errorf("%d files read: %v", read, err)
	}
}

func BenchmarkCompare(b *testing.B) {
	h, err := password.NewHasher(password.Options{})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		_, _ = h.Compare(b.Context(), "", "heron kettle")
	}
}
