package command_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/berth-iac/berth/cmd/berth/command"
	"github.com/berth-iac/berth/engine"
	"github.com/berth-iac/berth/fleet/example"
	"github.com/berth-iac/berth/promises/evidence"
	"github.com/berth-iac/berth/spec"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/config"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"gopkg.in/yaml.v3"
)

// withStacks puts further reference stacks into the folder.
func (s *shell) withStacks(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		file := "Pulumi." + name + ".yaml"
		text, err := os.ReadFile(filepath.Join(repository, file))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(s.root, file), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func (s *shell) decode(t *testing.T, stack string) (*spec.Spec, []byte) {
	t.Helper()
	name := "Pulumi." + stack + ".yaml"
	text, err := os.ReadFile(filepath.Join(s.root, name))
	if err != nil {
		t.Fatal(err)
	}
	read, err := spec.DecodeFile(name, text, spec.Options{Now: s.env.Now()})
	if err != nil {
		t.Fatal(err)
	}
	return read, text
}

var awsAnswers = []string{"client", "new", "--kind", "awsclient", "--residency", "uk", "--name", "umbra", "--display-name", "Umbra Retail Ltd",
	"--contact-name", "Ines Duarte", "--contact-email", "ines.duarte@umbra.example", "--account", "444455556666",
	"--hostname", "taskflow.umbra.example", "--zone-id", "123e105f4ecef8ad9ca31a8372d0c353", "--copies-abroad", "agreed with Ines Duarte on 2026-10-01"}

func TestClientNewTakesWhatTheFleetTells(t *testing.T) {
	s := newShell(t, &fakeStack{preview: change()})
	s.want(t, command.ExitOK, s.run(t, awsAnswers...))
	read, text := s.decode(t, "umbra")
	c := read.AWSClient
	if c == nil || c.Client.Name != "umbra" || c.Network.CIDR.String() != "10.21.0.0/16" || c.Edge.Zone != "umbra.example" ||
		c.Edge.AccountID != "01a7362d577a6c3019a474fd6f485823" || c.Service.ImageID != "ami-0a1b2c3d4e5f60718" || c.Alerts.Slack == nil {
		t.Errorf("file:\n%s", text)
	}
	if !strings.Contains(string(text), "# cidr is the VPC's private range") {
		t.Errorf("the file does not say what its keys mean:\n%s", text)
	}
	if !s.stack.options.Local || !slices.Contains(s.stack.asked, "preview") {
		t.Error("the new stack was not previewed on the embedded cloud")
	}
	s.says(t, "berth up umbra --local")
	s.says(t, "berth up organisation")
}

func TestClientNewSaysAllThatIsMissingOrWrongAtOnce(t *testing.T) {
	s := newShell(t, &fakeStack{})
	s.want(t, command.ExitUsage, s.run(t, "client", "new", "--kind", "lightclient"))
	for _, flag := range []string{"--residency", "--name", "--contact-email", "--account", "--hostname", "--office-cidrs", "--release-version"} {
		s.says(t, flag)
	}
	s.want(t, command.ExitUsage, s.run(t, "client", "new", "--kind", "mainframe"))
	wrong := append(slices.Clone(awsAnswers), "--name", "acme", "--hostname", "acme.taskflow.example", "--zone", "taskflow.example",
		"--account", "123456789012", "--cidr", "10.20.128.0/20", "--stack", "prod")
	s.want(t, command.ExitSpec, s.run(t, wrong...))
	for _, path := range []string{"stack:", "berth:spec.client.name", "berth:spec.edge.hostname", "berth:spec.aws.account", "berth:spec.network.cidr"} {
		s.says(t, path)
	}
	s.want(t, command.ExitSpec, s.run(t, append(slices.Clone(awsAnswers), "--contact-email", "ines", "--environment", "party")...))
	s.says(t, "contacts[0].email")
	s.says(t, "berth:spec.environment")
	if _, err := os.Stat(filepath.Join(s.root, "Pulumi.umbra.yaml")); err == nil {
		t.Error("a file was written although nothing was right")
	}
}

func TestClientNewMakesSecretsAndShowsNone(t *testing.T) {
	s := newShell(t, &fakeStack{preview: change()})
	s.withStacks(t, "sites", "globex")
	s.env.Environ = []string{"PULUMI_CONFIG_PASSPHRASE=correct horse"}
	s.env.In = strings.NewReader("certificate: |\n  -----BEGIN CERTIFICATE-----\n  MIIB\n")
	args := []string{"client", "new", "--kind", "siteclient", "--name", "quill", "--display-name", "Quill Media (Pty) Ltd", "--contact-name", "Bongani Dlamini",
		"--contact-email", "b.dlamini@quill.example", "--hostname", "taskflow.quill.example", "--zone-id", "923e105f4ecef8ad9ca31a8372d0c353", "--secrets", "-"}
	s.want(t, command.ExitOK, s.run(t, args...))
	read, text := s.decode(t, "quill")
	if p := read.SiteClient.Pair; p.Name != "southern" || p.Home.Name != "cpt" || p.ThirdPlace != "ZA" {
		t.Errorf("pair = %+v, want southern with the site that serves nobody as home", p)
	}
	var file struct {
		Salt   string               `yaml:"encryptionsalt"`
		Config map[string]yaml.Node `yaml:"config"`
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	parts := strings.SplitN(file.Salt, ":", 3)
	salt, err := base64.StdEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	crypter := config.NewSymmetricCrypterFromPassphrase("correct horse", salt)
	if said, err := crypter.DecryptValue(t.Context(), parts[2]); err != nil || said != "pulumi" {
		t.Errorf("the salt does not fit the passphrase: %q, %v", said, err)
	}
	secret := func(name string) string {
		var value struct{ Secure string }
		node := file.Config["berth:"+name]
		if err := node.Decode(&value); err != nil {
			t.Fatal(err)
		}
		plain, err := crypter.DecryptValue(t.Context(), value.Secure)
		if err != nil {
			return ""
		}
		return plain
	}
	if key, err := base64.StdEncoding.DecodeString(secret("application-key")); err != nil || len(key) != 32 {
		t.Errorf("application-key has %d bytes, %v; want 32", len(key), err)
	}
	if n := len(secret("backup-key")); n < 40 {
		t.Errorf("backup-key has %d letters, want 40 or more", n)
	}
	if got := secret("certificate"); got != "-----BEGIN CERTIFICATE-----\nMIIB\n" {
		t.Errorf("certificate = %q, want what was brought", got)
	}
	if secret("certificate-key") != "" {
		t.Error("a secret that was not brought has a value")
	}
	s.says(t, "pulumi config set --stack quill --secret berth:certificate-key")
	for _, value := range []string{secret("application-key"), secret("backup-key"), "MIIB", "correct horse"} {
		if strings.Contains(s.out.String()+s.err.String()+string(text), value) {
			t.Errorf("%q stands in plain text", value)
		}
	}
}

func TestClientNewAsksAPerson(t *testing.T) {
	s := newShell(t, &fakeStack{preview: change()})
	s.withStacks(t, "sites", "globex")
	s.env.Terminal = true
	s.env.In = strings.NewReader("3\nQuill!\nQuill Media (Pty) Ltd\nBongani Dlamini\nb.dlamini@quill.example\n1\ntaskflow.quill.example\n923e105f4ecef8ad9ca31a8372d0c353\nquill\nyes\n")
	code := s.run(t, "client", "new", "--accessible")
	if code != command.ExitOK {
		t.Fatalf("exit code %d\n%s\n%s", code, &s.out, &s.err)
	}
	read, _ := s.decode(t, "quill")
	if read.SiteClient == nil || read.SiteClient.Client.Name != "quill" {
		t.Errorf("spec = %+v", read)
	}
	s.says(t, "thing(s) to correct")
	s.says(t, "Where is TaskFlow to run")
	s.says(t, "Promises:")
	// Somebody who goes away leaves nothing.
	s.env.In = strings.NewReader("1\n1\n")
	s.want(t, command.ExitRefused, s.run(t, "client", "new", "--accessible"))
	s.says(t, "nothing was changed")
}

func TestClientNewAnswersFromAFile(t *testing.T) {
	s := newShell(t, &fakeStack{preview: change()})
	file := filepath.Join(t.TempDir(), "answers.yaml")
	text := "kind: awsclient\nresidency: eu\nname: lark\ndisplay-name: Lark GmbH\ncontact-name: Greta Vogt\ncontact-email: greta.vogt@lark.example\n" +
		"account: \"777788889999\"\nhostname: taskflow.lark.example\nzone-id: 223e105f4ecef8ad9ca31a8372d0c353\nimage: ami-0b2c3d4e5f6071829\nlabels: [sector=retail, ring=early]\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s.want(t, command.ExitOK, s.run(t, "client", "new", "--answers", file, "--dry-run", "--output", "json"))
	var answer struct {
		Written bool
		Text    string
	}
	if err := json.Unmarshal(s.out.Bytes(), &answer); err != nil || answer.Written || !strings.Contains(answer.Text, "eu-central-1") {
		t.Errorf("answer = %+v, %v", answer, err)
	}
	s.want(t, command.ExitOK, s.run(t, "client", "new", "--answers", file, "--no-preview", "--quiet"))
	if read, _ := s.decode(t, "lark"); len(read.Fleet().Labels) != 2 {
		t.Errorf("labels = %v", read.Fleet().Labels)
	}
	if err := os.WriteFile(file, []byte("naem: lark\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.want(t, command.ExitUsage, s.run(t, "client", "new", "--answers", file))
	s.says(t, `no question "naem"`)
}

func TestClientCopyTakesNothingThatIsTheClientsOwn(t *testing.T) {
	s := newShell(t, &fakeStack{preview: change()})
	s.withStacks(t, "hooli")
	s.want(t, command.ExitUsage, s.run(t, "client", "copy", "hooli", "hooli-staging"))
	s.says(t, "--account")
	s.says(t, "--hostname")
	s.want(t, command.ExitOK, s.run(t, "client", "copy", "hooli", "hooli-staging", "--environment", "staging", "--account", "555566667777",
		"--display-name", "Hooli Studio SARL (staging)", "--contact-name", "Claire Fontaine", "--contact-email", "claire.fontaine@hooli.example",
		"--hostname", "staging.hooli.example", "--zone", "hooli.example", "--zone-id", "c8e2b6d10f9347a5b4e17d3a9260f58b"))
	read, text := s.decode(t, "hooli-staging")
	c := read.LightClient
	if c.Server.Bundle != "small_3_0" || c.Environment != spec.Staging || c.Client.Name != "hooli-staging" || c.AWS.Account != "555566667777" || *c.Edge.ManageZone {
		t.Errorf("file:\n%s", text)
	}
	s.says(t, "the settings of zone hooli.example stay with stack hooli")
	s.want(t, command.ExitUsage, s.run(t, "client", "copy", "organisation", "another"))
}

func TestClientRename(t *testing.T) {
	s := newShell(t, &fakeStack{})
	s.want(t, command.ExitRefused, s.run(t, "client", "rename", "prod", "production", "--name", "acme2"))
	s.says(t, "berth client copy prod")
	s.want(t, command.ExitRefused, s.run(t, "client", "rename", "prod", "production", "--local"))
	s.says(t, "add --yes")
	s.want(t, command.ExitRefused, s.run(t, "client", "rename", "prod", "organisation", "--yes", "--local"))
	s.want(t, command.ExitUsage, s.run(t, "client", "rename", "organisation", "other", "--yes", "--local"))
	_, before := s.decode(t, "prod")
	s.want(t, command.ExitOK, s.run(t, "client", "rename", "prod", "production", "--display-name", "Acme: Group \"plc\"", "--yes", "--local"))
	read, after := s.decode(t, "production")
	if read.Summary().DisplayName != `Acme: Group "plc"` || read.Summary().Name != "acme" {
		t.Errorf("summary = %+v", read.Summary())
	}
	if strings.Replace(string(before), "Acme Logistics Ltd", `"Acme: Group \"plc\""`, 1) != string(after) {
		t.Errorf("more was changed than the name:\n%s", after)
	}
	// The same command again, after a kill: what is done stays done.
	s.want(t, command.ExitOK, s.run(t, "client", "rename", "prod", "production", "--yes", "--local"))
}

func TestClientListTellsWhatIsKnown(t *testing.T) {
	s := newShell(t, &fakeStack{})
	s.withStacks(t, "globex", "sites")
	write := func(path, text string) {
		t.Helper()
		path = filepath.Join(s.root, ".berth", path)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	head := evidence.Document{Format: "berth.evidence/1", Made: s.env.Now(), Source: evidence.Source{Kind: evidence.FromState, State: &evidence.State{Updated: s.env.Now().Add(-time.Hour)}},
		Summary: evidence.Summary{Promises: evidence.Counts{Kept: 30, Broken: 2}}}
	text, err := json.Marshal(head)
	if err != nil {
		t.Fatal(err)
	}
	write("evidence/prod/evidence.json", string(text))
	write("fleet/20261030T090000Z/journal.jsonl", `{"run":{"version":1,"operation":"refresh","basis":"real clouds","began":"2026-10-30T09:00:00Z"}}
{"stack":{"inputs":"x","entry":{"stack":"prod","status":"changed","changes":3,"durationSeconds":1}}}
{"stack":{"inputs":"x","entry":{"stack":"globex","status":"unchanged","durationSeconds":1}}}
{"stack":{"inputs":"torn`)
	if err := os.WriteFile(filepath.Join(s.root, "Pulumi.broken.yaml"), []byte("config: {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.want(t, command.ExitOK, s.run(t, "client", "list"))
	golden(t, "client-list", s.out.String())
	s.want(t, command.ExitOK, s.run(t, "client", "list", "--all", "--assess", "--output", "json"))
	var rows []map[string]any
	if err := json.Unmarshal(s.out.Bytes(), &rows); err != nil || len(rows) != 5 {
		t.Errorf("%d rows, %v; want 5 stacks", len(rows), err)
	}
}

func TestClientListOfManyIsFast(t *testing.T) {
	if testing.Short() {
		t.Skip("inventing 1,000 clients takes seconds")
	}
	s := newShell(t, &fakeStack{})
	files, err := example.Make(example.Options{Clients: 1000, Seed: 2, Now: s.env.Now()})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 { // listing does not mind that five have the same names
		for _, f := range files {
			name := strings.Replace(f.Name, ".yaml", fmt.Sprintf("-%d.yaml", i), 1)
			if err := os.WriteFile(filepath.Join(s.root, name), f.Text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	began := time.Now()
	s.want(t, command.ExitOK, s.run(t, "client", "list", "--output", "json"))
	t.Logf("5,000 clients listed in %s", time.Since(began).Round(time.Millisecond))
	if n := strings.Count(s.out.String(), `"stack":`); n < 5000 {
		t.Errorf("%d stacks are listed, want 5,000 or more", n)
	}
}

func TestFleetExampleWritesAFolderOfItsOwn(t *testing.T) {
	s := newShell(t, &fakeStack{})
	out := filepath.Join(t.TempDir(), "fleet")
	s.want(t, command.ExitOK, s.run(t, "fleet", "example", "--clients", "8", "--out", out, "--output", "json"))
	stacks, err := engine.Stacks(out)
	if err != nil || len(stacks) != 8+1+1 {
		t.Errorf("stacks = %v, %v; want 8 clients, a pair and the organisation", stacks, err)
	}
	s.want(t, command.ExitRefused, s.run(t, "fleet", "example", "--clients", "4", "--out", out))
	s.says(t, "--force")
	s.want(t, command.ExitOK, s.run(t, "fleet", "example", "--clients", "4", "--out", out, "--force"))
	s.says(t, "berth fleet preview --local --root "+out)
	if stacks, _ = engine.Stacks(out); len(stacks) != 4+1+1 {
		t.Errorf("stacks = %v, want those of 4 clients alone", stacks)
	}
	s.want(t, command.ExitRefused, s.run(t, "fleet", "example", "--clients", "4", "--out", s.root, "--force"))
	s.says(t, "a project of its own")
	s.want(t, command.ExitUsage, s.run(t, "fleet", "example", "--clients", "0"))
}

// leaver is a stack with two resources, and how its destruction goes.
func leaver() *fakeStack {
	plan := change()
	plan.Operation, plan.Steps = engine.PreviewDestroy, nil
	exist := []apitype.ResourceV3{}
	for _, r := range [][3]string{{"aws:rds/instance:Instance", "database", "db-1"}, {"aws:ec2/vpc:Vpc", "network", "vpc-1"}} {
		urn := "urn:pulumi:prod::berth::" + r[0] + "::" + r[1]
		plan.Steps = append(plan.Steps, engine.Step{URN: urn, Type: r[0], Name: r[1], ID: r[2], Op: engine.OpDelete, Stateful: engine.Holds(r[0])})
		exist = append(exist, apitype.ResourceV3{URN: resource.URN(urn), Type: tokens.Type(r[0]), Custom: true})
	}
	exist[0].Inputs = map[string]any{"finalSnapshotIdentifier": "acme-final"}
	plan.Dangers = []engine.Danger{{Name: "database", Op: engine.OpDelete}}
	return &fakeStack{plan: plan, result: done(), exist: exist, preview: unchanged()}
}
