package retire

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// RecordVersion is the version of the record's form.
const RecordVersion = 1

// Step is one part of the orderly way.
type Step string

// The steps, in their order.
const (
	Backup   Step = "backup"      // a last copy of the data exists
	Export   Step = "export"      // the client has its data
	Lift     Step = "lift"        // deletion protection is off
	Destroy  Step = "destroy"     // everything is deleted
	Orphans  Step = "orphans"     // nothing that the stack made is left beside its state
	Certify  Step = "certificate" // what was deleted is written up and signed
	TakeDown Step = "file"        // the stack is no longer one of the fleet
)

// Steps are all of them, in their order.
func Steps() []Step { return []Step{Backup, Export, Lift, Destroy, Orphans, Certify, TakeDown} }

// Means says what a step does.
func (s Step) Means() string {
	return map[Step]string{
		Backup:   "a final backup exists",
		Export:   "the client has received its data",
		Lift:     "deletion protection is lifted: `leaving` in the stack's file",
		Destroy:  "every resource is deleted",
		Orphans:  "nothing is left beside the state",
		Certify:  "the certificate of deletion is written and signed",
		TakeDown: "the stack's file leaves the fleet",
	}[s]
}

// Done is how a step was done.
type Done struct {
	Step   Step      `json:"step"`
	At     time.Time `json:"at"`
	Detail string    `json:"detail"`
}

// Resource is one that the stack had.
type Resource struct {
	URN  string `json:"urn"`
	Type string `json:"type"`
	Name string `json:"name"`
	ID   string `json:"id"`
	// Held is what data it held; empty: none.
	Held string `json:"held,omitempty"`
	// Deleted is when; absent: it remains, see Record.Remains.
	Deleted *time.Time `json:"deleted,omitempty"`
}

// Remaining is what outlives the stack.
type Remaining struct {
	What  string `json:"what"`
	ID    string `json:"id,omitempty"`
	Why   string `json:"why"`
	Until string `json:"until"` // a day, or what ends it
}

// Record is what is known of one client's end.
type Record struct {
	Version     int         `json:"version"`
	Stack       string      `json:"stack"`
	Client      string      `json:"client"`
	DisplayName string      `json:"displayName"`
	Kind        string      `json:"kind"`
	Where       string      `json:"where"`
	Cloud       string      `json:"cloud"` // embedded or real
	Reason      string      `json:"reason"`
	Began       time.Time   `json:"began"`
	Steps       []Done      `json:"steps"`
	Resources   []Resource  `json:"resources"`
	Remains     []Remaining `json:"remains"`
}

// Is tells whether a step is done.
func (r *Record) Is(s Step) bool {
	return slices.ContainsFunc(r.Steps, func(d Done) bool { return d.Step == s })
}

// Mark notes that a step is done.
func (r *Record) Mark(s Step, at time.Time, detail string) {
	if !r.Is(s) {
		r.Steps = append(r.Steps, Done{s, at.UTC().Truncate(time.Second), detail})
	}
}

// Next is the first step that is not done; empty: all are.
func (r *Record) Next() Step {
	for _, s := range Steps() {
		if !r.Is(s) {
			return s
		}
	}
	return ""
}

// Take adds resources that the stack has. Those that are known already keep what is noted about them.
func (r *Record) Take(resources []Resource) {
	for _, one := range resources {
		if !slices.ContainsFunc(r.Resources, func(known Resource) bool { return known.URN == one.URN && known.ID == one.ID }) {
			r.Resources = append(r.Resources, one)
		}
	}
	slices.SortFunc(r.Resources, func(a, b Resource) int {
		return strings.Compare(a.Type+"\x00"+a.Name+"\x00"+a.ID, b.Type+"\x00"+b.Name+"\x00"+b.ID)
	})
}

// Gone notes when resources were deleted. What has no time of its own was deleted by now.
func (r *Record) Gone(times map[string]time.Time, now time.Time, left func(Resource) bool) {
	for i := range r.Resources {
		one := &r.Resources[i]
		if one.Deleted != nil || left(*one) {
			continue
		}
		at := now
		if t, found := times[one.URN]; found {
			at = t
		}
		at = at.UTC().Truncate(time.Second)
		one.Deleted = &at
	}
}

// File is where a folder's record of a stack is. The embedded cloud's is another than a real one's.
func File(root, stack, cloud string) string {
	name := stack
	if cloud == "embedded" {
		name = "local-" + stack
	}
	return filepath.Join(root, ".berth", "retire", name+".json")
}

// Load reads a record; nil: there is none.
func Load(path string) (*Record, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // no record is no error
	}
	if err != nil {
		return nil, fmt.Errorf("read the record of the retirement: %w", err)
	}
	r := &Record{}
	if err := json.Unmarshal(text, r); err != nil {
		return nil, fmt.Errorf("read the record of the retirement %s: %w", path, err)
	}
	if r.Version != RecordVersion {
		return nil, fmt.Errorf("read the record of the retirement %s: it has version %d, and this release knows %d", path, r.Version, RecordVersion)
	}
	return r, nil
}

// Encode writes the record.
func (r *Record) Encode() ([]byte, error) {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write the record of the retirement: %w", err)
	}
	return append(text, '\n'), nil
}
