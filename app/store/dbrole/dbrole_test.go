package dbrole_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/store"
	"github.com/berth-iac/berth/app/store/dbrole"
	"github.com/berth-iac/berth/app/store/internal/connect"
	"github.com/berth-iac/berth/app/store/storetest"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func servers(t *testing.T, do func(t *testing.T, e storetest.Engine)) {
	for _, e := range storetest.Engines() {
		if e.Kind != store.SQLite {
			t.Run(e.Name, func(t *testing.T) {
				e.Need(t)
				do(t, e)
			})
		}
	}
}

// as gives the options of another account.
func as(o store.Options, user, password string) store.Options {
	o.User = user
	o.Password = func(context.Context) (string, error) { return password, nil }
	o.Pool.MaxOpen, o.Pool.MaxIdle = 1, 1
	return o
}

func database(t *testing.T, o store.Options) *sql.DB {
	t.Helper()
	handles, err := connect.Open(o)
	must(t, err)
	t.Cleanup(func() { _ = handles.Close() })
	return handles.Write
}

func exec(t *testing.T, db *sql.DB, queries ...string) {
	t.Helper()
	for _, q := range queries {
		if _, err := db.ExecContext(t.Context(), q); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
}

// admin gives the options of an account that may make roles and databases and no more, as the master of RDS. On PostgreSQL, roles that the
// service makes have to give their passwords, which the tests' server asks of nobody else.
func admin(t *testing.T, e storetest.Engine, o store.Options) store.Options {
	t.Helper()
	root := database(t, o)
	if e.Kind == store.MySQL {
		return o
	}
	var hba string
	must(t, root.QueryRowContext(t.Context(), "SHOW hba_file").Scan(&hba))
	var read, now time.Time
	must(t, root.QueryRowContext(t.Context(), "SELECT pg_conf_load_time()").Scan(&read))
	exec(t, root,
		"COPY (SELECT unnest(ARRAY['local all postgres,master trust', 'local all all scram-sha-256'])) TO '"+hba+"'", "SELECT pg_reload_conf()",
		"DROP ROLE IF EXISTS master", "CREATE ROLE master LOGIN CREATEROLE CREATEDB", "GRANT pg_signal_backend TO master",
		"ALTER DATABASE "+o.Name+" OWNER TO master")
	for deadline := time.Now().Add(30 * time.Second); !now.After(read) && time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		must(t, root.QueryRowContext(t.Context(), "SELECT pg_conf_load_time()").Scan(&now)) // the server reads it when it comes to it
	}
	t.Cleanup(func() {
		_, err := root.ExecContext(context.Background(), "REASSIGN OWNED BY master TO postgres; DROP OWNED BY master; DROP ROLE IF EXISTS master")
		if err != nil {
			t.Error(err)
		}
	})
	return as(o, "master", "")
}

