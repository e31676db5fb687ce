package draft_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/berth-iac/berth/engine"
	"github.com/berth-iac/berth/fleet/draft"
	"github.com/berth-iac/berth/fleet/example"
	"github.com/berth-iac/berth/fleet/stackfile"
	"github.com/berth-iac/berth/spec"
)

var now = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

// references are the stacks of this repository as a fleet.
func references(t *testing.T) *draft.Fleet {
	t.Helper()
	const root = "../.."
	f := &draft.Fleet{Now: now}
	names, err := engine.Stacks(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join(root, "Pulumi."+name+".yaml"))
		if err != nil {
			t.Fatal(err)
		}
		f.Add(name, text)
	}
	return f
}

func client(more draft.Answers) draft.Answers {
	a := draft.Answers{"name": "umbra", "display-name": "Umbra Retail Ltd", "contact-name": "Ines Duarte", "contact-email": "ines.duarte@umbra.example",
		"hostname": "taskflow.umbra.example", "zone-id": "123e105f4ecef8ad9ca31a8372d0c353", "account": "444455556666"}
	for key, value := range more {
		a[key] = value
	}
	return a
}

var complete = map[spec.Kind]draft.Answers{
	spec.KindAWSClient:   client(draft.Answers{"kind": "awsclient", "residency": "uk", "copies-abroad": "agreed with I. Duarte on 2026-10-01", "cache": "yes", "tier": "dedicated"}),
	spec.KindLightClient: client(draft.Answers{"kind": "lightclient", "residency": "uk"}),
	spec.KindSiteClient:  client(draft.Answers{"kind": "siteclient", "pair": "southern"}),
	spec.KindOnPremises: client(draft.Answers{"kind": "onpremises", "people-cidrs": "10.0.0.0/8", "administrator-cidrs": "10.1.2.0/28", "time-zone": "Europe/Berlin",
		"disks": "/dev/disk/by-id/a1, /dev/disk/by-id/a2", "administrator-name": "ines-duarte", "administrator-email": "ines.duarte@umbra.example",
		"administrator-key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE5cTVUJZMnJINJJv3lefPavUIXQdAtrs0dAVJcDEf6H ines", "administrator-until": "2027-06-30",
		"mail-host": "mail.umbra.example", "mail-from": "taskflow@umbra.example", "alert-emails": "it@umbra.example"}),
}

func TestFewAnswersMakeAStackOfEachKind(t *testing.T) {
	for kind, answers := range complete {
		t.Run(string(kind), func(t *testing.T) {
			made, err := references(t).Make(answers)
			if err != nil {
				t.Fatal(err)
			}
			text, err := stackfile.Render(made.File)
			if err != nil {
				t.Fatal(err)
			}
			if made.Spec.Kind != kind || made.Stack != "umbra" {
				t.Errorf("stack %s of kind %s", made.Stack, made.Spec.Kind)
			}
			again, err := spec.DecodeFile("Pulumi.umbra.yaml", text, spec.Options{Now: now})
			if err != nil || again.Summary() != made.Spec.Summary() {
				t.Errorf("the file says something else: %v\n%s", err, text)
			}
		})
	}
}

// Whatever is taken away from complete answers is either asked for, has a default, or need not be there.
func TestWhatIsMissingIsAskedFor(t *testing.T) {
	for kind, answers := range complete {
		for key := range answers {
			if key == "kind" {
				continue
			}
			less := draft.Answers{}
			for k, v := range answers {
				if k != key {
					less[k] = v
				}
			}
			f := references(t)
			missing := f.Missing(less)
			asked := slices.ContainsFunc(missing, func(q draft.Question) bool { return q.Key == key })
			if _, err := f.Make(less); err != nil && !asked {
				t.Errorf("%s without %s: not asked for, and %v", kind, key, err)
			}
		}
	}
}

func TestEveryQuestionFillsInWhatItSays(t *testing.T) {
	for _, kind := range draft.Kinds {
		for _, q := range draft.Questions(kind) {
			if q.Path == "" {
				continue
			}
			if about, found := draft.About(kind, "berth:spec."+q.Path); !found || about.Key != q.Key {
				t.Errorf("%s: a problem with %s is about question %q, want %s", kind, q.Path, about.Key, q.Key)
			}
		}
	}
}

func TestNoTwoClientsShareWhatIsTheirsAlone(t *testing.T) {
	f := references(t)
	for key, answer := range map[string]string{"name": "acme", "hostname": "acme.taskflow.example", "account": "123456789012", "cidr": "10.20.64.0/18", "stack": "prod"} {
		answers := client(complete[spec.KindAWSClient])
		answers[key] = answer
		if key == "hostname" {
			answers["zone"] = "taskflow.example"
		}
		var problems spec.Problems
		if _, err := f.Make(answers); !errors.As(err, &problems) || len(problems) != 1 {
			t.Errorf("%s %s: err = %v, want one problem", key, answer, err)
			continue
		}
		if q, found := draft.About(spec.KindAWSClient, problems[0].Path); !found || q.Key != key {
			t.Errorf("the problem %s is about question %q, want %s", problems[0], q.Key, key)
		}
	}
}

func TestFreeRangeAmongMany(t *testing.T) {
	files, err := example.Make(example.Options{Clients: 300, Seed: 4, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	f := &draft.Fleet{Now: now}
	for _, file := range files {
		f.Add(file.Stack, file.Text)
	}
	made, err := f.Make(client(draft.Answers{"kind": "awsclient", "residency": "eu"}))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("free: %s", made.Spec.AWSClient.Network.CIDR)
	pairs := f.Pairs()
	answers := client(draft.Answers{"kind": "siteclient", "pair": pairs[len(pairs)-1].Value})
	if made, err = f.Make(answers); err != nil || made.Spec.SiteClient.Pair.Name != answers["pair"] {
		t.Errorf("a client on pair %s: %v", answers["pair"], err)
	}
}
