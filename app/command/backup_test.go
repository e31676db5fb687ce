package command_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/berth-iac/berth/app/backup"
	"github.com/berth-iac/berth/app/command"
	"github.com/berth-iac/berth/app/ent/schema"
	"github.com/berth-iac/berth/app/files"
	"github.com/berth-iac/berth/app/store"
)

// vault is a desk with one client, backups for somebody, and that somebody's key.
type vault struct {
	*desk
	key, other string // files
}

func newVault(t *testing.T) vault {
	t.Helper()
	keys := t.TempDir()
	v := vault{key: filepath.Join(keys, "key.txt"), other: filepath.Join(keys, "other.txt")}
	var recipient string
	for _, name := range []string{v.other, v.key} {
		identity, err := age.GenerateX25519Identity()
		must(t, err)
		recipient = identity.Recipient().String()
		must(t, os.WriteFile(name, []byte("# made for a test\n"+identity.String()+"\n"), 0o600))
	}
	scratch := t.TempDir()
	v.desk = newDesk(t, fmt.Sprintf("backups: {directory: %s/backups, recipients: [%s], scratch: %s}", keys, recipient, scratch))
	return v
}

type ran struct {
	Client, Problem, Skipped string
	Done                     bool
	Backup                   backup.Made
}

func (v vault) client(name string) {
	v.run(command.Done, "tenant", "create", name, "--name", strings.ToUpper(name), "--host", name+".example.org", "--owner", "ann@"+name+".example")
}

