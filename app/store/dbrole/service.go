package dbrole

import (
	"context"
	"errors"
	"fmt"

	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/store"
)

// Service is the account that the service uses for one client's database.
type Service struct {
	Database string
	User     string
	IAM      bool   // it signs in with tokens of RDS; otherwise with the password
	Password string // set only where the account is made
}

// Maintenance is the database to open to make others.
func Maintenance(engine store.Engine) string {
	if engine == store.PostgreSQL {
		return "postgres"
	}
	return "information_schema"
}

// Provide makes the database and the account where they are missing, and sees that the account may do in that database what the service
// does there, and nothing anywhere else. Run again, it changes nothing. It tells what it made. master gives the options of the server's
// master account for a database.
func Provide(ctx context.Context, master func(database string) store.Options, want Service) (made []string, err error) {
	s, err := Open(ctx, master(Maintenance(master("").Engine)))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if s.options.User == want.User {
		return nil, fault.BadInput("database.user", "the service would use the master's account", "name an account of its own")
	}
	if s.options.Engine == store.MySQL {
		return s.provideMySQL(ctx, want)
	}
	if made, err = s.providePostgreSQL(ctx, want); err != nil {
		return made, err
	}
	inside, err := Open(ctx, master(want.Database))
	if err != nil {
		return made, err
	}
	defer func() { err = errors.Join(err, inside.Close()) }()
	// Older servers let everybody make tables in the schema public.
	if err := inside.do(ctx, "close the schema", inside.new("REVOKE CREATE ON SCHEMA public FROM PUBLIC")); err != nil {
		return made, err
	}
	return made, inside.do(ctx, "open the schema", inside.new("GRANT USAGE, CREATE ON SCHEMA public TO").name(want.User))
}

func (s *Server) providePostgreSQL(ctx context.Context, want Service) (made []string, err error) {
	there, err := s.has(ctx, "SELECT 1 FROM pg_roles WHERE rolname = $1", want.User)
	if err != nil {
		return nil, fmt.Errorf("look for role %s: %w", want.User, err)
	}
	if !there {
		st := s.new("CREATE ROLE").name(want.User).add("LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION")
		if !want.IAM {
			secret, err := verifier(want.Password)
			if err != nil {
				return nil, err
			}
			st.add("PASSWORD").value(secret)
		}
		if err := s.do(ctx, "make role "+want.User, st); err != nil {
			return nil, err
		}
		made = append(made, "role "+want.User)
	}
	if want.IAM {
		has, err := s.has(ctx, "SELECT 1 FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid JOIN pg_roles u ON u.oid = m.member WHERE g.rolname = 'rds_iam' AND u.rolname = $1", want.User)
		if err != nil {
			return made, fmt.Errorf("look how role %s signs in: %w", want.User, err)
		}
		if !has {
			if err := s.do(ctx, "let role "+want.User+" sign in with tokens", s.new("GRANT rds_iam TO").name(want.User)); err != nil {
				return made, err
			}
			made = append(made, "sign-in with tokens")
		}
	}
	if there, err = s.has(ctx, "SELECT 1 FROM pg_database WHERE datname = $1", want.Database); err != nil {
		return made, fmt.Errorf("look for database %s: %w", want.Database, err)
	}
	if !there {
		if err := s.do(ctx, "make database "+want.Database, s.new("CREATE DATABASE").name(want.Database).add("ENCODING 'UTF8' TEMPLATE template0")); err != nil {
			return made, err
		}
		made = append(made, "database "+want.Database)
	}
	if err := s.do(ctx, "close the database to all others", s.new("REVOKE ALL ON DATABASE").name(want.Database).add("FROM PUBLIC")); err != nil {
		return made, err
	}
	return made, s.do(ctx, "open the database to its account", s.new("GRANT CONNECT, TEMPORARY ON DATABASE").name(want.Database).add("TO").name(want.User))
}

// serviceMySQL makes the account; its text alone is tested where the server has no plugin for tokens.
func (s *Server) serviceMySQL(want Service) *statement {
	st := s.new("CREATE USER").account(want.User, "%")
	if want.IAM {
		return st.add("IDENTIFIED WITH AWSAuthenticationPlugin AS 'RDS' REQUIRE SSL")
	}
	st.add("IDENTIFIED BY").value(want.Password)
	if s.options.TLS != store.Off {
		st.add("REQUIRE SSL")
	}
	return st
}

func (s *Server) provideMySQL(ctx context.Context, want Service) (made []string, err error) {
	there, err := s.has(ctx, "SELECT 1 FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = ?", want.Database)
	if err != nil {
		return nil, fmt.Errorf("look for database %s: %w", want.Database, err)
	}
	if !there {
		if err := s.do(ctx, "make database "+want.Database, s.new("CREATE DATABASE").name(want.Database).add("CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")); err != nil {
			return nil, err
		}
		made = append(made, "database "+want.Database)
	}
	if there, err = s.has(ctx, "SELECT 1 FROM mysql.user WHERE User = ? AND Host = '%'", want.User); err != nil {
		return made, fmt.Errorf("look for account %s: %w", want.User, err)
	}
	if !there {
		if err := s.do(ctx, "make account "+want.User, s.serviceMySQL(want)); err != nil {
			return made, err
		}
		made = append(made, "account "+want.User)
	}
	// An underscore in a database's name would stand for any letter.
	grant := s.new("GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, INDEX, REFERENCES ON").add(s.new("").pattern(want.Database)+".* TO").account(want.User, "%")
	return made, s.do(ctx, "open the database to its account", grant)
}
