package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// known is what it costs to know so many clients.
type known struct {
	Clients  int       `json:"clients"`
	Active   int       `json:"active"`
	Start    []float64 `json:"startMs"` // of several starts, from the process to being ready
	StartMs  float64   `json:"startMedianMs"`
	IdleMB   float64   `json:"idleMB"`   // before anybody came
	ActiveMB float64   `json:"activeMB"` // when all active clients were used
	PeakMB   float64   `json:"peakMB"`
}

// knownClients measures start-up and memory with so many clients of which up to 100 are used. Those have data; nobody ever came to the
// others. template is a service that is stopped, with a client that has data and a session in it.
func knownClients(ctx context.Context, template *taskflow, dir string, clients int) (known, error) {
	k := known{Clients: clients, Active: min(100, clients)}
	t := &taskflow{program: template.program, dir: dir, config: filepath.Join(dir, "taskflow.yaml"), project: template.project, cookie: template.cookie}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return k, err
	}
	if err := t.configure(); err != nil {
		return k, err
	}
	if err := copies(template, t, clients, k.Active); err != nil {
		return k, fmt.Errorf("make %d clients: %w", clients, err)
	}
	for range 5 {
		took, err := t.serve(ctx)
		if err != nil {
			return k, err
		}
		k.Start = append(k.Start, millis(took))
		now, _ := t.memory()
		k.IdleMB = float64(now) / 1e6
		t.stop()
	}
	k.StartMs = middle(k.Start)
	if _, err := t.serve(ctx); err != nil {
		return k, err
	}
	defer t.stop()
	l := load{address: t.address, connections: 8, took: 15 * time.Second, status: http.StatusOK}
	l.request = func(n int64) []byte {
		return raw(http.MethodGet, "/projects/"+t.project, host(int(n)%k.Active), map[string]string{"Cookie": t.cookie}, "")
	}
	if _, err := l.run(ctx); err != nil {
		return k, fmt.Errorf("ask %d of %d clients: %w", k.Active, clients, err)
	}
	now, most := t.memory()
	k.ActiveMB, k.PeakMB = float64(now)/1e6, float64(most)/1e6
	return k, nil
}

func host(i int) string { return fmt.Sprintf("c%05d.bench.localhost", i) }

// copies makes clients' files: what `tenant create` leaves, and for the first few a copy of the template's database.
func copies(template, t *taskflow, clients, active int) error {
	text, err := os.ReadFile(filepath.Join(template.folder("bench"), "tenant.json"))
	if err != nil {
		return err
	}
	key, err := os.ReadFile(filepath.Join(template.folder("bench"), "seal.key"))
	if err != nil {
		return err
	}
	var record map[string]any
	if err := json.Unmarshal(text, &record); err != nil {
		return err
	}
	hosts := filepath.Join(t.dir, "tenants", "hosts")
	if err := os.MkdirAll(hosts, 0o700); err != nil {
		return err
	}
	for i := range clients {
		name := fmt.Sprintf("c%05d", i)
		one := maps.Clone(record["client"].(map[string]any))
		one["name"], one["hosts"], one["storagePrefix"], one["spacePrefix"] = name, []string{host(i)}, name, name
		text, err := json.Marshal(map[string]any{"state": record["state"], "created": record["created"], "client": one})
		if err != nil {
			return err
		}
		files := map[string][]byte{filepath.Join(t.folder(name), "tenant.json"): text, filepath.Join(t.folder(name), "seal.key"): key, filepath.Join(hosts, host(i)): []byte(name + "\n")}
		if err := os.MkdirAll(t.folder(name), 0o700); err != nil {
			return err
		}
		for file, content := range files {
			if err := os.WriteFile(file, content, 0o600); err != nil {
				return err
			}
		}
		if i < active {
			if err := copyFile(filepath.Join(template.folder("bench"), "taskflow.db"), filepath.Join(t.folder(name), "taskflow.db")); err != nil {
				return err
			}
		}
	}
	return nil
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close() //nolint:errcheck // it is only read
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		return err
	}
	return out.Close()
}
