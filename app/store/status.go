package store

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/berth-iac/berth/app/fault"
)

// Migration is one step of the schema.
type Migration struct {
	Version     string
	Description string
	At          time.Time // when it was applied; zero if it was not
	Done, Total int       // statements
	Problem     string    // why it stopped
}

// Status compares a database with this release.
type Status struct {
	Applied []Migration // known to this release, and wholly applied
	Pending []Migration // known to this release, and not or not wholly applied
	Newer   []Migration // applied by a newer release
}

// MigrationStatus compares the database with this release. It changes nothing.
func (s *Store) MigrationStatus(ctx context.Context) (Status, error) {
	dir, err := Steps(s.options.Engine)
	if err != nil {
		return Status{}, err
	}
	files, err := dir.Files()
	if err != nil {
		return Status{}, fmt.Errorf("read the migrations: %w", err)
	}
	recorded, err := revisions{s.client}.ReadRevisions(ctx)
	if err != nil && !noTable(err) {
		return Status{}, Translate(err)
	}
	lines := map[string]Migration{}
	for _, r := range recorded {
		lines[r.Version] = Migration{
			Version: r.Version, Description: r.Description, At: r.ExecutedAt, Done: r.Applied, Total: r.Total, Problem: r.Error,
		}
	}
	var status Status
	for _, file := range files {
		line, found := lines[file.Version()]
		delete(lines, file.Version())
		switch {
		case !found:
			status.Pending = append(status.Pending, Migration{Version: file.Version(), Description: file.Desc()})
		case line.Done < line.Total:
			status.Pending = append(status.Pending, line)
		default:
			status.Applied = append(status.Applied, line)
		}
	}
	for _, r := range recorded {
		if line, left := lines[r.Version]; left {
			status.Newer = append(status.Newer, line)
		}
	}
	return status, nil
}

// Newest is the version of the newest migration that this release knows.
func (s Status) Newest() string {
	newest := ""
	for _, m := range append(append([]Migration{}, s.Applied...), s.Pending...) {
		newest = max(newest, m.Version)
	}
	return newest
}

var contractName = regexp.MustCompile(`^contract_.+_after_([0-9]{14})$`)

// Compatible tells whether this release may serve with the database as it is: what it needs is there, and nothing is gone that it reads.
func (s Status) Compatible() error {
	for _, m := range s.Pending {
		if !strings.HasPrefix(m.Description, "contract_") {
			return fault.Away("the database", fmt.Errorf("migration %s_%s is to be applied: run taskflow migrate up", m.Version, m.Description))
		}
	}
	for _, m := range s.Newer {
		if strings.HasPrefix(m.Description, "expand_") {
			continue
		}
		if found := contractName.FindStringSubmatch(m.Description); found != nil && s.Newest() >= found[1] {
			continue
		}
		return fault.Away("the database", fmt.Errorf("migration %s_%s of a newer release took away what this release reads: install that one",
			m.Version, m.Description))
	}
	return nil
}
