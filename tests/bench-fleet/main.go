// Command bench-fleet measures what `berth fleet preview --local` costs on an
// invented fleet: wall time, processor time, and the peak memory of all
// processes together. It brings the fleet up once, into a folder that it keeps,
// and measures previews in which nothing changes. The yardstick is plain
// `pulumi preview` of ten of the clients, one after the other, in the same run.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/berth-iac/berth/fleet"
)

type bench struct {
	berth, folder string
	clients       int
	copies        int
	compare       int
	times         int
	seed          int
}

func main() {
	var b bench
	flag.StringVar(&b.berth, "berth", "bin/berth", "the berth to measure")
	flag.StringVar(&b.folder, "folder", "", "where fleets are kept (default: below the user's cache folder)")
	flag.IntVar(&b.clients, "clients", 100, "clients of the fleet")
	flag.IntVar(&b.copies, "copies", 10, "how many such fleets the large one is made of; 0: none is measured")
	flag.IntVar(&b.compare, "compare", 10, "clients that are compared with plain pulumi; 0: none")
	flag.IntVar(&b.times, "times", 2, "how often the fleet is measured; the fastest counts")
	flag.IntVar(&b.seed, "seed", 1, "of the invented fleet")
	flag.Parse()
	if err := b.run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "bench-fleet:", err)
		os.Exit(1)
	}
}

// row is one line of the result.
type row struct {
	name string
	cost
	stacks int
}

func (b bench) run(ctx context.Context) error {
	var err error
	if b.berth, err = filepath.Abs(b.berth); err != nil {
		return err
	}
	if b.folder == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return err
		}
		b.folder = filepath.Join(cache, "berth", "bench-fleet")
	}
	root, err := b.bringUp(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "load before: %s\n", load())
	var rows []row
	small, err := b.best(ctx, root)
	if err != nil {
		return err
	}
	rows = append(rows, small)
	if b.copies > 1 {
		large, err := b.copied(root)
		if err != nil {
			return err
		}
		r, err := b.preview(ctx, large)
		if err != nil {
			return err
		}
		rows = append(rows, r)
	}
	if b.compare > 0 {
		compared, err := b.compared(ctx, root)
		if err != nil {
			return err
		}
		rows = append(rows, compared...)
	}
	return b.print(os.Stdout, rows)
}

