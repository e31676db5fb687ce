package command_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/berth-iac/berth/cmd/berth/command"
	"github.com/berth-iac/berth/engine"
	"github.com/berth-iac/berth/fleet/retire"
	"github.com/berth-iac/berth/spec"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
)

// vanishing is a stack whose resources are gone once it is destroyed.
type vanishing struct{ *fakeStack }

func (v vanishing) Destroy(ctx context.Context, o engine.ChangeOptions) (*engine.Result, error) {
	result, err := v.fakeStack.Destroy(ctx, o)
	if err == nil {
		v.exist = nil
		for _, step := range v.plan.Steps {
			step.Status = engine.Done
			o.Progress(engine.Event{Ended: &step})
		}
	}
	return result, err
}

func retiring(t *testing.T) *shell {
	t.Helper()
	s := newShell(t, leaver())
	s.env.Open = func(_ context.Context, o engine.Options) (command.Stack, error) {
		s.stack.options = o
		return vanishing{s.stack}, nil
	}
	return s
}

func TestClientRetireShowsFirst(t *testing.T) {
	s := retiring(t)
	s.want(t, command.ExitOK, s.run(t, "client", "retire", "prod"))
	golden(t, "client-retire", s.out.String())
	if slices.Contains(s.stack.asked, "destroy") {
		t.Error("the stack was destroyed by a look")
	}
	if _, err := os.Stat(filepath.Join(s.root, ".berth", "retire")); err == nil {
		t.Error("a look has left a record")
	}
	s.want(t, command.ExitRefused, s.run(t, "client", "retire", "prod", "--yes"))
	for _, flag := range []string{"--confirm acme", "--reason", "--backup", "--export"} {
		s.says(t, flag)
	}
	s.want(t, command.ExitRefused, s.run(t, "client", "retire", "prod", "--local", "--yes", "--confirm", "prod", "--reason", "the contract has ended"))
	s.want(t, command.ExitUsage, s.run(t, "client", "retire", "organisation", "--yes"))
}

func TestClientRetireGoesTheOrderlyWay(t *testing.T) {
	s := retiring(t)
	args := []string{"client", "retire", "prod", "--yes", "--confirm", "acme", "--reason", "the contract ended", "--export", "handed to A. Okafor"}
	s.env.FinalBackup = func(_ context.Context, read *spec.Spec, resources []apitype.ResourceV3) (string, error) {
		if read.AWSClient == nil || len(resources) != 2 {
			t.Errorf("the final backup is asked of %+v", read)
		}
		return "recovery-point-7", nil
	}
	// It is interrupted while everything is deleted, and gone on with.
	s.stack.err = errors.New("the cloud is away")
	s.want(t, command.ExitFailure, s.run(t, args...))
	s.says(t, "the same command goes on")
	if read, _ := s.decode(t, "prod"); read.AWSClient.Leaving == nil {
		t.Error("the protection was not lifted in the file")
	}
	record, err := retire.Load(retire.File(s.root, "prod", "real"))
	if err != nil || record == nil || record.Next() != retire.Destroy || len(record.Resources) != 2 {
		t.Fatalf("record = %+v, %v; want one that goes on with destroy", record, err)
	}
	s.stack.err = nil
	s.env.FinalBackup = func(context.Context, *spec.Spec, []apitype.ResourceV3) (string, error) {
		t.Error("a second final backup was made")
		return "", nil
	}
	s.want(t, command.ExitOK, s.run(t, args...))
	folders, _ := filepath.Glob(filepath.Join(s.root, ".berth", "retire", "prod-*"))
	if len(folders) != 1 {
		t.Fatalf("folders = %v", folders)
	}
	if _, err := os.Stat(filepath.Join(s.root, "Pulumi.prod.yaml")); err == nil {
		t.Error("the stack's file is still one of the fleet")
	}
	path := filepath.Join(folders[0], "certificate.json")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var c retire.Certificate
	if err := json.Unmarshal(text, &c); err != nil {
		t.Fatal(err)
	}
	if len(c.Resources) != 2 || c.Resources[0].Deleted == nil || c.Resources[1].ID != "db-1" || c.Steps[0].Detail != "recovery-point-7" {
		t.Errorf("certificate = %s", text)
	}
	if !slices.ContainsFunc(c.Remains, func(r retire.Remaining) bool { return r.ID == "acme-final" }) {
		t.Errorf("remains = %+v, want the final snapshot among them", c.Remains)
	}
	s.want(t, command.ExitOK, s.run(t, "client", "certificate", path))
	s.says(t, "2 of 2")
	page, err := os.ReadFile(filepath.Join(folders[0], "certificate.html"))
	if err != nil || !strings.Contains(string(page), "db-1") || strings.Contains(string(page), "<script") {
		t.Errorf("page = %s, %v", page, err)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(text), "db-1", "db-2", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	s.want(t, command.ExitFailure, s.run(t, "client", "certificate", path))
	s.says(t, "tampered")
}

func TestClientRetireLocalIsARehearsal(t *testing.T) {
	s := retiring(t)
	s.want(t, command.ExitOK, s.run(t, "client", "retire", "prod", "--local", "--yes", "--confirm", "acme", "--reason", "a rehearsal of the end", "--output", "json"))
	var answer struct {
		Certificate string
		Record      retire.Record
	}
	if err := json.Unmarshal(s.out.Bytes(), &answer); err != nil || answer.Record.Cloud != "embedded" || answer.Record.Next() != "" {
		t.Errorf("answer = %s, %v", &s.out, err)
	}
	if !slices.Contains(s.stack.asked, "remove") || len(s.stack.changed.Lift) != 1 {
		t.Errorf("asked = %v, lift = %+v", s.stack.asked, s.stack.changed.Lift)
	}
	s.decode(t, "prod") // the file stays for the real stack
	s.want(t, command.ExitOK, s.run(t, "client", "certificate", answer.Certificate))
	s.says(t, "rehearsal")
}
