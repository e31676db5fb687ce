package retire_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/berth-iac/berth/fleet/retire"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

var now = time.Date(2026, 12, 31, 9, 0, 0, 0, time.UTC)

func record() *retire.Record {
	r := &retire.Record{Version: retire.RecordVersion, Stack: "acme", Client: "acme", DisplayName: "Acme <Ltd>", Kind: "awsclient", Cloud: "real", Reason: "the contract ended", Began: now}
	r.Take([]retire.Resource{{URN: "b", Type: "t", Name: "b", ID: "2"}, {URN: "a", Type: "t", Name: "a", ID: "1"}})
	return r
}

func TestRecordGoesOnWhereItStopped(t *testing.T) {
	r := record()
	if r.Next() != retire.Backup {
		t.Errorf("first step = %s", r.Next())
	}
	r.Mark(retire.Backup, now, "x")
	r.Mark(retire.Backup, now.Add(time.Hour), "another")
	path := filepath.Join(t.TempDir(), "acme.json")
	text, err := r.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	again, err := retire.Load(path)
	if err != nil || again.Next() != retire.Export || len(again.Steps) != 1 || again.Steps[0].Detail != "x" {
		t.Errorf("record = %+v, %v", again, err)
	}
	// What was deleted before a kill keeps its time, what is known already is not taken twice.
	again.Gone(map[string]time.Time{"a": now}, now.Add(time.Minute), func(one retire.Resource) bool { return one.URN == "b" })
	again.Take(record().Resources)
	again.Gone(nil, now.Add(time.Hour), func(retire.Resource) bool { return false })
	if len(again.Resources) != 2 || !again.Resources[0].Deleted.Equal(now) || !again.Resources[1].Deleted.Equal(now.Add(time.Hour)) {
		t.Errorf("resources = %+v", again.Resources)
	}
	if err := os.WriteFile(path, []byte(`{"version": 9}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := retire.Load(path); err == nil {
		t.Error("a record of another version was taken")
	}
}

func TestCertificateComesAfterTheDeletion(t *testing.T) {
	r := record()
	if _, err := r.Certificate("signer", now); err == nil {
		t.Error("a certificate was made before anything was deleted")
	}
	r.Mark(retire.Destroy, now, "2")
	r.Mark(retire.Orphans, now, "none")
	r.Gone(nil, now, func(retire.Resource) bool { return false })
	r.Remains = []retire.Remaining{{What: "recovery points", ID: "vault", Why: "locked", Until: "2027-03-31"}}
	c, err := r.Certificate("signer", now)
	if err != nil {
		t.Fatal(err)
	}
	text, err := c.Encode()
	if err != nil || !json.Valid(text) {
		t.Errorf("certificate = %s, %v", text, err)
	}
	page, err := c.HTML()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Acme &lt;Ltd&gt;", "2027-03-31", "2 of 2", "Content-Security-Policy"} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(string(page), "<Ltd>") || strings.Contains(string(page), "http") && strings.Contains(string(page), "src=") {
		t.Errorf("the page is not safe:\n%s", page)
	}
}

func TestRemainsNameLocksAndSnapshots(t *testing.T) {
	one := func(token, name string, inputs map[string]any) apitype.ResourceV3 {
		return apitype.ResourceV3{URN: resource.URN("urn:pulumi:acme::berth::" + token + "::" + name), Inputs: inputs, ID: resource.ID(name + "-id")}
	}
	lock := one("aws:backup/vaultLockConfiguration:VaultLockConfiguration", "lock", map[string]any{"backupVaultName": "acme-vault"})
	lock.Type = "aws:backup/vaultLockConfiguration:VaultLockConfiguration"
	kept := one("aws:cloudwatch/logGroup:LogGroup", "trail", nil)
	kept.RetainOnDelete = true
	remains := retire.Remains(nil, []apitype.ResourceV3{lock, kept,
		one("aws:rds/instance:Instance", "database", map[string]any{"finalSnapshotIdentifier": "acme-final", "skipFinalSnapshot": false}),
		one("aws:rds/instance:Instance", "replica", map[string]any{"finalSnapshotIdentifier": "never", "skipFinalSnapshot": true})}, now)
	var said []string
	for _, r := range remains {
		said = append(said, r.ID+" "+r.Until)
	}
	if got := strings.Join(said, "|"); got != "acme-vault 2027-03-31|trail-id somebody deletes it|acme-final an administrator deletes it" {
		t.Errorf("remains = %s", got)
	}
}
