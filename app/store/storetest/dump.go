package storetest

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/berth-iac/berth/app/store"
)

// Dump writes a database to a file with the engine's own tool, as a backup of that time would be.
func (e Engine) Dump(t testing.TB, o store.Options, file string) {
	t.Helper()
	var content []byte
	var err error
	switch e.Kind {
	case store.PostgreSQL:
		s, _ := postgres()
		content, err = s.output(nil, "pg_dump", "--no-owner", "--no-privileges", "--inserts", o.Name)
	case store.MySQL:
		s, _ := mariadb()
		content, err = s.output(nil, "mariadb-dump", "--skip-comments", "--skip-dump-date", o.Name)
	default:
		content, err = os.ReadFile(o.Path) // closed by its user, so nothing lies beside it
	}
	if err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	w, _ := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, packed.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Load gives the options of a database that was filled from a dump.
func (e Engine) Load(t testing.TB, file string) store.Options {
	t.Helper()
	content, err := unpack(file)
	if err != nil {
		t.Fatal(err)
	}
	o := e.Empty(t)
	switch e.Kind {
	case store.PostgreSQL:
		s, _ := postgres()
		_, err = s.output(content, "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", o.Name)
	case store.MySQL:
		s, _ := mariadb()
		_, err = s.output(content, "mariadb", o.Name)
	default:
		if err = os.MkdirAll(filepath.Dir(o.Path), 0o700); err == nil {
			err = os.WriteFile(o.Path, content, 0o600)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func unpack(file string) ([]byte, error) {
	packed, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer packed.Close() //nolint:errcheck // it was only read
	r, err := gzip.NewReader(packed)
	if err != nil {
		return nil, fmt.Errorf("read dump %s: %w", file, err)
	}
	return io.ReadAll(r)
}

// Tool runs one of the server's own command-line tools against it, where a test needs what TaskFlow has no need of.
func (e Engine) Tool(t testing.TB, args ...string) {
	t.Helper()
	var s *server
	switch e.Kind {
	case store.PostgreSQL:
		s, _ = postgres()
	case store.MySQL:
		s, _ = mariadb()
	default:
		t.Fatalf("%s has no server", e.Name)
	}
	if err := s.tool(args...); err != nil {
		t.Fatal(err)
	}
}
