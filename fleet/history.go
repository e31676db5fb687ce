package fleet

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
)

// Folder is where a fleet keeps the journals of its runs and what it learned from them.
func Folder(root string) string { return filepath.Join(root, ".berth", "fleet") }

// HistoryFile is where a fleet's durations are recorded.
func HistoryFile(root string) string { return filepath.Join(Folder(root), "durations.json") }

// Usage is what one operation on one stack took.
type Usage struct {
	Seconds float64 `json:"seconds"`
	Memory  uint64  `json:"memory,omitempty"` // bytes at most, 0 when that is not known
}

// History is how long stacks took, and how much memory. It only guides: what begins first, what fits beside what, how shards are
// cut, and what time is left. Several goroutines may use it.
type History struct {
	path    string
	mu      sync.Mutex
	runs    runs
	learned runs // since it was opened or saved
}

// runs are usages by operation and basis, and then by stack.
type runs map[string]map[string]Usage

const historyVersion = 1

type historyFile struct {
	Version int  `json:"version"`
	Runs    runs `json:"runs"`
}

// OpenHistory reads what is recorded. A file that cannot be read gives an error for a warning, and a history that is empty but can be
// used: saving it makes the file anew.
func OpenHistory(path string) (*History, error) {
	h := &History{path: path, runs: runs{}, learned: runs{}}
	recorded, err := readHistory(path)
	if err != nil {
		return h, err
	}
	h.runs = recorded
	return h, nil
}

func readHistory(path string) (runs, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return runs{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read how long stacks took: %w", err)
	}
	var file historyFile
	if err := json.Unmarshal(text, &file); err != nil || file.Version != historyVersion {
		return nil, fmt.Errorf("read how long stacks took: %s is not such a record; it is made anew", path)
	}
	if file.Runs == nil {
		file.Runs = runs{}
	}
	return file.Runs, nil
}

// key is under what an operation's usages are recorded.
func key(o Operation, basis string) string { return string(o) + " against " + basis }

// Learn takes over what stacks took that came to an answer.
func (h *History) Learn(a *Answer) {
	h.mu.Lock()
	defer h.mu.Unlock()
	k := key(a.Operation, a.Basis)
	for _, e := range a.Stacks {
		if !e.Status.answered() || e.DurationSeconds <= 0 {
			continue
		}
		now := Usage{Seconds: e.DurationSeconds, Memory: e.MemoryBytes}
		h.learned.put(k, e.Stack, h.runs[k][e.Stack].then(now))
		h.runs.put(k, e.Stack, h.learned[k][e.Stack])
	}
}

func (r runs) put(k, stack string, u Usage) {
	if r[k] == nil {
		r[k] = map[string]Usage{}
	}
	r[k][stack] = u
}

// then is what is expected after one more run: halfway to it, so that one slow hour is soon forgotten.
func (u Usage) then(now Usage) Usage {
	if u.Seconds <= 0 {
		return now
	}
	next := Usage{Seconds: (u.Seconds + now.Seconds) / 2, Memory: cmp.Or(now.Memory, u.Memory)}
	if now.Memory > 0 && u.Memory > now.Memory {
		next.Memory = u.Memory/2 + now.Memory/2
	}
	return next
}

// Save records what was learned. What another process recorded meanwhile is kept.
func (h *History) Save() (err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.learned) == 0 {
		return nil
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("record how long stacks took: %w", err)
		}
	}()
	if err := os.MkdirAll(filepath.Dir(h.path), 0o700); err != nil {
		return err
	}
	lock, err := os.OpenFile(h.path+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close()) }() // which unlocks it
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return err
	}
	recorded, err := readHistory(h.path)
	if err != nil {
		recorded = runs{} // no record: it is made anew
	}
	for k, stacks := range h.learned {
		if recorded[k] == nil {
			recorded[k] = map[string]Usage{}
		}
		maps.Copy(recorded[k], stacks)
	}
	text, err := json.Marshal(historyFile{Version: historyVersion, Runs: recorded})
	if err != nil {
		return err
	}
	if err := replace(h.path, append(text, '\n')); err != nil {
		return err
	}
	h.runs, h.learned = recorded, runs{}
	return nil
}

// replace writes a file in one piece: whoever reads it finds the old text or the new one.
func replace(path string, text []byte) (err error) {
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(file.Name())
		}
	}()
	_, err = file.Write(text)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}

// expected are what stacks will take.
type expected struct {
	usage map[string]Usage
	known int // how many of them are recorded
}

// unknownSeconds is what a stack takes where nothing at all is recorded. Only that it is the same for all matters.
const unknownSeconds = 1

// expect foretells what members take: as recorded, or as others of their kind do, or as all do, and unrecorded bytes of memory
// where nothing is; 0: DefaultMemory. h may be nil.
func (h *History) expect(o Operation, basis string, members []Member, unrecorded uint64) expected {
	e := expected{usage: make(map[string]Usage, len(members))}
	recorded := map[string]Usage{}
	if h != nil {
		h.mu.Lock()
		recorded = maps.Clone(h.runs[key(o, basis)])
		h.mu.Unlock()
	}
	kinds, all := map[string]*mean{}, &mean{}
	var memory []uint64
	for _, m := range members {
		u, ok := recorded[m.Stack]
		if !ok {
			continue
		}
		if kinds[string(m.Kind)] == nil {
			kinds[string(m.Kind)] = &mean{}
		}
		kinds[string(m.Kind)].add(u.Seconds)
		all.add(u.Seconds)
		if u.Memory > 0 {
			memory = append(memory, u.Memory)
		}
	}
	slices.Sort(memory)
	for _, m := range members {
		u, ok := recorded[m.Stack]
		if ok {
			e.known++
		}
		if u.Seconds <= 0 {
			u.Seconds = cmp.Or(kinds[string(m.Kind)].value(), all.value(), unknownSeconds)
		}
		if u.Memory == 0 && len(memory) > 0 {
			u.Memory = memory[(len(memory)-1)*9/10] // rather much than too little
		}
		u.Memory = cmp.Or(u.Memory, unrecorded, DefaultMemory)
		e.usage[m.Stack] = u
	}
	return e
}

// mean of some numbers; nil is of none.
type mean struct {
	sum float64
	n   int
}

func (m *mean) add(x float64) { m.sum, m.n = m.sum+x, m.n+1 }

func (m *mean) value() float64 {
	if m == nil || m.n == 0 {
		return 0
	}
	return m.sum / float64(m.n)
}
