package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"text/tabwriter"
	"time"
)

// speed is one figure: what was asked of whom over how many connections.
type speed struct {
	What        string   `json:"what"`
	Server      string   `json:"server"`
	Connections int      `json:"connections"`
	Median      measured `json:"median"`
	Throughput  float64  `json:"throughputRatio,omitempty"` // to the yardstick's
	P99         float64  `json:"p99Ratio,omitempty"`        // to the yardstick's; below 1 is faster
}

// memory is what a server held at most.
type memory struct {
	Server string  `json:"server"`
	PeakMB float64 `json:"peakMB"`
}

// server is one that is measured, with what can be asked of it.
type server struct {
	name string
	*process
	asks map[string]ask
}

type ask struct {
	request func(n int64) []byte
	status  int
}

const (
	board = "board page"
	list  = "JSON list of 100 tasks"
	write = "task written (JSON)"
	login = "sign-in (bcrypt, cost 12)"

	yardstick = "PocketBase"
)

func (r *report) measureSpeed(ctx context.Context, o options, program, dir string) error {
	servers, stop, err := r.servers(ctx, o, program, dir)
	defer stop()
	if err != nil {
		return err
	}
	for _, what := range []string{list, write, board, login} {
		for _, connections := range o.connections {
			say("%s, %d connections", what, connections)
			all := map[string][]measured{}
			for round := range o.rounds {
				for i := range servers {
					s := servers[(i+round)%len(servers)] // each is first once
					a, can := s.asks[what]
					took := o.took
					if what == login { // a password takes a third of a second on purpose
						if took = max(took, 6*time.Second); round > 0 || connections != o.connections[0] {
							continue
						}
					}
					if !can {
						continue
					}
					l := load{address: s.address, connections: connections, warm: min(o.took/3, time.Second), took: took, request: a.request, status: a.status}
					before := s.processor()
					m, err := l.run(ctx)
					if err != nil {
						return fmt.Errorf("%s of %s: %w\n%s", what, s.name, err, tail(s.log))
					}
					m.Processor = millis(s.processor()-before) / float64(m.asked)
					all[s.name] = append(all[s.name], m)
				}
			}
			for _, s := range servers {
				if len(all[s.name]) == 0 {
					continue
				}
				one := speed{What: what, Server: s.name, Connections: connections, Median: median(all[s.name])}
				if by := all[yardstick]; len(by) > 0 && s.name != yardstick {
					m := median(by)
					one.Throughput, one.P99 = one.Median.PerSecond/m.PerSecond, one.Median.P99/m.P99
				}
				r.Speed = append(r.Speed, one)
			}
		}
	}
	for _, s := range servers {
		_, most := s.memory()
		r.Memory = append(r.Memory, memory{s.name, float64(most) / 1e6})
	}
	return nil
}

// servers starts all of them, each with the same tasks.
func (r *report) servers(ctx context.Context, o options, program, dir string) (all []server, stop func(), err error) {
	var stops []func()
	stop = func() {
		for _, one := range slices.Backward(stops) {
			one()
		}
	}
	var first *taskflow
	add := func(name string, s settings) error {
		say("starting %s", name)
		s.tasks = o.tasks
		t, err := newTaskFlow(ctx, program, filepath.Join(dir, fmt.Sprintf("server-%d", len(all))), s)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		stops = append(stops, t.stop)
		one := server{name, t.process, map[string]ask{board: {t.board, http.StatusOK}, login: {t.login, http.StatusSeeOther}}}
		if t.rpc {
			one.asks[list], one.asks[write] = ask{t.list, http.StatusOK}, ask{t.write, http.StatusOK}
		}
		if s.synchronous != "" {
			delete(one.asks, login) // it differs in nothing
		}
		all = append(all, one)
		if first == nil {
			first = t
		}
		return nil
	}
	if err := add("TaskFlow, SQLite FULL", settings{}); err != nil {
		return nil, stop, err
	}
	if err := add("TaskFlow, SQLite NORMAL", settings{synchronous: "normal"}); err != nil {
		return nil, stop, err
	}
	database, err := startPostgres(ctx, filepath.Join(dir, "postgresql"))
	switch {
	case errors.Is(err, errNoPostgreSQL):
		r.LeftOut = append(r.LeftOut, err.Error())
	case err != nil:
		return nil, stop, err
	default:
		stops = append(stops, database.stop)
		flags := []string{"--engine", "postgresql", "--db-host", database.dir, "--db-name", "bench", "--db-user", "postgres", "--db-tls", "off"}
		if err := add("TaskFlow, PostgreSQL", settings{database: flags}); err != nil {
			return nil, stop, err
		}
	}
	if !first.rpc {
		r.LeftOut = append(r.LeftOut, "JSON list and write: this release has no calls for programs")
		return all, stop, nil
	}
	data, err := first.data(ctx)
	if err != nil {
		return nil, stop, err
	}
	say("starting %s", yardstick)
	p, err := startPocketBase(ctx, filepath.Join(dir, "pocketbase"), data)
	if err != nil {
		return nil, stop, fmt.Errorf("%s: %w", yardstick, err)
	}
	stops = append(stops, p.stop)
	return append(all, server{yardstick, p.process, map[string]ask{list: {p.list, http.StatusOK}, write: {p.write, http.StatusOK}}}), stop, nil
}

// print writes tables.
func (r *report) print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	row := func(format string, args ...any) { _, _ = fmt.Fprintf(w, format+"\t\n", args...) }
	ratio := func(x float64) string {
		if x == 0 {
			return ""
		}
		return fmt.Sprintf("%.2f", x)
	}
	if len(r.Speed) > 0 {
		_, _ = fmt.Fprintf(out, "Medians of %d rounds of %.0f s in turns, on %s. Ratios are to PocketBase %s (SQLite NORMAL).\n\n", r.Rounds, r.Seconds, r.Machine, r.PocketBase)
		row("\tserver\tconnections\trequests/s\tp50 ms\tp99 ms\tthroughput ratio\tp99 ratio\tprocessor ms\tanswer")
		for _, s := range r.Speed {
			row("%s\t%s\t%d\t%.0f\t%.2f\t%.2f\t%s\t%s\t%.2f\t%.1f kB", s.What, s.Server, s.Connections, s.Median.PerSecond, s.Median.P50, s.Median.P99, ratio(s.Throughput), ratio(s.P99), s.Median.Processor, float64(s.Median.Bytes)/1000)
		}
		if err := w.Flush(); err != nil {
			return err
		}
		_, _ = fmt.Fprintln(out, "\nProcessor time is the server process's own, without PostgreSQL's. Peak memory likewise:")
		for _, m := range r.Memory {
			row("%s\t%.0f MB", m.Server, m.PeakMB)
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
	if len(r.Clients) > 0 {
		_, _ = fmt.Fprintf(out, "\nStart-up (process to /readyz, median of 5) and memory by clients known:\n\n")
		row("clients\tstart ms\tidle MB\tactive\tactive MB\tpeak MB")
		for _, k := range r.Clients {
			row("%d\t%.0f\t%.0f\t%d\t%.0f\t%.0f", k.Clients, k.StartMs, k.IdleMB, k.Active, k.ActiveMB, k.PeakMB)
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
	for _, what := range r.LeftOut {
		_, _ = fmt.Fprintln(out, "\nleft out:", what)
	}
	return nil
}
