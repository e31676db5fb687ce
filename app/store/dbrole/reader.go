package dbrole

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/store"
)

// Table is what may be read of a table.
type Table struct {
	Name    string
	Columns []string
}

// Reader is a role that reads some columns of some tables, and does nothing else, for a while (DP-5).
type Reader struct {
	Role      string
	Password  string
	Addresses []netip.Prefix // MySQL binds the account to them; PostgreSQL cannot, see Unbound
	Until     time.Time
	Days      int // the same, for MySQL
	Tables    []Table
}

// What a role may use at once.
const (
	maxConnections = 3
	maxStatement   = 60 * time.Second
	maxHourly      = 20000
)

// Unbound tells whether the server leaves it to the network from where a role signs in.
func (s *Server) Unbound() bool { return s.options.Engine == store.PostgreSQL }

// Grant makes the role. master may make roles; owner owns the tables: on PostgreSQL they are different accounts, and only an owner lets
// others read. A role that is there already is refused.
func Grant(ctx context.Context, master, owner *Server, r Reader) error {
	if master.options.Engine == store.MySQL {
		return master.grantMySQL(ctx, r)
	}
	return master.grantPostgreSQL(ctx, owner, r)
}

func (s *Server) grantPostgreSQL(ctx context.Context, owner *Server, r Reader) error {
	secret, err := verifier(r.Password)
	if err != nil {
		return err
	}
	database := s.options.Name
	steps := []*statement{
		s.new("CREATE ROLE").name(r.Role).add("LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS CONNECTION LIMIT").number(maxConnections).
			add("PASSWORD").value(secret).add("VALID UNTIL").value(r.Until.UTC().Format(time.RFC3339)),
		// A session may change these for itself; what it may not do stays refused, for it has no other rights.
		s.new("ALTER ROLE").name(r.Role).add("SET default_transaction_read_only = on"),
		s.new("ALTER ROLE").name(r.Role).add("SET statement_timeout =").number(maxStatement.Milliseconds()),
		s.new("ALTER ROLE").name(r.Role).add("SET idle_in_transaction_session_timeout =").number(maxStatement.Milliseconds()),
		s.new("ALTER ROLE").name(r.Role).add("SET lock_timeout = 1000"),
		s.new("REVOKE ALL ON DATABASE").name(database).add("FROM PUBLIC"), // who may sign in to the server may not sign in here, nor make temporary tables
		s.new("REVOKE CREATE ON SCHEMA public FROM PUBLIC"),
		s.new("GRANT CONNECT ON DATABASE").name(database).add("TO").name(r.Role),
		s.new("GRANT USAGE ON SCHEMA public TO").name(r.Role),
	}
	for _, st := range steps {
		if err := s.do(ctx, "make role "+r.Role, st); err != nil {
			return err
		}
	}
	for _, t := range r.Tables {
		if err := owner.do(ctx, "let it read "+t.Name, owner.new("GRANT SELECT").names(t.Columns).add("ON").named("public", t.Name).add("TO").name(r.Role)); err != nil {
			return err
		}
	}
	return nil
}

