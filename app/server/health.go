package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/berth-iac/berth/app/client"
	"github.com/berth-iac/berth/app/fault"
)

// The paths that say how the service is, on every host name and on bare addresses: a load balancer asks by address.
const (
	HealthPath = "/healthz" // alive, and not about to end: what load balancers ask
	ReadyPath  = "/readyz"  // able to serve: database, migrations, storage
)

func (s *Server) health(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != HealthPath && r.URL.Path != ReadyPath || r.Method != http.MethodGet && r.Method != http.MethodHead {
			next.ServeHTTP(w, r)
			return
		}
		client.Route(r.Context(), "health")
		if !s.drain.Ready() {
			answer(w, http.StatusServiceUnavailable, "draining\n")
			return
		}
		if r.URL.Path == ReadyPath {
			if err := s.ready.now(r.Context()); err != nil {
				answer(w, http.StatusServiceUnavailable, "not ready\n") // why stands in the log: this page is everybody's
				return
			}
			answer(w, http.StatusOK, "ready\n")
			return
		}
		answer(w, http.StatusOK, "ok\n")
	})
}

// readiness asks at most every other second, for all who want to know.
type readiness struct {
	check func(context.Context) error
	clock func() time.Time
	mu    sync.Mutex
	at    time.Time
	err   error
}

const (
	readyFresh = 2 * time.Second
	readyTime  = 4 * time.Second // load balancers wait 5
)

func (r *readiness) now(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.at.IsZero() && within(r.at, r.clock(), readyFresh) {
		return r.err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readyTime)
	defer cancel()
	r.err = r.check(ctx)
	r.at = r.clock()
	return r.err
}

func (s *Server) checkReady(ctx context.Context) error {
	err := s.checkAll(ctx)
	s.metrics.ready.Set(map[bool]float64{true: 1}[err == nil])
	if err != nil {
		s.o.Log.WarnContext(ctx, "not ready", "error", err)
	}
	return err
}

func (s *Server) checkAll(ctx context.Context) error {
	if only := s.o.Config.Client; only != nil {
		return s.checkClient(ctx, only.Name)
	}
	folders := []string{s.o.Config.Tenants.Directory}
	if s.o.Config.Storage.Kind == "disk" {
		folders = append(folders, s.o.Config.Storage.Directory)
	}
	var problems []error
	for _, folder := range folders {
		if _, err := os.ReadDir(folder); err != nil && (!errors.Is(err, os.ErrNotExist) || folder == s.o.Config.Tenants.Directory) {
			problems = append(problems, fmt.Errorf("read the folder: %w", err))
		}
	}
	return errors.Join(problems...)
}

// checkClient asks the only client's database and storage.
func (s *Server) checkClient(ctx context.Context, name string) error {
	e, release, err := s.sites.named(ctx, name)
	if err != nil {
		return err
	}
	defer release()
	if err := e.client.Store.Ping(ctx); err != nil {
		return fmt.Errorf("the database: %w", err)
	}
	status, err := e.client.Store.MigrationStatus(ctx)
	if err == nil {
		err = status.Compatible()
	}
	if err != nil {
		return fmt.Errorf("the migrations: %w", err)
	}
	f, err := e.client.Files.Open(ctx, "readiness") // there is no such file, and being told so is an answer
	if err == nil {
		return f.Close()
	}
	if !fault.Is(err, fault.NotFound) {
		return fmt.Errorf("the storage: %w", err)
	}
	return nil
}
