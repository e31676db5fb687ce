package command

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/berth-iac/berth/engine"
	"github.com/berth-iac/berth/fleet"
	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/evidence"
	"github.com/berth-iac/berth/spec"
	"github.com/spf13/cobra"
)

type clientListOptions struct {
	assess bool
	all    bool // pairs of sites and organisations too
}

func newClientList(env Env, g *global) *cobra.Command {
	var o clientListOptions
	cmd := &cobra.Command{
		Use:   "list [flags]",
		Short: "List the clients with how they stand",
		Long: `List shows every client with kind, tier, environment, release, wave and labels, as
the files tell, and what was found out last: when the stack was brought up, what
"berth fleet refresh" or "preview" found to differ, and how the promises stood in the
evidence below .berth/evidence. Nothing is asked of any cloud. What nobody looked at is
unknown.

With --assess the promises are judged now, from the files alone: a second a stack.`,
		Example: "  berth client list\n  berth client list --output json\n  berth client list --all --assess",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runClientList(cmd.Context(), env, g, o)
		},
	}
	cmd.Flags().BoolVar(&o.assess, "assess", false, "judge the promises now by what the files describe")
	cmd.Flags().BoolVar(&o.all, "all", false, "list pairs of sites and the organisation too")
	return cmd
}

// clientRow is one stack in the list.
type clientRow struct {
	fleet.Member
	// LastUpdate is when the stack was brought up last, as far as evidence or its local state tells.
	LastUpdate *time.Time `json:"lastUpdate,omitempty"`
	Local      bool       `json:"local"` // it has state on the embedded cloud
	// Drift is what was found to differ last; absent: nobody looked.
	Drift *driftState `json:"drift,omitempty"`
	// Promises count how they stand; absent: nobody looked.
	Promises *promiseState `json:"promises,omitempty"`
}

// driftState is what a fleet's run found to differ.
type driftState struct {
	Changes int             `json:"changes"`
	By      fleet.Operation `json:"by"` // refresh: the cloud from the state; preview: the file from the state
	Basis   string          `json:"basis"`
	At      time.Time       `json:"at"` // when the run began
}

func (d *driftState) String() string {
	switch {
	case d == nil:
		return "unknown"
	case d.Changes == 0:
		return "none"
	case d.By == fleet.Preview:
		return fmt.Sprintf("%d to make", d.Changes)
	}
	return fmt.Sprintf("%d found", d.Changes)
}

// promiseState counts promises.
type promiseState struct {
	evidence.Counts
	Source string     `json:"source"` // state, program, or file: judged just now
	Made   *time.Time `json:"made,omitempty"`
}

func (p *promiseState) String() string {
	switch {
	case p == nil:
		return "unknown"
	case p.Broken > 0:
		return fmt.Sprintf("%d BROKEN, %d kept", p.Broken, p.Kept)
	}
	text := fmt.Sprintf("%d kept", p.Kept)
	if p.Waived > 0 {
		text += fmt.Sprintf(", %d waived", p.Waived)
	}
	return text
}

func runClientList(ctx context.Context, env Env, g *global, o clientListOptions) error {
	members, err := fleet.Members(ctx, g.root, env.Now())
	if err != nil {
		return err
	}
	looked, err := lastAnswers(g.root)
	if err != nil {
		return err
	}
	rows := []clientRow{}
	for _, m := range members {
		if !o.all && (m.Kind == spec.KindSites || m.Kind == spec.KindOrganisation) {
			continue
		}
		row := clientRow{Member: m, Drift: looked[m.Stack]}
		row.lookUp(g)
		if o.assess && len(m.Problems) == 0 {
			if row.Promises, err = assessed(ctx, env, g, m.Stack); err != nil {
				return err
			}
		}
		rows = append(rows, row)
	}
	if g.output == "json" {
		return printJSON(env, rows)
	}
	if len(rows) == 0 {
		_, err := fmt.Fprintf(env.Err, "no client has a Pulumi.<stack>.yaml in %s; `berth client new` makes one\n", g.root)
		return err
	}
	return printClients(env, rows)
}

func printClients(env Env, rows []clientRow) error {
	out := bufio.NewWriter(env.Out)
	table := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "STACK\tKIND\tTIER\tENVIRONMENT\tRELEASE\tWAVE\tUPDATED\tDRIFT\tPROMISES\tLABELS")
	for _, r := range rows {
		if n := len(r.Problems); n > 0 {
			_, _ = fmt.Fprintf(table, "%s\t-\t-\t-\t-\t-\t-\t-\t%d problem(s), see `berth spec check %s`\t\n", r.Stack, n, r.Stack)
			continue
		}
		updated := "unknown"
		if r.LastUpdate != nil {
			updated = r.LastUpdate.Format(time.DateOnly)
		}
		if r.Local {
			updated += " (local)"
		}
		var labels []string
		for _, key := range slices.Sorted(maps.Keys(r.Labels)) {
			labels = append(labels, key+"="+r.Labels[key])
		}
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.Stack, r.Kind, dash(string(r.Tier)), dash(string(r.Environment)), dash(r.Release),
			strconv.Itoa(r.Wave), updated, r.Drift, r.Promises, strings.Join(labels, " "))
	}
	return errors.Join(table.Flush(), out.Flush())
}

