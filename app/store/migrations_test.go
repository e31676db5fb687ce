package store_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"text/template"
	"time"

	"ariga.io/atlas/sql/migrate"
	entschema "entgo.io/ent/dialect/sql/schema"

	"github.com/berth-iac/berth/app/store"
	"github.com/berth-iac/berth/app/store/storetest"
)

// Writes what a change of ent/schema needs, on all engines, which must all be there:
//
//	go test ./store -run TestSchemaAndMigrationsAgree -write expand_what_it_adds
var write = flag.String("write", "", "write migrations of this name, such as expand_task_color")

var stepName = regexp.MustCompile(`^(expand_[a-z0-9_]+|contract_[a-z0-9_]+_after_[0-9]{14})$`)

func TestSchemaAndMigrationsAgree(t *testing.T) {
	name, version := "check", "99990101000000"
	if *write != "" {
		if !stepName.MatchString(*write) {
			t.Fatalf("%q is no step: name it expand_<what> or contract_<what>_after_<version>", *write)
		}
		name, version = *write, time.Now().UTC().Format("20060102150405")
	}
	for _, engine := range storetest.Engines() {
		t.Run(engine.Name, func(t *testing.T) {
			o := engine.Empty(t)
			folder := filepath.Join("migrations", string(engine.Kind))
			if *write == "" {
				scratch := t.TempDir()
				if err := os.CopyFS(scratch, os.DirFS(folder)); err != nil {
					t.Fatal(err)
				}
				folder = scratch
			}
			made := diff(t, o, folder, name, version)
			switch {
			case made == "" && *write == "":
			case made == "":
				t.Logf("%s needs no change", engine.Name)
			case *write == "":
				t.Errorf("ent/schema has changed and the migrations have not: go test ./store -run %s -write expand_<what>\n%s",
					"TestSchemaAndMigrationsAgree", made)
			}
		})
	}
}

// diff writes the step from the migrations in a folder to the schema, and gives its text; "" where there is none.
func diff(t *testing.T, o store.Options, folder, name, version string) string {
	t.Helper()
	dir, err := migrate.NewLocalDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	format, err := migrate.NewTemplateFormatter(
		template.Must(template.New("name").Parse(version+"_{{ .Name }}.sql")),
		template.Must(template.New("text").Parse("{{ range .Changes }}{{ with .Comment }}-- {{ . }}\n{{ end }}{{ .Cmd }};\n{{ end }}")),
	)
	if err != nil {
		t.Fatal(err)
	}
	driver := store.OpenDriver(t, o)
	plan, err := entschema.NewMigrate(driver, entschema.WithDir(dir), entschema.WithFormatter(format), entschema.WithErrNoPlan(true),
		entschema.WithMigrationMode(entschema.ModeReplay), entschema.WithDropColumn(true), entschema.WithDropIndex(true),
		entschema.WithDialect(driver.Dialect()))
	if err != nil {
		t.Fatal(err)
	}
	err = plan.NamedDiff(context.Background(), name, store.Tables()...)
	if errors.Is(err, migrate.ErrNoPlan) {
		return ""
	}
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(folder, fmt.Sprintf("%s_%s.sql", version, name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