func opened(t *testing.T, o store.Options) *dbrole.Server {
	t.Helper()
	s, err := dbrole.Open(t.Context(), o)
	must(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// refused tells that the server refused for want of a right, and not for another reason.
func refused(err error) bool {
	if e, is := errors.AsType[*pgconn.PgError](err); is {
		return e.Code == "42501" || e.Code == "25006" || e.Code == "28P01" || e.Code == "28000"
	}
	if e, is := errors.AsType[*mysql.MySQLError](err); is {
		return slices.Contains([]uint16{1142, 1143, 1044, 1045, 1227, 1370, 1290}, e.Number)
	}
	return false
}

func reader(role string) dbrole.Reader {
	return dbrole.Reader{
		Role: role, Password: dbrole.NewPassword(), Until: time.Now().Add(48 * time.Hour), Days: 2,
		Tables: []dbrole.Table{{"tasks", []string{"id", "title", "project_id"}}, {"users", []string{"id", "name"}}},
	}
}

// DP-5: a BI role reads what it was given, and nothing else; nothing is written by it; when it is revoked, its sessions end.
func TestAReaderReads_DP_5(t *testing.T) {
	servers(t, func(t *testing.T, e storetest.Engine) {
		o := e.Migrated(t)
		other := e.Migrated(t)
		master, owner := opened(t, admin(t, e, o)), opened(t, o)
		r := reader("bi_sales_0a1b2c")
		must(t, dbrole.Grant(t.Context(), master, owner, r))
		t.Cleanup(func() { _ = dbrole.Revoke(context.Background(), master, owner, r.Role) })
		if err := dbrole.Grant(t.Context(), master, owner, r); err == nil {
			t.Error("a role was made twice")
		}
		db := database(t, as(o, r.Role, r.Password))
		var n int
		for _, allowed := range []string{"SELECT count(id) FROM tasks", "SELECT count(*) FROM tasks t JOIN users u ON u.id = t.id"} {
			if err := db.QueryRowContext(t.Context(), allowed).Scan(&n); err != nil {
				t.Errorf("%s: %v", allowed, err)
			}
		}
		denied := []string{
			"SELECT password_hash FROM users", "SELECT * FROM users", "SELECT totp_secret FROM users", "SELECT description FROM tasks", "SELECT * FROM sessions",
			"SELECT hash FROM api_tokens", "SELECT body FROM outgoing_mails", "SELECT * FROM links", "SELECT * FROM audit_entries", "SELECT * FROM settings",
			"UPDATE tasks SET title = 'x'", "DELETE FROM tasks", "INSERT INTO tasks (id) VALUES ('0198f6c0-0000-7000-8000-000000000001')", "TRUNCATE tasks", "DROP TABLE tasks", "CREATE TABLE mine (id int)",
			"ALTER TABLE tasks ADD COLUMN mine int", "CREATE TEMPORARY TABLE mine (id int)", "GRANT SELECT ON tasks TO PUBLIC", "CREATE DATABASE mine",
		}
		switch e.Kind {
		case store.PostgreSQL:
			exec(t, db, "SET default_transaction_read_only = off", "SET statement_timeout = 0") // as somebody would who means harm
			denied = append(denied, "CREATE ROLE bi_more", "SELECT * FROM tasks FOR UPDATE", "SELECT pg_read_file('/etc/passwd')", "COPY tasks TO '/tmp/x'", "CREATE SCHEMA mine",
				"ALTER ROLE bi_sales_0a1b2c VALID UNTIL 'infinity'", "ALTER ROLE bi_sales_0a1b2c CONNECTION LIMIT 100", "SET ROLE master")
		case store.MySQL:
			denied = append(denied, "CREATE USER more", "SELECT LOAD_FILE('/etc/passwd') FROM mysql.user", "SELECT * FROM tasks FOR UPDATE", "SELECT * FROM "+other.Name+".users",
				"SELECT id FROM tasks INTO OUTFILE '/tmp/taskflow-x'", "SELECT * FROM mysql.user")
		}
		for _, q := range denied {
			if _, err := db.ExecContext(t.Context(), q); !refused(err) {
				t.Errorf("%s: %v", q, err)
			}
		}
		elsewhere := database(t, as(func() store.Options { o := other; return o }(), r.Role, r.Password))
		if e.Kind == store.PostgreSQL {
			exec(t, database(t, other), "REVOKE ALL ON DATABASE "+other.Name+" FROM PUBLIC") // as Provide does
		}
		if err := elsewhere.PingContext(t.Context()); !refused(err) {
			t.Errorf("another client's database: %v", err)
		}
		if err := database(t, as(o, r.Role, "wrong")).PingContext(t.Context()); !refused(err) {
			t.Errorf("with a wrong password: %v", err)
		}
		roles, err := master.Roles(t.Context(), []string{r.Role, "bi_none"})
		if err != nil || !slices.Equal(roles, []string{r.Role}) {
			t.Errorf("the roles are %v, %v", roles, err)
		}
		held, err := db.Conn(t.Context())
		must(t, err)
		defer held.Close()
		must(t, held.PingContext(t.Context()))
		if e.Kind == store.PostgreSQL { // which lets every role make large objects: they go with it
			_, err := held.ExecContext(t.Context(), "SELECT lo_from_bytea(0, 'x')")
			must(t, err)
		}
		must(t, dbrole.Revoke(t.Context(), master, owner, r.Role))
		if _, err := held.ExecContext(t.Context(), "SELECT count(id) FROM tasks"); err == nil {
			t.Error("a session goes on after its role was revoked")
		}
		if err := database(t, as(o, r.Role, r.Password)).PingContext(t.Context()); !refused(err) {
			t.Errorf("sign-in after it was revoked: %v", err)
		}
		must(t, dbrole.Revoke(t.Context(), master, owner, r.Role)) // once more is no error
	})
}

func TestAnExpiredRoleCannotSignIn_DP_5(t *testing.T) {
	e := storetest.Engine{Name: "PostgreSQL", Kind: store.PostgreSQL} // MySQL's accounts end when they are revoked
	e.Need(t)
	o := e.Migrated(t)
	master, owner := opened(t, admin(t, e, o)), opened(t, o)
	r := reader("bi_late_0a1b2c")
	r.Until = time.Now().Add(15 * time.Second)
	must(t, dbrole.Grant(t.Context(), master, owner, r))
	t.Cleanup(func() { _ = dbrole.Revoke(context.Background(), master, owner, r.Role) })
	must(t, database(t, as(o, r.Role, r.Password)).PingContext(t.Context()))
	time.Sleep(time.Until(r.Until) + 200*time.Millisecond)
	if err := database(t, as(o, r.Role, r.Password)).PingContext(t.Context()); !refused(err) {
		t.Errorf("after its time: %v", err)
	}
}

// The service's own account is made once, may do what the service does in its own database, and nothing elsewhere.
func TestTheServicesAccount(t *testing.T) {
	servers(t, func(t *testing.T, e storetest.Engine) {
		root := e.Empty(t)
		other := e.Migrated(t)
		base := admin(t, e, root)
		want := dbrole.Service{Database: "tf_acme", User: "svc_acme", Password: dbrole.NewPassword()}
		master := func(name string) store.Options { o := base; o.Name = name; return o }
		db := database(t, root)
		if e.Kind == store.PostgreSQL {
			exec(t, db, "REVOKE ALL ON DATABASE "+other.Name+" FROM PUBLIC", "CREATE ROLE rds_iam", "GRANT rds_iam TO master WITH ADMIN OPTION")
		}
		t.Cleanup(func() {
			drop := []string{"DROP DATABASE tf_acme", "DROP USER svc_acme"}
			if e.Kind == store.PostgreSQL {
				drop = append(drop, "DROP ROLE rds_iam")
			}
			for _, q := range drop {
				if _, err := db.ExecContext(context.Background(), q); err != nil {
					t.Error(q, err)
				}
			}
		})
		made, err := dbrole.Provide(t.Context(), master, want)
		must(t, err)
		if len(made) != 2 {
			t.Errorf("made %v", made)
		}
		if made, err = dbrole.Provide(t.Context(), master, want); err != nil || len(made) != 0 {
			t.Errorf("the second time it made %v, %v", made, err)
		}
		own := as(root, want.User, want.Password)
		own.Name = want.Database
		s, err := store.Open(t.Context(), own)
		must(t, err)
		must(t, s.Migrate(t.Context(), func() time.Time { return storetest.Now }))
		s.Client().Setting.Create().SetID("x").SetValue([]byte("1")).SetUpdatedAt(storetest.Now).ExecX(t.Context())
		must(t, s.Close())
		mine := database(t, own)
		for _, q := range []string{"CREATE DATABASE more", "CREATE ROLE svc_more", "SELECT * FROM " + other.Name + ".users"} {
			if e.Kind == store.PostgreSQL && strings.HasPrefix(q, "SELECT") {
				q = "SELECT * FROM pg_authid"
			}
			if _, err := mine.ExecContext(t.Context(), q); !refused(err) {
				t.Errorf("%s: %v", q, err)
			}
		}
		theirs := own
		theirs.Name = other.Name
		if err := database(t, theirs).PingContext(t.Context()); !refused(err) {
			t.Errorf("another database: %v", err)
		}
		if _, err := dbrole.Provide(t.Context(), master, dbrole.Service{Database: "x", User: base.User}); fault.KindOf(err) != fault.Invalid {
			t.Errorf("the master's own account: %v", err)
		}
		if e.Kind != store.PostgreSQL {
			return
		}
		// With tokens of RDS, here by a role of that name.
		want.IAM = true
		if made, err = dbrole.Provide(t.Context(), master, want); err != nil || !slices.Equal(made, []string{"sign-in with tokens"}) {
			t.Errorf("made %v, %v", made, err)
		}
		if made, err = dbrole.Provide(t.Context(), master, want); err != nil || len(made) != 0 {
			t.Errorf("the second time it made %v, %v", made, err)
		}
		// A BI role is given by the account that owns the tables, which is not the master's.
		admin, owner := opened(t, master(want.Database)), opened(t, own)
		r := reader("bi_sales_0a1b2c")
		must(t, dbrole.Grant(t.Context(), admin, owner, r))
		reads := own
		reads.User, reads.Password = r.Role, func(context.Context) (string, error) { return r.Password, nil }
		var n int
		must(t, database(t, reads).QueryRowContext(t.Context(), "SELECT count(id) FROM tasks").Scan(&n))
		must(t, dbrole.Revoke(t.Context(), admin, owner, r.Role))
	})
}

// AS-1: whatever a name is, it is a name and no more.
func TestHostileNamesAreNames_AS_1(t *testing.T) {
	servers(t, func(t *testing.T, e storetest.Engine) {
		o := e.Migrated(t)
		master, owner := opened(t, admin(t, e, o)), opened(t, o)
		root := database(t, o)
		for i, hostile := range []string{
			`bi_"; DROP TABLE tasks; --`, "bi_`; DROP TABLE tasks; --", `bi_'; DROP TABLE tasks; --`, `bi_\'; DROP TABLE tasks; --`, `bi_\`, `bi_''`, `bi_""`, "bi_``", `bi_$$x$$`,
			"bi_ /* */ --", "bi_%", "bi_ü", "bi_\n;", `bi_"."x`, "bi_@'%'",
		} {
			r := reader(hostile)
			r.Password = "pass'\"`\\; DROP TABLE tasks; -- " + fmt.Sprint(i)
			if err := dbrole.Grant(t.Context(), master, owner, r); err != nil {
				t.Errorf("%q: %v", hostile, err)
				continue
			}
			roles, err := master.Roles(t.Context(), []string{hostile})
			if err != nil || len(roles) != 1 {
				t.Errorf("%q is not there: %v, %v", hostile, roles, err)
			}
			if err := database(t, as(o, hostile, r.Password)).PingContext(t.Context()); err != nil {
				t.Errorf("%q cannot sign in: %v", hostile, err)
			}
			if err := dbrole.Revoke(t.Context(), master, owner, hostile); err != nil {
				t.Errorf("%q: %v", hostile, err)
			}
			if roles, err = master.Roles(t.Context(), []string{hostile}); err != nil || len(roles) != 0 {
				t.Errorf("%q is still there: %v, %v", hostile, roles, err)
			}
		}
		r := reader("bi_columns")
		r.Tables = []dbrole.Table{{`tasks" TO PUBLIC; --`, []string{"id"}}}
		if err := dbrole.Grant(t.Context(), master, owner, r); err == nil {
			t.Error("a hostile table was taken")
		}
		must(t, dbrole.Revoke(t.Context(), master, owner, r.Role))
		var n int
		must(t, root.QueryRowContext(t.Context(), "SELECT count(*) FROM tasks").Scan(&n))
		for _, none := range []string{"", "bi_\x00", strings.Repeat("b", 65)} {
			if err := dbrole.Grant(t.Context(), master, owner, reader(none)); err == nil {
				t.Errorf("%q is a name", none)
			}
		}
	})
}

func TestSQLiteHasNoRoles(t *testing.T) {
	if _, err := dbrole.Open(t.Context(), store.Options{Engine: store.SQLite, Path: "x"}); fault.KindOf(err) != fault.Forbidden || !strings.Contains(err.Error(), "export") {
		t.Errorf("error is %v", err)
	}
}

func TestAddressesOfMySQL(t *testing.T) {
	for text, want := range map[string]string{"192.0.2.7/32": "192.0.2.7", "192.0.2.0/24": "192.0.2.0/255.255.255.0", "10.0.0.0/8": "10.0.0.0/255.0.0.0", "2001:db8::1/128": "2001:db8::1", "2001:db8::/64": ""} {
		if got, err := dbrole.MySQLHost(netip.MustParsePrefix(text)); got != want || (err == nil) != (want != "") {
			t.Errorf("%s is %q, %v; want %q", text, got, err, want)
		}
	}
}

// What this machine's servers cannot be asked, for they have neither TLS nor the plugin of RDS.
func TestStatementsOfRDS(t *testing.T) {
	if got, want := dbrole.ServiceText("taskflow"), "CREATE USER 'taskflow'@'%' IDENTIFIED WITH AWSAuthenticationPlugin AS 'RDS' REQUIRE SSL"; got != want {
		t.Errorf("it is %s; want %s", got, want)
	}
	if got := dbrole.ReaderText("bi_x", "192.0.2.7"); !strings.Contains(got, " REQUIRE SSL WITH MAX_USER_CONNECTIONS 3 ") || !strings.HasSuffix(got, "PASSWORD EXPIRE INTERVAL 7 DAY") {
		t.Errorf("it is %s", got)
	}
}
