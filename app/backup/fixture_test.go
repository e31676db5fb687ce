package backup_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/berth-iac/berth/app/audit"
	"github.com/berth-iac/berth/app/backup"
	"github.com/berth-iac/berth/app/ent"
	"github.com/berth-iac/berth/app/ent/schema"
	"github.com/berth-iac/berth/app/ent/state"
	"github.com/berth-iac/berth/app/ent/user"
	"github.com/berth-iac/berth/app/files"
	"github.com/berth-iac/berth/app/seal"
	"github.com/berth-iac/berth/app/store"
	"github.com/berth-iac/berth/app/store/storetest"
)

var now = storetest.Now

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func disk(t testing.TB, client string) files.Store {
	t.Helper()
	d, err := files.NewDisk(t.TempDir(), client, time.Now())
	must(t, err)
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// source is a client with something in every table, and two files.
type source struct {
	backup.Source
	keys    *seal.Keys
	bob     *ent.User
	secret  string
	content map[string][]byte
}

func newSource(t testing.TB, s *store.Store, name string) source {
	t.Helper()
	key := seal.NewKey()
	keys, err := seal.New(name, key)
	must(t, err)
	src := source{
		Source: backup.Source{
			Client: name, Display: strings.ToUpper(name), Hosts: []string{name + ".example.org"}, Release: "1.2.3", Keys: []seal.Key{key}, Store: s, Files: disk(t, name),
		},
		keys: keys, secret: "the second factor of " + name, content: map[string][]byte{},
	}
	src.fill(t)
	return src
}

func (s *source) fill(t testing.TB) {
	t.Helper()
	ctx, c, name := context.Background(), s.Store.Client(), s.Client
	hash := func(what string) string {
		return fmt.Sprintf("%064x", []byte(fmt.Sprintf("%.32s", what+name+strings.Repeat("-", 32))))
	}
	at := func(n int) time.Time { return now.Add(time.Duration(n) * time.Microsecond) }
	person := func(email string) *ent.User {
		return c.User.Create().SetEmail(email + "@" + name + ".example").SetName("Ada of " + name).SetRole(user.RoleOwner).SetStatus(user.StatusActive).
			SetCreatedAt(now).SetUpdatedAt(now).SaveX(ctx)
	}
	ada := person("ada")
	s.bob = person("bob")
	s.bob = s.bob.Update().SetPasswordHash("$2a$12$synthetic").SetPasswordSetAt(now).SetPreviousHashes([]string{"$2a$12$older"}).
		SetTotpSecret(s.keys.Seal([]byte(s.secret), "users.totp_secret/"+s.bob.ID.String())).SetTotpConfirmedAt(now).SetTotpLastStep(58_000_000).
		SetLastLoginAt(at(7)).SetMailChoices(schema.MailChoices{Assigned: true}).SaveX(ctx)
	project := c.Project.Create().SetKey("OPS").SetName("Operations of " + name).SetCreatedAt(now).SetUpdatedAt(now).SaveX(ctx)
	todo := c.State.Create().SetProject(project).SetName("To do").SetKind(state.KindTodo).SetPosition(0).SaveX(ctx)
	grant := c.ProviderGrant.Create().SetGrantedBy(ada.ID).SetGrantedByName("Ada").SetReason("help").
		SetCreatedAt(now).SetStartsAt(now).SetEndsAt(now.Add(100 * 365 * 24 * time.Hour)).SaveX(ctx)
	c.RecoveryCode.Create().SetUser(s.bob).SetHash(hash("code")).SetCreatedAt(now).ExecX(ctx)
	c.Session.Create().SetUser(s.bob).SetHash(hash("session")).SetGrant(grant).SetCreatedAt(now).SetLastSeenAt(now).SetExpiresAt(now.Add(time.Hour)).ExecX(ctx)
	c.APIToken.Create().SetUser(s.bob).SetName("script").SetHash(hash("token")).SetEnding("aB3_").SetScopes([]string{"read"}).
		SetCreatedAt(now).SetExpiresAt(now.AddDate(0, 3, 0)).ExecX(ctx)
	c.Link.Create().SetUser(s.bob).SetKind("reset").SetHash(hash("reset")).SetCreatedAt(now).SetExpiresAt(now.Add(30 * time.Minute)).ExecX(ctx)
	c.Link.Create().SetUser(s.bob).SetKind("invite").SetHash(hash("invite")).SetCreatedAt(now).SetExpiresAt(now.AddDate(100, 0, 0)).ExecX(ctx)
	team := c.Team.Create().SetName("Crew").SetCreatedAt(now).SetUpdatedAt(now).SaveX(ctx)
	c.TeamMember.Create().SetTeam(team).SetUser(s.bob).SetCreatedAt(now).ExecX(ctx)
	c.ProjectMember.Create().SetProject(project).SetUser(s.bob).SetCreatedAt(now).ExecX(ctx)
	project.Update().AddTeams(team).ExecX(ctx)
	label := c.Label.Create().SetScope(schema.EveryProject).SetName("später").SaveX(ctx)
	task := func(n int) *ent.TaskCreate {
		return c.Task.Create().SetProject(project).SetState(todo).SetReporter(ada).SetNumber(n).SetTitle(fmt.Sprintf("Task %d", n)).SetCreatedAt(now).SetUpdatedAt(now)
	}
	one := task(1).SetTitle("Grüße 👩‍👩‍👧‍👦 𝄞 <b> of " + name).SetDescription("**Markdown**\n").SetAssignee(s.bob).SetDueOn("2026-03-31").
		SetPriority(schema.PriorityHigh).SetDoneAt(at(1)).AddLabels(label).SetSearch("ops-1 grüße").SaveX(ctx)
	two := task(2).SetArchivedAt(at(2)).SaveX(ctx)
	for n := 3; n < 450; n++ { // more than two pages
		task(n).ExecX(ctx)
	}
	c.ChecklistItem.Create().SetTask(one).SetText("a step").SetPosition(0).ExecX(ctx)
	c.TaskRelation.Create().SetFrom(one).SetTo(two).SetKind("blocks").SetCreatedAt(now).ExecX(ctx)
	said := c.Comment.Create().SetTask(one).SetAuthor(s.bob).SetBody(strings.Repeat("long ", 12000)).SetCreatedAt(at(3)).SaveX(ctx)
	c.Mention.Create().SetTask(one).SetComment(said).SetUser(ada).SetCreatedAt(now).ExecX(ctx)
	for i, content := range [][]byte{[]byte("a plan of " + name), bytes.Repeat([]byte{0, 1, 2, 250}, 300_000), {}} {
		key := schema.NewID().String()
		info, err := s.Files.Put(ctx, key, bytes.NewReader(content), 1<<30)
		must(t, err)
		s.content[key] = content
		c.Attachment.Create().SetTask(one).SetUploader(s.bob).SetName(fmt.Sprintf("plan%d.pdf", i)).SetSize(info.Size).SetContentType("application/pdf").
			SetSha256(info.SHA256).SetStorageKey(key).SetState("stored").SetCreatedAt(now).ExecX(ctx)
	}
	c.Attachment.Create().SetTask(one).SetUploader(s.bob).SetName("half.pdf").SetSize(3).SetContentType("application/pdf").
		SetStorageKey(schema.NewID().String()).SetState("pending").SetCreatedAt(now).ExecX(ctx)
	c.SavedFilter.Create().SetOwner(s.bob).SetName("mine").SetQuery("assignee=me&state=todo").SetCreatedAt(now).SetUpdatedAt(now).ExecX(ctx)
	c.AutomationRule.Create().SetProject(project).SetOwner(s.bob).SetName("rule").SetTrigger("task_created").SetCondition("true").
		SetActions([]schema.Action{{Do: "label", With: map[string]string{"name": "später"}}}).SetCreatedAt(now).SetUpdatedAt(now).ExecX(ctx)
	c.Activity.Create().SetAt(at(4)).SetActorID(s.bob.ID).SetActorName("Bob").SetVerb("created").SetProjectID(project.ID).
		SetTaskID(one.ID).SetSubject("OPS-1 Grüße").SetDetail(map[string]string{"to": "done"}).ExecX(ctx)
	c.Notification.Create().SetUser(s.bob).SetKind("assigned").SetTask(one).SetText("Ada assigned OPS-1").SetCreatedAt(now).ExecX(ctx)
	c.OutgoingMail.Create().SetRecipient("bob@example.com").SetSubject("OPS-1").SetBody([]byte{1, 0, 2}).SetOnce("first").
		SetCreatedAt(now).SetDueAt(now).ExecX(ctx)
	log := audit.New(s.Store)
	for i := range 5 {
		must(t, log.Record(ctx, audit.Entry{At: at(i), ActorKind: audit.Person, ActorName: "Bob", Action: "task.update", Detail: map[string]string{"n": fmt.Sprint(i)}}))
	}
	c.Setting.Create().SetID("passwords").SetValue(json.RawMessage(`{"minimum": 12, "a":[1,2]}`)).SetUpdatedAt(now).ExecX(ctx)
	c.Lock.Create().SetID("remind").SetHolder("machine").SetTakenAt(now).SetUntil(now.Add(time.Hour)).ExecX(ctx)
	c.BIGrant.Create().SetRole("bi_reports").SetAddresses([]string{"192.0.2.0/24"}).SetCreatedAt(now).SetExpiresAt(now.Add(time.Hour)).ExecX(ctx)
	c.DataMigration.Create().SetID("none").SetStartedAt(now).SetFinishedAt(now).ExecX(ctx)
}

var holders, looks atomic.Int64

// clock moves on with every look.
func clock() func() time.Time {
	return func() time.Time { return now.Add(time.Duration(looks.Add(1)) * time.Millisecond) }
}

func options(t testing.TB, place backup.Place) (backup.Options, *age.X25519Identity) {
	t.Helper()
	identity, err := age.GenerateX25519Identity()
	must(t, err)
	to, err := backup.Recipients([]string{identity.Recipient().String()}, "")
	must(t, err)
	return backup.Options{
		Place: place, Recipients: to, Keep: 3, Scratch: t.TempDir(), Holder: fmt.Sprintf("test-%d", holders.Add(1)), By: "taskflow backup", Now: clock(),
	}, identity
}

// stored gives what opens a backup that lies in memory.
func stored(content []byte, with ...age.Identity) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return backup.Open(bytes.NewReader(content), with) }
}

func folder(t testing.TB) backup.Folder {
	return backup.Folder{Directory: filepath.Join(t.TempDir(), "backups")}
}

func target(t testing.TB, s *store.Store, name string) (backup.Target, *seal.Keys) {
	t.Helper()
	keys, err := seal.New(name, seal.NewKey())
	must(t, err)
	return backup.Target{Store: s, Files: disk(t, name), Keys: keys, By: "taskflow restore", Now: clock()}, keys
}
