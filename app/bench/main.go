// Command bench measures TaskFlow: throughput and latency of a board page, a list of 100 tasks as JSON, a task that is written, and a
// sign-in, on SQLite and PostgreSQL; how fast the service starts; and what it holds in memory when it knows thousands of clients.
//
// The yardstick is PocketBase in the same run: the same tasks, the same fields in the answers, a token on each request, each server a
// process of its own, asked by the same loop in turns. Figures of different machines compare by the ratios.
//
// It is a module of its own, for nothing of PocketBase is to come near TaskFlow, and it knows TaskFlow only as its users do: by its
// commands, its pages and its calls.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

type options struct {
	app         string
	rounds      int
	took        time.Duration
	tasks       int
	connections []int
	only        string
	output      string
}

func main() {
	if len(os.Args) == 4 && os.Args[1] == "pocketbase" {
		dir, address := os.Args[2], os.Args[3]
		os.Args = os.Args[:1]
		if err := servePocketBase(dir, address); err != nil {
			_, _ = fmt.Fprintln(os.Stderr, "pocketbase:", err)
			os.Exit(1)
		}
		return
	}
	o := options{connections: []int{4, 16}}
	flag.StringVar(&o.app, "app", "..", "folder of the module app")
	flag.IntVar(&o.rounds, "rounds", 5, "how often each is measured, in turns; the median counts")
	flag.DurationVar(&o.took, "time", 3*time.Second, "how long each round lasts")
	flag.IntVar(&o.tasks, "tasks", 200, "tasks in the project that is read")
	flag.StringVar(&o.only, "only", "", "speed or clients; both by default")
	flag.StringVar(&o.output, "output", "text", "text or json")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, o)
	stop()
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// report is all that was measured.
type report struct {
	Machine    string   `json:"machine"`
	PocketBase string   `json:"pocketbase"`
	Rounds     int      `json:"rounds"`
	Seconds    float64  `json:"secondsPerRound"`
	Speed      []speed  `json:"speed,omitempty"`
	Memory     []memory `json:"memory,omitempty"`
	Clients    []known  `json:"clients,omitempty"`
	LeftOut    []string `json:"leftOut,omitempty"`
}

func run(ctx context.Context, o options) (err error) {
	if o.output != "text" && o.output != "json" || o.only != "" && o.only != "speed" && o.only != "clients" || o.rounds < 1 || o.took <= 0 || o.tasks < 100 {
		return errors.New("see -help: -output text|json, -only speed|clients, -rounds and -time above 0, -tasks from 100")
	}
	app, err := filepath.Abs(o.app)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "taskflow-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := os.Chmod(dir, 0o711); err != nil { //nolint:gosec // PostgreSQL's user has to pass through
		return err
	}
	say("building TaskFlow")
	program, err := buildTaskFlow(ctx, app, dir)
	if err != nil {
		return err
	}
	r := report{Machine: fmt.Sprintf("%d processors, %s/%s, %s", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version()),
		PocketBase: pocketbaseVersion(), Rounds: o.rounds, Seconds: o.took.Seconds()}
	if o.only != "clients" {
		if err := r.measureSpeed(ctx, o, program, dir); err != nil {
			return err
		}
	}
	if o.only != "speed" {
		if err := r.measureClients(ctx, program, dir); err != nil {
			return err
		}
	}
	if o.output == "json" {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	return r.print(os.Stdout)
}

func (r *report) measureClients(ctx context.Context, program, dir string) error {
	say("filling a client to copy")
	template, err := newTaskFlow(ctx, program, filepath.Join(dir, "template"), settings{tasks: 100})
	if err != nil {
		return err
	}
	template.stop()
	for _, clients := range []int{1, 1000, 10_000} {
		say("%d clients", clients)
		at := filepath.Join(dir, fmt.Sprintf("known-%d", clients))
		k, err := knownClients(ctx, template, at, clients)
		if err != nil {
			return err
		}
		r.Clients = append(r.Clients, k)
		if err := os.RemoveAll(at); err != nil {
			return err
		}
	}
	return nil
}

// say tells on the side how far it is.
func say(format string, args ...any) { _, _ = fmt.Fprintf(io.Writer(os.Stderr), format+"\n", args...) }
