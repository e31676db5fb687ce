// Package dbrole makes, changes and removes roles of a database's server: the service's own, and those of a client's BI tools that read and
// do nothing else (DP-5). No ORM speaks of roles, so this is the one place that writes SQL (AS-1): every statement is put together by the
// statement builder here, of words in this package's source and of quoted names and values. It knows nothing of who may ask for a role.
package dbrole

import (
	"context"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/store"
	"github.com/berth-iac/berth/app/store/internal/connect"
)

// Server is a database that is open for somebody who may make roles, or who owns its tables.
type Server struct {
	options store.Options
	handles *connect.Handles
	mariadb bool
}

// Open opens a database with the account that is given. SQLite has no roles.
func Open(ctx context.Context, o store.Options) (*Server, error) {
	if o.Engine != store.PostgreSQL && o.Engine != store.MySQL {
		return nil, fault.Refused(fmt.Sprintf("%s has no roles: export the data instead", o.Engine))
	}
	o.Pool.MaxOpen, o.Pool.MaxIdle = 2, 1
	handles, err := connect.Open(o)
	if err != nil {
		return nil, err
	}
	s := &Server{options: o, handles: handles}
	if o.Engine == store.MySQL {
		var version string
		err = handles.Write.QueryRowContext(ctx, string(words("SELECT VERSION()"))).Scan(&version)
		s.mariadb = strings.Contains(version, "MariaDB")
	} else {
		err = handles.Write.PingContext(ctx)
	}
	if err != nil {
		return nil, errors.Join(fault.Away("the database's server", fmt.Errorf("sign in as %s: %w", o.User, err)), s.Close())
	}
	return s, nil
}

// Close closes it.
func (s *Server) Close() error { return s.handles.Close() }

// Engine is what kind of server it is.
func (s *Server) Engine() store.Engine { return s.options.Engine }

func (s *Server) new(w words) *statement { return (&statement{engine: s.options.Engine}).add(w) }

// do runs a statement. Its text is in no error: it may hold a password.
func (s *Server) do(ctx context.Context, what string, st *statement) error {
	if st.err != nil {
		return fmt.Errorf("%s: %w", what, st.err)
	}
	if _, err := s.handles.Write.ExecContext(ctx, st.text.String()); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// has tells whether a question has an answer.
func (s *Server) has(ctx context.Context, question words, about ...any) (bool, error) {
	var one int
	err := s.handles.Write.QueryRowContext(ctx, string(question), about...).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// list gives the answers to a question, as texts.
func (s *Server) list(ctx context.Context, question words, about ...any) (_ []string, err error) {
	rows, err := s.handles.Write.QueryContext(ctx, string(question), about...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var all []string
	for rows.Next() {
		var one string
		if err := rows.Scan(&one); err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, rows.Err()
}

// NewPassword makes a password: 192 bits, in letters that need no quoting.
func NewPassword() string {
	var secret [24]byte
	_, _ = rand.Read(secret[:]) // it never fails
	return base64.RawURLEncoding.EncodeToString(secret[:])
}

// verifier is what PostgreSQL keeps of a password (SCRAM-SHA-256). Made here, the password itself reaches neither the server nor its log.
func verifier(password string) (string, error) {
	const rounds = 4096
	salt := make([]byte, 16)
	_, _ = rand.Read(salt) // it never fails
	salted, err := pbkdf2.Key(sha256.New, password, salt, rounds, sha256.Size)
	if err != nil {
		return "", fmt.Errorf("make a password's verifier: %w", err)
	}
	keyed := func(key []byte, text string) []byte {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(text))
		return mac.Sum(nil)
	}
	stored := sha256.Sum256(keyed(salted, "Client Key"))
	text := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("SCRAM-SHA-256$%d:%s$%s:%s", rounds, text(salt), text(stored[:]), text(keyed(salted, "Server Key"))), nil
}