// lookUp fills in what is on disk about the stack: its local state and its evidence.
func (r *clientRow) lookUp(g *global) {
	if _, err := os.Stat(engine.LocalFolder(g.root, r.Stack)); err == nil {
		r.Local = true
		states, _ := filepath.Glob(filepath.Join(engine.LocalFolder(g.root, r.Stack), "state", ".pulumi", "stacks", "*", "*.json")) // the pattern is well formed
		for _, state := range states {
			if info, err := os.Stat(state); err == nil {
				at := info.ModTime().UTC()
				r.LastUpdate = &at
			}
		}
	}
	head, err := evidenceHead(filepath.Join(g.root, ".berth", "evidence", r.Stack, "evidence.json"))
	if err != nil {
		return // there is none, or none that can be read: then nobody knows
	}
	r.Promises = &promiseState{Counts: head.summary.Promises, Source: string(head.source.Kind), Made: &head.made}
	if state := head.source.State; state != nil && r.LastUpdate == nil {
		r.LastUpdate = &state.Updated
	}
}

// head is the beginning of evidence.
type evidenceBeginning struct {
	source  evidence.Source
	made    time.Time
	summary evidence.Summary
}

// evidenceHead reads evidence as far as its summary. The rest, which is most of it, is left unread.
func evidenceHead(path string) (head evidenceBeginning, err error) {
	file, err := os.Open(path)
	if err != nil {
		return head, err //nolint:wrapcheck // nobody is told
	}
	defer func() { _ = file.Close() }()
	decoder := json.NewDecoder(bufio.NewReader(file))
	if _, err := decoder.Token(); err != nil {
		return head, fmt.Errorf("read %s: %w", path, err)
	}
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return head, fmt.Errorf("read %s: %w", path, err)
		}
		var skipped json.RawMessage
		var into any = &skipped
		switch key {
		case "source":
			into = &head.source
		case "made":
			into = &head.made
		case "summary":
			into = &head.summary
		}
		if err := decoder.Decode(into); err != nil {
			return head, fmt.Errorf("read %s: %w", path, err)
		}
		if key == "summary" {
			return head, nil
		}
	}
	return head, errors.New(path + " has no summary")
}

// assessed judges a stack's promises by what its file describes.
func assessed(ctx context.Context, env Env, g *global, stack string) (*promiseState, error) {
	read, err := readSpec(env, g, stack)
	if err != nil {
		return nil, err
	}
	judged, err := env.Assess(ctx, stack, read, env.Now())
	if err != nil {
		return nil, fmt.Errorf("judge stack %s: %w", stack, err)
	}
	state := &promiseState{Source: "file"}
	for _, result := range judged.Assessment.Promises {
		switch result.Verdict {
		case promises.Kept:
			state.Kept++
		case promises.Broken:
			state.Broken++
		case promises.WaivedVerdict:
			state.Waived++
		case promises.NotShown:
			state.NotShown++
		case promises.ClientsDuty:
			state.ClientsDuty++
		case promises.NotApplicable:
			state.NotApplicable++
		}
	}
	return state, nil
}

// lastAnswers are what fleet's refreshes and previews found about each stack last, from their journals.
func lastAnswers(root string) (map[string]*driftState, error) {
	journals, err := filepath.Glob(filepath.Join(fleet.Folder(root), "*", "journal.jsonl"))
	if err != nil {
		return nil, fmt.Errorf("look for the fleet's answers: %w", err)
	}
	slices.Sort(journals) // their folders are named by time
	last := map[string]*driftState{}
	for _, journal := range journals {
		if err := readJournal(journal, last); err != nil {
			return nil, err
		}
	}
	return last, nil
}

// readJournal takes over what one run found. A refresh says more about drift than a preview: only a newer refresh overrides one.
func readJournal(path string, last map[string]*driftState) error {
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("read the fleet's answers: %w", err)
	}
	defer func() { _ = file.Close() }()
	reader := bufio.NewReaderSize(file, 1<<20)
	var run struct {
		Operation fleet.Operation `json:"operation"`
		Basis     string          `json:"basis"`
		Began     time.Time       `json:"began"`
	}
	for {
		text, err := reader.ReadBytes('\n')
		if errors.Is(err, io.EOF) { // a line without an end was torn by a kill
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the fleet's answers: %w", err)
		}
		var line struct {
			Run   json.RawMessage `json:"run"`
			Stack struct {
				Entry *fleet.Entry `json:"entry"`
			} `json:"stack"`
		}
		if json.Unmarshal(bytes.TrimSpace(text), &line) != nil {
			continue
		}
		if line.Run != nil {
			if json.Unmarshal(line.Run, &run) != nil {
				return nil
			}
			continue
		}
		e := line.Stack.Entry
		if e == nil || e.Status != fleet.Unchanged && e.Status != fleet.Changed && e.Status != fleet.Risky {
			continue
		}
		found := &driftState{Changes: e.Changes, By: run.Operation, Basis: run.Basis, At: run.Began}
		switch run.Operation {
		case fleet.Refresh:
			last[e.Stack] = found
		case fleet.Preview:
			if before := last[e.Stack]; before == nil || before.By == fleet.Preview || found.Changes > 0 {
				last[e.Stack] = found
			}
		case fleet.Up: // what differed is in effect now
			last[e.Stack] = &driftState{By: fleet.Up, Basis: run.Basis, At: run.Began}
		case fleet.Verify, fleet.Evidence:
		}
	}
}
