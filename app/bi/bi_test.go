package bi_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/berth-iac/berth/app/audit"
	"github.com/berth-iac/berth/app/bi"
	"github.com/berth-iac/berth/app/ent"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/store"
	"github.com/berth-iac/berth/app/store/dbrole"
	"github.com/berth-iac/berth/app/store/storetest"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func access(t *testing.T, e storetest.Engine, client string) (bi.Access, store.Options) {
	t.Helper()
	e.Need(t)
	o := e.Migrated(t)
	a := bi.Access{Client: client, Store: storetest.Reopen(t, o), Now: time.Now}
	var err error
	a.Master, err = dbrole.Open(t.Context(), o)
	must(t, err)
	a.Owner, err = dbrole.Open(t.Context(), o)
	must(t, err)
	t.Cleanup(func() { _ = errors.Join(a.Master.Close(), a.Owner.Close()) })
	return a, o
}

// signIn opens the database as a BI tool does.
func signIn(t *testing.T, o store.Options, user, password string) *sql.DB {
	t.Helper()
	var db *sql.DB
	if o.Engine == store.PostgreSQL {
		c, err := pgx.ParseConfig(fmt.Sprintf("host=%s dbname=%s user=%s password=%s sslmode=disable", o.Host, o.Name, user, password))
		must(t, err)
		db = stdlib.OpenDB(*c)
	} else {
		c := mysql.NewConfig()
		c.Net, c.Addr, c.DBName, c.User, c.Passwd = "unix", o.Host, o.Name, user, password
		connector, err := mysql.NewConnector(c)
		must(t, err)
		db = sql.OpenDB(connector)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func each(t *testing.T, do func(t *testing.T, e storetest.Engine)) {
	for _, e := range storetest.Engines()[1:] {
		t.Run(e.Name, func(t *testing.T) { do(t, e) })
	}
}

func request(name string) bi.Request {
	return bi.Request{Name: name, Addresses: []string{"192.0.2.0/24", "127.0.0.1"}, Days: 7, Reason: "a report for Ann", By: "Jo Ops"}
}

// A role of the same name that is somebody else's is left alone.
func TestSomebodyElsesRoleIsKept_DP_5(t *testing.T) {
	each(t, func(t *testing.T, e storetest.Engine) {
		a, _ := access(t, e, "acme")
		other, _ := access(t, e, "acme") // another installation on the same server
		g, err := bi.Grant(t.Context(), other, request("shared"))
		must(t, err)
		t.Cleanup(func() { _ = bi.Revoke(context.Background(), other, "shared", "test", "") })
		if _, err := bi.Grant(t.Context(), a, request("shared")); !fault.Is(err, fault.Conflict) {
			t.Errorf("the name of a role that is there: %v", err)
		}
		if there, err := a.Master.Roles(t.Context(), []string{g.Role}); err != nil || len(there) != 1 {
			t.Errorf("the other's role is gone: %v, %v", there, err)
		}
	})
}

// DP-5: every column that is offered can be read, and no other.
func TestWhatIsOfferedCanBeRead_DP_5(t *testing.T) {
	each(t, func(t *testing.T, e storetest.Engine) {
		a, o := access(t, e, "acme")
		r := request("sales")
		if e.Kind == store.MySQL {
			r.Addresses = []string{"127.0.0.1"} // and the socket stands for it below
		}
		g, err := bi.Grant(t.Context(), a, r)
		must(t, err)
		t.Cleanup(func() { _ = bi.Revoke(context.Background(), a, "sales", "test", "") })
		if e.Kind == store.MySQL {
			e.Tool(t, "mariadb", "-e", fmt.Sprintf("RENAME USER '%s'@'127.0.0.1' TO '%s'@'localhost'", g.Role, g.Role))
		}
		db := signIn(t, o, g.Role, g.Password)
		offered := map[string][]string{}
		for _, table := range bi.Readable() {
			offered[table.Name] = table.Columns
			quoted := slices.Clone(table.Columns)
			for i := range quoted {
				if quoted[i] == "key" && o.Engine == store.MySQL {
					quoted[i] = "`key`"
				}
			}
			if _, err := db.ExecContext(t.Context(), "SELECT "+strings.Join(quoted, ", ")+" FROM "+table.Name); err != nil {
				t.Errorf("%s: %v", table.Name, err)
			}
		}
		for _, table := range store.Tables() {
			for _, column := range table.Columns {
				if slices.Contains(offered[table.Name], column.Name) {
					continue
				}
				name := column.Name
				if o.Engine == store.MySQL {
					name = "`" + name + "`"
				} else {
					name = `"` + name + `"`
				}
				if _, err := db.ExecContext(t.Context(), "SELECT "+name+" FROM "+table.Name); err == nil {
					t.Errorf("%s.%s can be read", table.Name, column.Name)
				}
			}
			if _, err := db.ExecContext(t.Context(), "DELETE FROM "+table.Name); err == nil {
				t.Errorf("%s can be emptied", table.Name)
			}
		}
	})
}

func TestSecretsAreNotOffered_DP_5(t *testing.T) {
	for _, table := range bi.Readable() {
		if slices.Contains([]string{"sessions", "api_tokens", "links", "recovery_codes", "outgoing_mails", "settings", "locks", "audit_entries", "bi_grants", "provider_grants"}, table.Name) {
			t.Errorf("table %s is offered", table.Name)
		}
		for _, column := range table.Columns {
			for _, secret := range []string{"hash", "password", "totp", "secret", "token", "storage_key"} {
				if strings.Contains(column, secret) {
					t.Errorf("%s.%s is offered", table.Name, column)
				}
			}
		}
	}
}

func TestAnAccessFromBeginningToEnd_DP_5(t *testing.T) {
	each(t, func(t *testing.T, e storetest.Engine) {
		a, _ := access(t, e, "acme")
		now := time.Now()
		a.Now = func() time.Time { return now }
		g, err := bi.Grant(t.Context(), a, request("sales"))
		must(t, err)
		t.Cleanup(func() { _ = bi.Revoke(context.Background(), a, "sales", "test", "") })
		if len(g.Password) < 32 || !strings.HasPrefix(g.Role, "bi_sales_") || len(g.Role) > 32 || (len(g.Notes) > 0) != (e.Kind == store.PostgreSQL) {
			t.Errorf("granted %+v", g)
		}
		if _, err := bi.Grant(t.Context(), a, request("sales")); fault.KindOf(err) != fault.Conflict {
			t.Errorf("the same once more: %v", err)
		}
		list, err := bi.List(t.Context(), a.Store, now)
		must(t, err)
		if len(list) != 1 || list[0].State != "open" || list[0].Reason != "a report for Ann" || list[0].By != "Jo Ops" {
			t.Errorf("the list is %+v", list)
		}
		entry := a.Store.Client().AuditEntry.Query().Order(ent.Desc("seq")).FirstX(t.Context())
		if entry.Action != "bi.granted" || entry.ActorName != "Jo Ops" || !strings.Contains(entry.Detail, "a report for Ann") || strings.Contains(entry.Detail, g.Password) {
			t.Errorf("the audit log says %v", entry)
		}
		if done, err := bi.Expire(t.Context(), a, "service"); err != nil || len(done) != 0 {
			t.Errorf("before its time it revoked %v, %v", done, err)
		}
		now = now.AddDate(0, 0, 7)
		if list, _ = bi.List(t.Context(), a.Store, now); list[0].State != "over" {
			t.Errorf("after its time it is %s", list[0].State)
		}
		if done, err := bi.Expire(t.Context(), a, "service"); err != nil || !slices.Equal(done, []string{g.Role}) {
			t.Errorf("after its time it revoked %v, %v", done, err)
		}
		if roles, err := a.Master.Roles(t.Context(), []string{g.Role}); err != nil || len(roles) != 0 {
			t.Errorf("the role is still there: %v, %v", roles, err)
		}
		if _, err = bi.Grant(t.Context(), a, request("sales")); err != nil {
			t.Errorf("again after it was revoked: %v", err)
		}
		must(t, bi.Revoke(t.Context(), a, "sales", "Jo Ops", "done"))
		if err := bi.Revoke(t.Context(), a, "nothing", "Jo Ops", ""); fault.KindOf(err) != fault.NotFound {
			t.Errorf("one that never was: %v", err)
		}
		n := a.Store.Client().AuditEntry.Query().CountX(t.Context())
		if _, err := audit.New(a.Store).Verify(t.Context()); err != nil || n != 4 {
			t.Errorf("the audit log has %d entries, %v", n, err)
		}
	})
}

func TestRequestsAreChecked(t *testing.T) {
	a, _ := access(t, storetest.Engines()[1], "acme")
	for field, change := range map[string]func(*bi.Request){
		"name": func(r *bi.Request) { r.Name = `x"; DROP TABLE tasks; --` }, "days": func(r *bi.Request) { r.Days = 0 }, "reason": func(r *bi.Request) { r.Reason = " " },
		"addresses": func(r *bi.Request) { r.Addresses = nil },
	} {
		r := request("sales")
		change(&r)
		if _, err := bi.Grant(t.Context(), a, r); fault.KindOf(err) != fault.Invalid || !strings.Contains(fmt.Sprint(fault.Problems(err)), "") || fault.Problems(err)[0].Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	for _, everywhere := range []string{"0.0.0.0/0", "::/0", "10.0.0.0/7", "everywhere", "10.0.0.1/8", ""} {
		r := request("sales")
		r.Addresses = []string{everywhere}
		if _, err := bi.Grant(t.Context(), a, r); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%q: %v", everywhere, err)
		}
	}
	if n := a.Store.Client().BIGrant.Query().CountX(t.Context()); n != 0 {
		t.Errorf("%d are recorded", n)
	}
}
