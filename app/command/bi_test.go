package command_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/berth-iac/berth/app/command"
	"github.com/berth-iac/berth/app/store"
	"github.com/berth-iac/berth/app/store/storetest"
)

// What machines of the infrastructure do before they serve: the master account makes the database and the service's account, and from then on
// BI tools may be given access (DP-5).
func TestTheMasterMakesWhatTheServiceNeeds_DP_5(t *testing.T) {
	for _, e := range storetest.Engines()[1:] {
		t.Run(e.Name, func(t *testing.T) {
			root := e.Empty(t)
			d := newDesk(t)
			master, password := filepath.Join(d.folder, "master.json"), filepath.Join(d.folder, "password")
			must(t, os.WriteFile(master, []byte(fmt.Sprintf(`{"username": %q, "password": ""}`, root.User)), 0o600))
			must(t, os.WriteFile(password, []byte("a-password-of-no-worth\n"), 0o600))
			t.Cleanup(func() {
				if e.Kind == store.PostgreSQL {
					e.Tool(t, "dropdb", "--force", "acme_db")
					e.Tool(t, "dropuser", "acme_service")
				} else {
					e.Tool(t, "mariadb", "-e", "DROP DATABASE acme_db; DROP USER acme_service")
				}
			})
			d.run(command.Failed, "tenant", "create", "acme", "--name", "Acme", "--host", "acme.example.org", "--engine", string(e.Kind), "--db-host", root.Host, "--db-name", "acme_db",
				"--db-user", "acme_service", "--db-password", "file:"+password, "--db-tls", "off")
			if said := d.run(command.Failed, "migrate"); !strings.Contains(said, "acme") {
				t.Errorf("without a database it says:\n%s", said)
			}
			record := filepath.Join(d.folder, "tenants", "tenants", "acme", "tenant.json")
			text, err := os.ReadFile(record)
			must(t, err)
			must(t, os.WriteFile(record, []byte(strings.Replace(string(text), `"engine"`, `"master": "file:`+master+`", "engine"`, 1)), 0o600))
			var done []struct {
				Compatible bool
				Made       []string
			}
			d.json(&done, "migrate")
			if len(done) != 1 || len(done[0].Made) != 2 || !done[0].Compatible {
				t.Errorf("it made %+v", done)
			}
			done = nil
			d.json(&done, "migrate")
			if len(done[0].Made) != 0 {
				t.Errorf("the second time it made %+v", done)
			}
			d.run(command.Done, "user", "invite", "acme", "ann@acme.example", "--role", "owner")

			var granted struct{ Role, Password string }
			d.json(&granted, "bi", "grant", "acme", "--name", "sales", "--days", "7", "--address", "192.0.2.7", "--reason", "a report")
			if granted.Role == "" || granted.Password == "" {
				t.Errorf("granted %+v", granted)
			}
			d.run(command.Refused, "bi", "grant", "acme", "--name", "sales", "--address", "192.0.2.7", "--reason", "again")
			d.run(command.Wrong, "bi", "grant", "acme", "--name", "more", "--address", "0.0.0.0/0", "--reason", "everywhere")
			var list []struct{ Role, State string }
			d.json(&list, "bi", "list", "acme")
			if len(list) != 1 || list[0].State != "open" || list[0].Role != granted.Role {
				t.Errorf("the list is %v", list)
			}
			if said := d.run(command.Done, "bi", "list", "acme"); strings.Contains(said, granted.Password) {
				t.Error("the password is shown twice")
			}
			d.run(command.Done, "bi", "revoke", "--expired")
			d.run(command.Missing, "bi", "revoke", "acme", "--name", "other")
			d.run(command.Wrong, "bi", "revoke", "acme")
			d.run(command.Done, "bi", "revoke", "acme", "--name", "sales", "--reason", "done")
			d.json(&list, "bi", "list", "acme")
			if list[0].State != "revoked" {
				t.Errorf("the list is %v", list)
			}
			d.run(command.Done, "audit", "verify", "acme")
		})
	}
}

func TestAFileHasNoRoles(t *testing.T) {
	d := newDesk(t)
	d.run(command.Done, "tenant", "create", "acme", "--name", "Acme", "--host", "acme.example.org")
	if said := d.run(command.Refused, "bi", "grant", "acme", "--name", "sales", "--address", "192.0.2.7", "--reason", "a report"); !strings.Contains(said, "export") {
		t.Errorf("it says:\n%s", said)
	}
	d.run(command.Done, "bi", "list", "acme")
	d.run(command.Done, "bi", "revoke", "--expired")
}
