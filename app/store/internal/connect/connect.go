// Package connect makes connections to one client's database, on each of the three engines, so that all of them keep times,
// text and keys alike. It knows the drivers and nothing of what the database holds.
package connect

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/stdlib"
	"modernc.org/sqlite"
)

// Engine is a kind of database.
type Engine string

// The engines. MySQL is MariaDB too.
const (
	SQLite     Engine = "sqlite"
	PostgreSQL Engine = "postgresql"
	MySQL      Engine = "mysql"
)

// TLS says how a connection over the network is protected.
type TLS string

// The ways. Off is for an address on the same machine only.
const (
	Verify TLS = "verify"
	Off    TLS = "off"
)

// Options say where the database is and how much of it to use.
type Options struct {
	Engine Engine

	// SQLite.
	Path        string // the file; its folder is made if need be
	Synchronous string // FULL (the default), NORMAL or EXTRA: what survives when the power fails

	// PostgreSQL and MySQL.
	Host     string // a name, an address, or the path of a socket (PostgreSQL: of its folder)
	Port     int
	Name     string
	User     string
	Password func(context.Context) (string, error) // asked before every new connection: tokens expire and secrets are rotated
	TLS      TLS                                   // "" is Verify
	CAFile   string                                // who signs the server's certificate; "" for the system's authorities

	Pool Pool
}

// Pool says how many connections there are. What is zero takes its default.
type Pool struct {
	MaxOpen  int           // connections at most; 8. On SQLite: those that read; one more writes.
	MaxIdle  int           // of them kept while nobody asks; all, for to open one costs more than most of what is asked
	IdleTime time.Duration // until an idle one is closed; 30 seconds
	Lifetime time.Duration // until any is closed; 30 minutes
	Wait     time.Duration // how long a write waits for its turn, SQLite only; 10 s
}

func (p Pool) withDefaults() Pool {
	set := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	setTime := func(v *time.Duration, d time.Duration) {
		if *v <= 0 {
			*v = d
		}
	}
	set(&p.MaxOpen, 8)
	set(&p.MaxIdle, p.MaxOpen)
	p.MaxIdle = min(p.MaxIdle, p.MaxOpen)
	setTime(&p.IdleTime, 30*time.Second)
	setTime(&p.Lifetime, 30*time.Minute)
	setTime(&p.Wait, 10*time.Second)
	return p
}

// Handles are the open pools. Read is nil where one pool does both.
type Handles struct {
	Write *sql.DB
	Read  *sql.DB
	Wait  time.Duration
}

// Close closes them.
func (h *Handles) Close() error {
	if h.Read == nil {
		return h.Write.Close()
	}
	return errors.Join(h.Read.Close(), h.Write.Close())
}

// Check reports all that is wrong with the options.
func (o Options) Check() error {
	var problems []error
	wrong := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	switch o.Engine {
	case SQLite:
		if o.Path == "" {
			wrong("path is empty: say which file the database is")
		}
		switch strings.ToUpper(o.Synchronous) {
		case "", "FULL", "NORMAL", "EXTRA":
		default:
			wrong("synchronous is %q: use FULL, NORMAL or EXTRA", o.Synchronous)
		}
	case PostgreSQL, MySQL:
		for _, one := range []struct{ name, value string }{{"host", o.Host}, {"name", o.Name}, {"user", o.User}} {
			if one.value == "" {
				wrong("%s is empty", one.name)
			}
		}
		if o.Port < 0 || o.Port > 65535 {
			wrong("port is %d: use 1 to 65535, or 0 for the engine's own", o.Port)
		}
		switch {
		case o.TLS != "" && o.TLS != Verify && o.TLS != Off:
			wrong("tls is %q: use verify or off", o.TLS)
		case o.TLS == Off && !o.local():
			wrong("tls is off and %s is another machine: use verify", o.Host)
		}
	default:
		wrong("engine is %q: use sqlite, postgresql or mysql", o.Engine)
	}
	return errors.Join(problems...)
}

func (o Options) local() bool {
	ip := net.ParseIP(o.Host)
	return strings.HasPrefix(o.Host, "/") || o.Host == "localhost" || ip != nil && ip.IsLoopback()
}

// Open makes the pools. It connects to nothing yet.
func Open(o Options) (*Handles, error) {
	if err := o.Check(); err != nil {
		return nil, fmt.Errorf("database options: %w", err)
	}
	o.Pool = o.Pool.withDefaults()
	var db *sql.DB
	var err error
	switch o.Engine {
	case SQLite:
		return openSQLite(o)
	case PostgreSQL:
		db, err = openPostgreSQL(o)
	case MySQL:
		db, err = openMySQL(o)
	}
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(o.Pool.MaxOpen)
	db.SetMaxIdleConns(o.Pool.MaxIdle)
	db.SetConnMaxIdleTime(o.Pool.IdleTime)
	db.SetConnMaxLifetime(o.Pool.Lifetime)
	return &Handles{Write: db}, nil
}

