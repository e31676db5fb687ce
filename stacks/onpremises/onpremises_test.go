package onpremises_test

import (
	"strings"
	"testing"

	"github.com/berth-iac/berth/components/graphtest"
	"github.com/berth-iac/berth/spec"
	"github.com/berth-iac/berth/stacks/onpremises"
	"github.com/berth-iac/berth/stacks/secrets"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// reference is the reference client, changed by edit.
func reference(t *testing.T, edit func(*spec.OnPremises)) *spec.OnPremises {
	t.Helper()
	return graphtest.Reference(t, "initech", func(s *spec.Spec) *spec.OnPremises { return s.OnPremises }, edit)
}

func program(s *spec.OnPremises) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error { return onpremises.Program(ctx, s, secrets.Invented()) }
}

func TestProgram(t *testing.T) {
	for name, edit := range map[string]func(*spec.OnPremises){
		"reference":  nil,
		"by_archive": func(s *spec.OnPremises) { s.Machine = nil },
	} {
		t.Run(name, func(t *testing.T) { graphtest.Outline(t, program(reference(t, edit))) })
	}
}

func TestWithoutAMachineNothingIsRegistered(t *testing.T) {
	resources, err := graphtest.Run(graphtest.Update, program(reference(t, func(s *spec.OnPremises) { s.Machine = nil })))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range resources {
		if r.Type != "pulumi:pulumi:Stack" {
			t.Errorf("%s %s is registered", r.Type, r.Name)
		}
	}
}

func TestDutiesSayWhereCopiesGo(t *testing.T) {
	for want, edit := range map[string]func(*spec.OnPremises){
		"/mnt/backup":           nil,
		"/srv/data/pgbackrest":  func(s *spec.OnPremises) { s.Backup.Folder = "" },
		"berth-initech-backups": func(s *spec.OnPremises) { s.Backup.ThirdPlace = &spec.ObjectStore{Bucket: "berth-initech-backups"} },
	} {
		duties := strings.Join(onpremises.Duties(reference(t, edit)), "\n")
		if !strings.Contains(duties, want) || !strings.Contains(duties, "Restore a backup twice a year") {
			t.Errorf("the duties do not speak of %s:\n%s", want, duties)
		}
	}
}

func TestBundles(t *testing.T) {
	s := reference(t, nil)
	rendered, err := onpremises.Bundles(s)
	if err != nil {
		t.Fatal(err)
	}
	if len(rendered) != 2 || rendered[0].Name != "host" || rendered[1].Name != "client-initech" {
		t.Fatalf("%d bundles, want the machine's and the client's", len(rendered))
	}
	for _, b := range rendered {
		for _, name := range b.Settings {
			if onpremises.Settings(s)[name] == "" {
				t.Errorf("bundle %s asks for the setting %s, which the client's file does not have", b.Name, name)
			}
		}
	}
}