func (v vault) db(t *testing.T, name string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), store.Options{Engine: store.SQLite, Path: filepath.Join(v.folder, "tenants", "tenants", name, "taskflow.db")})
	must(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// attach gives a client attachments of a size that makes a backup last.
func (v vault) attach(t *testing.T, name string, count, size int) {
	t.Helper()
	s := v.db(t, name)
	d, err := files.NewDisk(filepath.Join(v.folder, "files"), name, time.Now())
	must(t, err)
	defer d.Close()
	user := s.Client().User.Query().FirstX(t.Context())
	for range count {
		content := make([]byte, size)
		_, err := rand.Read(content)
		must(t, err)
		key := schema.NewID().String()
		info, err := d.Put(t.Context(), key, bytes.NewReader(content), 1<<30)
		must(t, err)
		s.Client().Attachment.Create().SetUploader(user).SetName("big").SetSize(info.Size).SetContentType("application/octet-stream").SetSha256(info.SHA256).
			SetStorageKey(key).SetState("stored").SetCreatedAt(time.Now()).ExecX(t.Context())
	}
}

func TestBackupAndRestore_BK_1(t *testing.T) {
	v := newVault(t)
	v.run(command.Done, "backup")
	v.client("acme")
	v.client("zenith")
	v.attach(t, "acme", 2, 300_000)
	var made []ran
	v.json(&made, "backup")
	if len(made) != 2 || !made[0].Done || made[0].Client != "acme" || made[0].Backup.Files != 2 || made[1].Backup.Files != 0 {
		t.Fatalf("made %+v", made)
	}
	file := made[0].Backup.Where
	var again []ran
	v.json(&again, "backup", "--client", "zenith", "--if-older", "12h")
	if len(again) != 1 || again[0].Done || again[0].Skipped == "" {
		t.Errorf("a fresh one was made again: %+v", again)
	}
	var list []backup.Object
	v.json(&list, "backup", "list", "--client", "acme")
	if len(list) != 1 || list[0].Where != file {
		t.Errorf("the list is %v", list)
	}
	elsewhere := t.TempDir()
	v.json(&again, "backup", "--client", "acme", "--to", elsewhere)
	if !strings.HasPrefix(again[0].Backup.Where, elsewhere) {
		t.Errorf("it is at %s", again[0].Backup.Where)
	}

	// One client that fails keeps no other from being backed up.
	record := filepath.Join(v.folder, "tenants", "tenants", "acme", "tenant.json")
	good, err := os.ReadFile(record)
	must(t, err)
	must(t, os.WriteFile(record, []byte("{"), 0o600))
	if said := v.run(command.Wrong, "backup"); !strings.Contains(said, "client acme") || !strings.Contains(said, "client zenith: ") {
		t.Errorf("one broken client:\n%s", said)
	}
	must(t, os.WriteFile(record, good, 0o600))

	// Checking a stored file needs the right secret half.
	v.run(command.Done, "backup", "verify", file, "--identity", v.key)
	v.run(command.Refused, "backup", "verify", file, "--identity", v.other)
	v.run(command.Wrong, "backup", "verify", file)
	v.run(command.Missing, "backup", "verify", file+"x", "--identity", v.key)
	whole, err := os.ReadFile(file)
	must(t, err)
	damaged := filepath.Join(elsewhere, "damaged.age")
	must(t, os.WriteFile(damaged, append(whole[:len(whole)/2:len(whole)/2], whole[len(whole)/2+1:]...), 0o600))
	v.run(command.Unhealthy, "backup", "verify", damaged, "--identity", v.key)

	// A live client is not overwritten.
	v.run(command.Refused, "restore", file, "--identity", v.key)
	v.run(command.Refused, "restore", file, "--identity", v.key, "--replace")
	v.run(command.Refused, "restore", file, "--identity", v.key, "--as", "acme-trial") // its host is taken
	var got struct {
		Client, State string
		Hosts         []string
	}
	v.json(&got, "restore", file, "--identity", v.key, "--as", "acme-trial", "--host", "trial.example.org")
	if got.Client != "acme-trial" || got.State != "active" || got.Hosts[0] != "trial.example.org" {
		t.Errorf("restored %+v", got)
	}
	if n := v.db(t, "acme-trial").Client().User.Query().CountX(t.Context()); n != 1 {
		t.Errorf("it has %d people", n)
	}
	v.run(command.Done, "audit", "verify", "acme-trial")
	// In place of a suspended one, which stays suspended.
	v.run(command.Done, "tenant", "suspend", "acme")
	v.run(command.Refused, "restore", file, "--identity", v.key)
	v.json(&got, "restore", file, "--identity", v.key, "--replace")
	if got.State != "suspended" {
		t.Errorf("it is %s", got.State)
	}
	v.run(command.Done, "audit", "verify", "acme")
	// On a machine that has nothing of it.
	v.run(command.Done, "tenant", "delete", "zenith", "--confirm", "zenith", "--by", "Jo", "--reason", "test", "--certificate", filepath.Join(v.folder, "gone.json"))
	v.run(command.Done, "restore", made[1].Backup.Where, "--identity", v.key)
	var tenants []struct{ Name, State string }
	v.json(&tenants, "tenant", "list")
	if len(tenants) != 3 {
		t.Errorf("the clients are %v", tenants)
	}
	// What fails leaves no client.
	v.run(command.Failed, "restore", damaged, "--identity", v.key, "--as", "half", "--host", "half.example.org")
	v.json(&tenants, "tenant", "list")
	if left, _ := filepath.Glob(filepath.Join(v.folder, "files", "half*")); len(tenants) != 3 || len(left) > 0 {
		t.Errorf("the clients are %v; files: %v", tenants, left)
	}
	d := newDesk(t)
	d.run(command.Wrong, "backup") // nobody could read them
}

// A run that is killed at any moment leaves nothing that looks like a backup, and the next one goes on.
func TestAKilledBackupLeavesNothingHalf(t *testing.T) {
	v := newVault(t)
	v.client("acme")
	v.attach(t, "acme", 8, 4<<20)
	place := filepath.Dir(v.key) + "/backups"
	began := time.Now()
	v.run(command.Done, "backup", "--to", t.TempDir())
	took := time.Since(began)
	partly := 0
	lock := v.db(t, "acme").Client().Lock
	for i := range 6 {
		lock.Delete().ExecX(t.Context()) // or each would wait for the lease of the one before
		before, _ := filepath.Glob(filepath.Join(place, "acme", ".*.unfinished"))
		v.kill(t, func() bool {
			now, _ := filepath.Glob(filepath.Join(place, "acme", ".*.unfinished"))
			return slices.ContainsFunc(now, func(name string) bool { return !slices.Contains(before, name) })
		}, took*time.Duration(i)/6, "backup")
		unfinished, _ := filepath.Glob(filepath.Join(place, "acme", ".*.unfinished"))
		partly += len(unfinished)
		finished, _ := filepath.Glob(filepath.Join(place, "acme", "*.age"))
		for _, file := range finished {
			v.run(command.Done, "backup", "verify", file, "--identity", v.key)
		}
	}
	if partly == 0 {
		t.Errorf("no run was killed in the middle; a run takes %s", took)
	}
	v.run(command.Done, "backup") // after the lease of the run that died
	left, err := os.ReadDir(filepath.Join(place, "acme"))
	must(t, err)
	for _, one := range left {
		if !strings.HasSuffix(one.Name(), ".age") || strings.HasPrefix(one.Name(), ".") {
			t.Errorf("%s is left", one.Name())
		}
	}
	v.run(command.Done, "backup", "verify", filepath.Join(place, "acme", left[len(left)-1].Name()), "--identity", v.key)
}

// kill runs a command as a process of its own and kills it a while after it has begun with its work.
func (v vault) kill(t *testing.T, begun func() bool, after time.Duration, args ...string) {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	cmd := exec.CommandContext(context.Background(), self, append(args, "--config", v.config)...)
	cmd.Env = append(os.Environ(), "TASKFLOW_TEST_PROGRAM=1")
	must(t, cmd.Start())
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	for !begun() {
		select {
		case <-ended:
			return
		case <-time.After(time.Millisecond):
		}
	}
	select {
	case <-ended:
	case <-time.After(after):
		_ = cmd.Process.Kill()
		<-ended
	}
}

// A restore that is killed at any moment leaves nothing that is served, and the next one puts it right.
func TestAKilledRestoreIsBegunAnew(t *testing.T) {
	v := newVault(t)
	v.client("acme")
	v.attach(t, "acme", 8, 4<<20)
	var made []ran
	v.json(&made, "backup")
	began := time.Now()
	v.run(command.Done, "restore", made[0].Backup.Where, "--identity", v.key, "--as", "first", "--host", "first.example.org")
	took := time.Since(began)
	partly := 0
	for i := range 6 {
		v.kill(t, func() bool {
			begun, _ := filepath.Glob(filepath.Join(v.folder, "tenants", "tenants", "second*"))
			return len(begun) > 0
		}, took*time.Duration(i)/8, "restore", made[0].Backup.Where, "--identity", v.key, "--as", "second", "--host", "second.example.org")
		var list []struct {
			Name  string
			Hosts []string
		}
		v.json(&list, "tenant", "list")
		for _, one := range list {
			if one.Name == "second" && strings.HasSuffix(one.Hosts[0], ".restoring.invalid") {
				partly++
			} else if one.Name == "second" {
				t.Skipf("%s is skipped: the restore was faster than it could be killed", t.Name())
			}
		}
	}
	if partly == 0 {
		t.Errorf("no run was killed in the middle; a run takes %s", took)
	}
	v.run(command.Done, "restore", made[0].Backup.Where, "--identity", v.key, "--as", "second", "--host", "second.example.org")
	for _, one := range []string{"first", "second"} {
		c := v.db(t, one).Client()
		if people, files := c.User.Query().CountX(t.Context()), c.Attachment.Query().CountX(t.Context()); people != 1 || files != 8 {
			t.Errorf("%s has %d people and %d files", one, people, files)
		}
	}
	v.run(command.Done, "audit", "verify", "second")
}

// The only client of a service, as on a machine of the infrastructure: it cannot be suspended, and no other is restored there.
func TestTheOnlyClientOfAServiceIsRestored(t *testing.T) {
	v := newVault(t)
	v.client("zenith")
	var theirs []ran
	v.json(&theirs, "backup")
	must(t, os.WriteFile(filepath.Join(v.folder, "key"), []byte(strings.Repeat("k3y", 20)), 0o600))
	text, err := os.ReadFile(v.config)
	must(t, err)
	one := func(database string) {
		must(t, os.WriteFile(v.config, []byte(string(text)+fmt.Sprintf(`
client:
  name: acme
  displayName: Acme
  hosts: [acme.example.org]
  database: {engine: sqlite, path: %s/%s.db}
  sealKeys: [file:%s/key]
  storagePrefix: acme
  spacePrefix: acme
passwords: {secondFactor: true}
`, v.folder, database, v.folder)), 0o600))
	}
	one("first")
	v.run(command.Done, "migrate")
	v.run(command.Done, "user", "invite", "acme", "ann@acme.example", "--role", "owner")
	var made []ran
	v.json(&made, "backup")
	file := made[0].Backup.Where
	v.run(command.Refused, "restore", theirs[0].Backup.Where, "--identity", v.key)
	v.run(command.Refused, "restore", file, "--identity", v.key, "--as", "other")
	v.run(command.Refused, "restore", file, "--identity", v.key)
	v.run(command.Refused, "restore", file, "--identity", v.key, "--replace")
	v.run(command.Done, "restore", file, "--identity", v.key, "--replace", "--stopped")
	v.run(command.Done, "audit", "verify", "acme")
	one("second") // a new machine, with an empty database
	v.run(command.Done, "migrate")
	v.run(command.Done, "restore", file, "--identity", v.key)
	v.run(command.Done, "audit", "verify", "acme")
	v.run(command.Done, "backup")
}
