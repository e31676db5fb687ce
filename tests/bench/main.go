// Command bench measures what the reference client costs on the embedded cloud:
// first preview, up, unchanged preview and destroy, each in a process of its
// own, in wall time, processor time and peak memory. The yardstick is an empty
// program through the same engine in the same run; figures of different
// machines compare by the ratios.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/berth-iac/berth/engine"
	"github.com/berth-iac/berth/engine/cli"
	"github.com/berth-iac/berth/stacks/program"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

func main() {
	phase := flag.String("phase", "", "run one phase in this process (used by bench itself)")
	empty := flag.Bool("empty", false, "with -phase: the empty program")
	dir := flag.String("dir", "", "with -phase: the folder of the run")
	times := flag.Int("times", 3, "how often a preview is measured; the fastest counts")
	flag.Parse()
	var err error
	if *phase != "" {
		err = runPhase(context.Background(), *phase, *dir, *empty)
	} else {
		err = measureAll(context.Background(), *times)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// runPhase is one phase of one program, with the collector as cmd/berth sets it.
func runPhase(ctx context.Context, phase, dir string, empty bool) error {
	debug.SetGCPercent(400)
	debug.SetMemoryLimit(400 << 20)
	cache, err := os.UserCacheDir()
	if err != nil {
		return err
	}
	path, err := cli.Find(ctx, os.Getenv("BERTH_PULUMI"), cache, os.Getenv("PATH"))
	if err != nil {
		return err
	}
	run := program.Program
	if empty {
		run = func(*pulumi.Context) error { return nil }
	}
	s, err := engine.Open(ctx, engine.Options{Root: dir, Stack: "prod", Program: run, CLI: path, Env: os.Environ(), Local: true})
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	var result *engine.Result
	switch phase {
	case "preview", "preview again":
		result, err = s.Preview(ctx, engine.RunOptions{})
	case "up":
		result, err = s.Up(ctx, engine.ChangeOptions{})
	case "destroy":
		lift := []engine.Edit{{Key: "berth:spec", Path: []string{"leaving"}, Value: map[string]string{"confirm": "acme", "reason": "end of the benchmark"}}}
		result, err = s.Destroy(ctx, engine.ChangeOptions{Confirm: []string{"prod"}, Lift: lift})
	default:
		err = fmt.Errorf("no phase %q", phase)
	}
	if err == nil && result != nil {
		fmt.Println(len(result.Steps))
	}
	return err
}

// cost is what a phase took.
type cost struct {
	wall, processor time.Duration
	memory          int64 // bytes, of the process and its children together
	resources       int
}

var phases = []string{"preview", "up", "preview again", "destroy"}

func measureAll(ctx context.Context, times int) error {
	var costs [2]map[string]cost
	for i, empty := range []bool{true, false} {
		dir, err := os.MkdirTemp("", "berth-bench-")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(dir) }()
		for _, name := range []string{"Pulumi.yaml", "Pulumi.prod.yaml"} {
			text, err := os.ReadFile(name)
			if err != nil {
				return fmt.Errorf("%w\nrun bench in the repository's root", err)
			}
			if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
				return err
			}
		}
		costs[i] = map[string]cost{}
		for _, phase := range phases {
			fmt.Fprintf(os.Stderr, "measuring %s of the %s\n", phase, map[bool]string{true: "empty program", false: "reference client"}[empty])
			repeat := 1
			if strings.HasPrefix(phase, "preview") {
				repeat = times
			}
			var all []cost
			for range repeat {
				c, err := measure(ctx, phase, dir, empty)
				if err != nil {
					return fmt.Errorf("%s: %w", phase, err)
				}
				all = append(all, c)
			}
			costs[i][phase] = slices.MinFunc(all, func(a, b cost) int { return int(a.wall - b.wall) })
		}
	}
	fmt.Printf("The reference client (%d resources with components) on the embedded cloud, against an empty program:\n\n", costs[1]["up"].resources)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(w, "phase\twall\tempty\tratio\tprocessor\tempty\tratio\tpeak memory\tempty\t")
	for _, phase := range phases {
		e, r := costs[0][phase], costs[1][phase]
		_, _ = fmt.Fprintf(w, "%s\t%.2f s\t%.2f s\t%.1f\t%.2f s\t%.2f s\t%.1f\t%d MB\t%d MB\t\n", phase,
			r.wall.Seconds(), e.wall.Seconds(), float64(r.wall)/float64(e.wall),
			r.processor.Seconds(), e.processor.Seconds(), float64(r.processor)/float64(e.processor), r.memory>>20, e.memory>>20)
	}
	return w.Flush()
}

// measure runs one phase in a child and watches it.
func measure(ctx context.Context, phase, dir string, empty bool) (cost, error) {
	self, err := os.Executable()
	if err != nil {
		return cost{}, err
	}
	cmd := exec.CommandContext(ctx, self, "-phase", phase, "-dir", dir, "-empty="+strconv.FormatBool(empty))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return cost{}, err
	}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return cost{}, err
	}
	done := make(chan struct{})
	peak := make(chan int64, 1)
	go func() {
		most := int64(0)
		for tick := time.NewTicker(20 * time.Millisecond); ; {
			select {
			case <-tick.C:
				most = max(most, resident(cmd.Process.Pid))
			case <-done:
				tick.Stop()
				peak <- most
				return
			}
		}
	}()
	text, _ := io.ReadAll(out)
	err = cmd.Wait()
	c := cost{wall: time.Since(began)}
	close(done)
	c.memory = <-peak
	if err != nil {
		return cost{}, err
	}
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		c.processor = time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	}
	c.resources, _ = strconv.Atoi(strings.TrimSpace(string(text)))
	return c, nil
}

// resident is the memory of a process and all its descendants, in bytes.
func resident(pid int) int64 {
	total := int64(0)
	if text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid)); err == nil {
		if fields := strings.Fields(string(text)); len(fields) > 1 {
			pages, _ := strconv.ParseInt(fields[1], 10, 64)
			total = pages * int64(os.Getpagesize())
		}
	}
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, path := range threads {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		for _, child := range strings.Fields(string(text)) {
			if id, err := strconv.Atoi(child); err == nil {
				total += resident(id)
			}
		}
	}
	return total
}