func (s *Server) grantMySQL(ctx context.Context, r Reader) error {
	hosts := make([]string, len(r.Addresses))
	for i, address := range r.Addresses {
		var err error
		if hosts[i], err = mysqlHost(address); err != nil {
			return err
		}
	}
	if s.options.TLS == store.Off && len(hosts) == 0 {
		hosts = []string{"localhost"} // the server is this machine
	}
	if len(hosts) == 0 {
		return fault.BadInput("addresses", "they are missing", "name from where the role may be used")
	}
	for _, host := range hosts {
		if err := s.do(ctx, "make account "+r.Role, s.readerMySQL(r, host)); err != nil {
			return err
		}
		for _, t := range r.Tables {
			if err := s.do(ctx, "let it read "+t.Name,
				s.new("GRANT SELECT").names(t.Columns).add("ON").named(s.options.Name, t.Name).add("TO").account(r.Role, host)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Server) readerMySQL(r Reader, host string) *statement {
	st := s.new("CREATE USER").account(r.Role, host).add("IDENTIFIED BY").value(r.Password)
	if s.options.TLS != store.Off {
		st.add("REQUIRE SSL")
	}
	st.add("WITH MAX_USER_CONNECTIONS").number(maxConnections).add("MAX_QUERIES_PER_HOUR").number(maxHourly)
	if s.mariadb {
		st.add("MAX_STATEMENT_TIME").number(int64(maxStatement.Seconds()))
	}
	return st.add("PASSWORD EXPIRE INTERVAL").number(int64(max(r.Days, 1))).add("DAY")
}

// mysqlHost writes a network as MySQL and MariaDB both read it.
func mysqlHost(p netip.Prefix) (string, error) {
	if p.IsSingleIP() {
		return p.Addr().String(), nil
	}
	if !p.Addr().Is4() {
		return "", fault.BadInput("addresses", fmt.Sprintf("%s: MySQL takes single addresses of IPv6 only", p), "name the addresses one by one")
	}
	bits := ^uint32(0) << (32 - p.Bits())
	mask := netip.AddrFrom4([4]byte{byte(bits >> 24), byte(bits >> 16), byte(bits >> 8), byte(bits)})
	return p.Masked().Addr().String() + "/" + mask.String(), nil
}

// Revoke removes a role: it cannot sign in from the first moment on, then its sessions end, and then it goes. One that is gone is no error.
func Revoke(ctx context.Context, master, owner *Server, role string) error {
	if master.options.Engine == store.MySQL {
		return master.revokeMySQL(ctx, role)
	}
	there, err := master.has(ctx, "SELECT 1 FROM pg_roles WHERE rolname = $1", role)
	if err != nil || !there {
		return err
	}
	if err := master.do(ctx, "close role "+role, master.new("ALTER ROLE").name(role).add("NOLOGIN")); err != nil {
		return err
	}
	if _, err := master.list(ctx, "SELECT pg_terminate_backend(pid)::text FROM pg_stat_activity WHERE usename = $1", role); err != nil {
		return fmt.Errorf("end the sessions of role %s: %w", role, err)
	}
	if err := owner.do(ctx, "take the tables from role "+role, owner.new("REVOKE ALL ON ALL TABLES IN SCHEMA public FROM").name(role)); err != nil {
		return err
	}
	for _, st := range []*statement{
		master.new("GRANT").name(role).add("TO CURRENT_USER"), // who drops what a role owns needs its rights
		master.new("DROP OWNED BY").name(role),                // large objects, which every role may make
		master.new("REVOKE ALL ON SCHEMA public FROM").name(role),
		master.new("REVOKE ALL ON DATABASE").name(master.options.Name).add("FROM").name(role),
		master.new("DROP ROLE").name(role),
	} {
		if err := master.do(ctx, "remove role "+role, st); err != nil {
			return err
		}
	}
	return nil
}

func (s *Server) revokeMySQL(ctx context.Context, role string) error {
	hosts, err := s.list(ctx, "SELECT Host FROM mysql.user WHERE User = ?", role)
	if err != nil {
		return fmt.Errorf("look for account %s: %w", role, err)
	}
	for _, host := range hosts {
		if err := s.do(ctx, "remove account "+role, s.new("DROP USER").account(role, host)); err != nil {
			return err
		}
	}
	open, err := s.list(ctx, "SELECT ID FROM information_schema.PROCESSLIST WHERE USER = ?", role)
	if err != nil {
		return fmt.Errorf("look for sessions of %s: %w", role, err)
	}
	for _, id := range open {
		n, err := strconv.ParseInt(id, 10, 64)
		if err != nil {
			return fmt.Errorf("session %q: %w", id, err)
		}
		err = s.do(ctx, "end a session of "+role, s.new("KILL").number(n))
		if e, is := errors.AsType[*mysql.MySQLError](err); is && e.Number == 1095 { // RDS has a way of its own
			err = s.do(ctx, "end a session of "+role, s.new("CALL mysql.rds_kill(").number(n).add(")"))
		}
		if e, is := errors.AsType[*mysql.MySQLError](err); is && e.Number == 1094 {
			continue // it has ended by itself
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Roles are the roles that are there, of those that are named.
func (s *Server) Roles(ctx context.Context, names []string) ([]string, error) {
	question := words("SELECT rolname FROM pg_roles")
	if s.options.Engine == store.MySQL {
		question = "SELECT DISTINCT User FROM mysql.user"
	}
	all, err := s.list(ctx, question)
	if err != nil {
		return nil, fmt.Errorf("list the roles: %w", err)
	}
	return slices.DeleteFunc(all, func(one string) bool { return !slices.Contains(names, one) }), nil
}

// pattern adds a database's name where MySQL reads _ and % as any letters.
func (s *statement) pattern(name string) words {
	return s.quoted(strings.NewReplacer(`\`, `\\`, "_", `\_`, "%", `\%`).Replace(name))
}