func (b bench) print(w io.Writer, rows []row) error {
	_, _ = fmt.Fprintf(w, "Previews on the embedded cloud in which nothing changes, on %d processors (load %s):\n\n", runtime.NumCPU(), load())
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(table, "what\tstacks\twall\tprocessor\tprocessor a stack\tpeak memory\tshared counted once\t")
	for _, r := range rows {
		_, _ = fmt.Fprintf(table, "%s\t%d\t%.1f s\t%.1f s\t%.2f s\t%d MB\t%d MB\t\n", r.name, r.stacks, r.wall.Seconds(), r.processor.Seconds(),
			r.processor.Seconds()/float64(r.stacks), r.resident>>20, r.proportional>>20)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if n := len(rows); b.compare > 0 {
		fleets, plain := rows[n-2], rows[n-1]
		_, _ = fmt.Fprintf(w, "\nPlain pulumi takes %.1f times as long for the same %d stacks, and %.1f times the processor time.\n",
			plain.wall.Seconds()/fleets.wall.Seconds(), plain.stacks, plain.processor.Seconds()/fleets.processor.Seconds())
	}
	return nil
}

// bringUp makes the fleet and brings up what is not up yet. It is kept for the next time.
func (b bench) bringUp(ctx context.Context) (string, error) {
	root := filepath.Join(b.folder, fmt.Sprintf("%d-clients-seed-%d", b.clients, b.seed))
	if _, err := os.Stat(filepath.Join(root, "Pulumi.yaml")); errors.Is(err, os.ErrNotExist) {
		args := []string{"fleet", "example", "--clients", strconv.Itoa(b.clients), "--seed", strconv.Itoa(b.seed), "--out", root}
		if err := b.call(ctx, args...); err != nil {
			return "", err
		}
	}
	began := time.Now()
	fmt.Fprintf(os.Stderr, "bringing up what is not up yet in %s\n", root)
	if err := b.call(ctx, "--root", root, "fleet", "up", "--all", "--yes", "--keep-going", "--local"); err != nil {
		return "", fmt.Errorf("bring the fleet up: %w", err)
	}
	fmt.Fprintf(os.Stderr, "it is up after %s\n", time.Since(began).Round(time.Second))
	return root, nil
}

// call runs berth and shows what it says when it fails.
func (b bench) call(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, b.berth, args...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("berth %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}

func (b bench) best(ctx context.Context, root string) (row, error) {
	var all []row
	for range max(1, b.times) {
		r, err := b.preview(ctx, root)
		if err != nil {
			return r, err
		}
		all = append(all, r)
	}
	return slices.MinFunc(all, func(x, y row) int { return int(x.wall - y.wall) }), nil
}

// preview measures one preview of a fleet, and makes sure that nothing changes in it.
func (b bench) preview(ctx context.Context, root string, stacks ...string) (row, error) {
	args := append([]string{"--root", root, "--quiet", "--output", "json", "fleet", "preview", "--local"}, stacks...)
	cmd := exec.CommandContext(ctx, b.berth, args...)
	c, out, err := measure(cmd)
	var answer fleet.Answer
	if jsonErr := json.Unmarshal(out, &answer); jsonErr != nil {
		return row{}, errors.Join(err, fmt.Errorf("read the answer: %w", jsonErr))
	}
	r := row{name: "berth fleet preview", cost: c, stacks: len(answer.Stacks)}
	fmt.Fprintf(os.Stderr, "%d stacks: %v, %.1f s, %.1f s of processor, %d MB (%d MB), load %s\n", r.stacks, answer.Statuses, c.wall.Seconds(), c.processor.Seconds(),
		c.resident>>20, c.proportional>>20, load())
	if err != nil || answer.Verdict != fleet.NoChange {
		return r, errors.Join(fmt.Errorf("the fleet is not as its files say: %s, %v", answer.Verdict, answer.Statuses), err)
	}
	return r, nil
}

// cost is what a command took, with all that it started.
type cost struct {
	wall, processor time.Duration
	resident        int64 // bytes at most, of all processes together; what they share is counted for each
	proportional    int64 // the same with what they share counted once
}

// measure runs a command and watches it.
func measure(cmd *exec.Cmd) (cost, []byte, error) {
	var out strings.Builder
	cmd.Stdout = &out
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return cost{}, nil, err
	}
	done, peak := make(chan struct{}), make(chan cost, 1)
	go func() {
		var most cost
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for n := 0; ; n++ {
			select {
			case <-tick.C:
				most.resident = max(most.resident, sum(cmd.Process.Pid, residentOf))
				if n%5 == 0 { // it costs more
					most.proportional = max(most.proportional, sum(cmd.Process.Pid, proportionalOf))
				}
			case <-done:
				peak <- most
				return
			}
		}
	}()
	err := cmd.Wait()
	wall := time.Since(began)
	close(done)
	c := <-peak
	c.wall = wall
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		c.processor = time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	}
	return c, []byte(out.String()), err
}

// sum adds up something over a process and all its descendants.
func sum(pid int, of func(pid int) int64) int64 {
	total := of(pid)
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, path := range threads {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		for _, child := range strings.Fields(string(text)) {
			if id, err := strconv.Atoi(child); err == nil {
				total += sum(id, of)
			}
		}
	}
	return total
}

func residentOf(pid int) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if fields := strings.Fields(string(text)); err == nil && len(fields) > 1 {
		pages, _ := strconv.ParseInt(fields[1], 10, 64)
		return pages * int64(os.Getpagesize())
	}
	return 0
}

func proportionalOf(pid int) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "Pss:" {
			kilobytes, _ := strconv.ParseInt(fields[1], 10, 64)
			return kilobytes << 10
		}
	}
	return 0
}

func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	first, _, _ := strings.Cut(string(text), " ")
	return first
}