// openSQLite makes one connection that writes and several that read: readers never wait for the writer, and writers queue up in
// the order in which they came instead of asking again and again.
func openSQLite(o Options) (*Handles, error) {
	path, err := filepath.Abs(o.Path)
	if err != nil {
		return nil, fmt.Errorf("path of the database: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("make the database's folder: %w", err)
	}
	// SQLite gives its other files the rights of this one. Only a file that is new is opened here: to close any descriptor of a database
	// takes away the locks that this process has on it, also those of connections that are open.
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	switch {
	case err == nil:
		err = file.Close()
	case errors.Is(err, fs.ErrExist):
		err = nil
	}
	if err != nil {
		return nil, fmt.Errorf("make the database's file: %w", err)
	}
	source := func(more url.Values) string {
		query := url.Values{
			"_pragma": {
				"busy_timeout(" + strconv.FormatInt(o.Pool.Wait.Milliseconds(), 10) + ")", "journal_mode(wal)", "foreign_keys(1)",
				"synchronous(" + strings.ToLower(orElse(o.Synchronous, "FULL")) + ")", "temp_store(memory)", "trusted_schema(0)",
			},
			// Whole microseconds sort and compare as numbers, whatever zone a time was written in.
			"_time_integer_format": {"unix_micro"}, "_inttotime": {"1"}, "_timezone": {"UTC"},
		}
		for key, values := range more {
			query[key] = append(query[key], values...)
		}
		return (&url.URL{Scheme: "file", Path: path, RawQuery: query.Encode()}).String()
	}
	write := sql.OpenDB(remembering{&sqlite.Driver{}, source(url.Values{"_txlock": {"immediate"}})})
	write.SetMaxOpenConns(1)
	write.SetMaxIdleConns(1)
	write.SetConnMaxIdleTime(o.Pool.IdleTime)
	read := sql.OpenDB(remembering{&sqlite.Driver{}, source(url.Values{"_pragma": {"query_only(1)"}})})
	read.SetMaxOpenConns(o.Pool.MaxOpen)
	read.SetMaxIdleConns(o.Pool.MaxIdle)
	read.SetConnMaxIdleTime(o.Pool.IdleTime)
	return &Handles{Write: write, Read: read, Wait: o.Pool.Wait}, nil
}

func openPostgreSQL(o Options) (*sql.DB, error) {
	// Everything is named here, so that PGHOST and its kin say nothing.
	config, err := pgx.ParseConfig("host=127.0.0.1 port=5432 user=nobody password=none dbname=none sslmode=disable connect_timeout=10")
	if err != nil {
		return nil, fmt.Errorf("prepare a connection to PostgreSQL: %w", err)
	}
	config.Host, config.Port, config.Database, config.User = o.Host, 5432, o.Name, o.User
	if o.Port != 0 {
		config.Port = uint16(o.Port)
	}
	config.Password, config.Fallbacks = "", nil
	config.RuntimeParams = map[string]string{"application_name": "taskflow", "timezone": "UTC"}
	if config.TLSConfig, err = o.tls(); err != nil {
		return nil, err
	}
	return stdlib.OpenDB(*config,
		stdlib.OptionBeforeConnect(func(ctx context.Context, c *pgx.ConnConfig) (err error) {
			c.Password, err = o.password(ctx)
			return err
		}),
		stdlib.OptionAfterConnect(func(_ context.Context, c *pgx.Conn) error {
			c.TypeMap().RegisterType(&pgtype.Type{
				Name: "timestamptz", OID: pgtype.TimestamptzOID, Codec: &pgtype.TimestamptzCodec{ScanLocation: time.UTC},
			})
			return nil
		})), nil
}

func openMySQL(o Options) (*sql.DB, error) {
	config := mysql.NewConfig()
	config.Net, config.Addr = "tcp", net.JoinHostPort(o.Host, strconv.Itoa(orElse(o.Port, 3306)))
	if strings.HasPrefix(o.Host, "/") {
		config.Net, config.Addr = "unix", o.Host
	}
	config.DBName, config.User, config.Timeout = o.Name, o.User, 10*time.Second
	config.ParseTime, config.Loc, config.ClientFoundRows = true, time.UTC, true
	config.Collation = "utf8mb4_bin"
	config.InterpolateParams = true // one round trip instead of three
	config.Params = map[string]string{
		"time_zone": "'+00:00'",
		// A value that does not fit is refused and never cut; names are quoted as MySQL does.
		"sql_mode": "'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'",
	}
	var err error
	if config.TLS, err = o.tls(); err != nil {
		return nil, err
	}
	config.AllowCleartextPasswords = config.TLS != nil // how a database of RDS wants its tokens
	if err := config.Apply(mysql.BeforeConnect(func(ctx context.Context, c *mysql.Config) (err error) {
		c.Passwd, err = o.password(ctx)
		return err
	})); err != nil {
		return nil, fmt.Errorf("prepare a connection to MySQL: %w", err)
	}
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, fmt.Errorf("prepare a connection to MySQL: %w", err)
	}
	return sql.OpenDB(connector), nil
}

func (o Options) password(ctx context.Context) (string, error) {
	if o.Password == nil {
		return "", nil
	}
	password, err := o.Password(ctx)
	if err != nil {
		return "", fmt.Errorf("find the database's password: %w", err)
	}
	return password, nil
}

func (o Options) tls() (*tls.Config, error) {
	if o.TLS == Off || strings.HasPrefix(o.Host, "/") {
		return nil, nil
	}
	config := &tls.Config{ServerName: o.Host, MinVersion: tls.VersionTLS12}
	if o.CAFile == "" {
		return config, nil
	}
	pem, err := os.ReadFile(o.CAFile)
	if err != nil {
		return nil, fmt.Errorf("read who signs the database's certificate: %w", err)
	}
	config.RootCAs = x509.NewCertPool()
	if !config.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate", o.CAFile)
	}
	return config, nil
}

func orElse[T comparable](value, otherwise T) T {
	var zero T
	if value == zero {
		return otherwise
	}
	return value
}
