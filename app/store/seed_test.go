package store_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/ent"
	"github.com/berth-iac/berth/app/ent/schema"
	"github.com/berth-iac/berth/app/store"
)

// fill puts something into every table, with what engines may get wrong: microseconds, wide characters, empty and full fields.
func fill(t *testing.T, s *store.Store) {
	t.Helper()
	ctx, c, w := t.Context(), s.Client(), makeWorld(t, s)
	hash := func(n int) string { return fmt.Sprintf("%064x", n) }
	at := func(n int) time.Time { return now.Add(time.Duration(n) * time.Microsecond) }
	bob := person(t, c, "bob@example.com")
	bob.Update().SetPasswordHash("$2a$12$synthetic").SetPasswordSetAt(now).SetPreviousHashes([]string{"$2a$12$older"}).
		SetTotpSecret([]byte{0, 1, 255}).SetTotpConfirmedAt(now).SetTotpLastStep(58_000_000).SetLastLoginAt(at(7)).ExecX(ctx)
	grant := c.ProviderGrant.Create().SetGrantedBy(w.user.ID).SetGrantedByName("Ada").SetReason("help with an import").
		SetCreatedAt(now).SetStartsAt(now).SetEndsAt(now.Add(time.Hour)).SaveX(ctx)
	c.RecoveryCode.Create().SetUser(bob).SetHash(hash(1)).SetCreatedAt(now).ExecX(ctx)
	c.Session.Create().SetUser(bob).SetHash(hash(2)).SetGrant(grant).SetCreatedAt(now).SetLastSeenAt(now).SetExpiresAt(now.Add(time.Hour)).ExecX(ctx)
	c.APIToken.Create().SetUser(bob).SetName("script").SetHash(hash(3)).SetEnding("aB3_").SetScopes([]string{"read"}).
		SetCreatedAt(now).SetExpiresAt(now.AddDate(0, 3, 0)).ExecX(ctx)
	c.Link.Create().SetUser(bob).SetKind("reset").SetHash(hash(4)).SetCreatedAt(now).SetExpiresAt(now.Add(30 * time.Minute)).ExecX(ctx)
	team := c.Team.Create().SetName("Crew").SetCreatedAt(now).SetUpdatedAt(now).SaveX(ctx)
	c.TeamMember.Create().SetTeam(team).SetUser(bob).SetCreatedAt(now).ExecX(ctx)
	c.ProjectMember.Create().SetProject(w.project).SetUser(bob).SetCreatedAt(now).ExecX(ctx)
	w.project.Update().AddTeams(team).ExecX(ctx)
	label := c.Label.Create().SetScope(schema.EveryProject).SetName("später").SaveX(ctx)
	one := w.task(c.Task, 1).SetTitle("Grüße 👩‍👩‍👧‍👦 𝄞").SetDescription("**Markdown**\n").SetAssignee(bob).SetDueOn("2026-03-31").
		SetPriority(schema.PriorityHigh).SetDoneAt(at(1)).AddLabels(label).SetSearch("ops-1 grüße").SaveX(ctx)
	two := w.task(c.Task, 2).SetArchivedAt(at(2)).SaveX(ctx)
	c.ChecklistItem.Create().SetTask(one).SetText("a step").SetPosition(0).ExecX(ctx)
	c.TaskRelation.Create().SetFrom(one).SetTo(two).SetKind("blocks").SetCreatedAt(now).ExecX(ctx)
	said := c.Comment.Create().SetTask(one).SetAuthor(bob).SetBody(strings.Repeat("long ", 2000)).SetCreatedAt(at(3)).SaveX(ctx)
	c.Mention.Create().SetTask(one).SetComment(said).SetUser(w.user).SetCreatedAt(now).ExecX(ctx)
	c.Attachment.Create().SetTask(one).SetUploader(bob).SetName("plan.pdf").SetSize(1 << 33).SetContentType("application/pdf").
		SetSha256(hash(5)).SetStorageKey("attachments/1").SetState("stored").SetCreatedAt(now).ExecX(ctx)
	c.SavedFilter.Create().SetOwner(bob).SetName("mine").SetQuery("assignee=me&state=todo").SetCreatedAt(now).SetUpdatedAt(now).ExecX(ctx)
	c.AutomationRule.Create().SetProject(w.project).SetOwner(bob).SetName("rule").SetTrigger("task_created").SetCondition("true").
		SetActions([]schema.Action{{Do: "label", With: map[string]string{"name": "später"}}}).SetCreatedAt(now).SetUpdatedAt(now).ExecX(ctx)
	c.Activity.Create().SetAt(at(4)).SetActorID(bob.ID).SetActorName("Bob").SetVerb("created").SetProjectID(w.project.ID).
		SetTaskID(one.ID).SetSubject("OPS-1 Grüße").SetDetail(map[string]string{"to": "done"}).ExecX(ctx)
	c.Notification.Create().SetUser(bob).SetKind("assigned").SetTask(one).SetText("Ada assigned OPS-1").SetCreatedAt(now).ExecX(ctx)
	c.OutgoingMail.Create().SetRecipient("bob@example.com").SetSubject("OPS-1").SetBody([]byte{1, 0, 2}).SetOnce("first").
		SetCreatedAt(now).SetDueAt(now).ExecX(ctx)
	c.AuditEntry.Create().SetSeq(1).SetAt(at(5)).SetActorKind("person").SetActorID(bob.ID).SetActorName("Bob").SetAction("login").
		SetOutcome("ok").SetAddress("192.0.2.1").SetDetail(`{"second":"totp"}`).SetPrevHash(hash(0)).SetHash(hash(6)).ExecX(ctx)
	c.AuditHead.Create().SetID("head").SetSeq(1).SetHash(hash(6)).SetUpdatedAt(now).ExecX(ctx)
	c.Setting.Create().SetID("passwords").SetValue(json.RawMessage(`{"minimum": 12}`)).SetUpdatedAt(now).ExecX(ctx)
	c.Lock.Create().SetID("backup").SetHolder("machine").SetTakenAt(now).SetUntil(now.Add(time.Hour)).ExecX(ctx)
	c.BIGrant.Create().SetRole("bi_reports").SetAddresses([]string{"192.0.2.0/24"}).SetCreatedAt(now).SetExpiresAt(now.Add(time.Hour)).ExecX(ctx)
	c.DataMigration.Create().SetID("none").SetStartedAt(now).SetFinishedAt(now).ExecX(ctx)
}

// counts are the rows of every table.
func counts(ctx context.Context, c *ent.Client) (map[string]int, error) {
	all := map[string]int{}
	for name, count := range map[string]func(context.Context) (int, error){
		"users": c.User.Query().Count, "recovery_codes": c.RecoveryCode.Query().Count, "sessions": c.Session.Query().Count,
		"api_tokens": c.APIToken.Query().Count, "links": c.Link.Query().Count, "teams": c.Team.Query().Count,
		"team_members": c.TeamMember.Query().Count, "projects": c.Project.Query().Count, "project_members": c.ProjectMember.Query().Count,
		"project_teams": c.ProjectTeam.Query().Count, "states": c.State.Query().Count, "tasks": c.Task.Query().Count,
		"labels": c.Label.Query().Count, "task_labels": c.TaskLabel.Query().Count, "checklist_items": c.ChecklistItem.Query().Count,
		"task_relations": c.TaskRelation.Query().Count, "comments": c.Comment.Query().Count, "mentions": c.Mention.Query().Count,
		"attachments": c.Attachment.Query().Count, "saved_filters": c.SavedFilter.Query().Count,
		"automation_rules": c.AutomationRule.Query().Count, "activities": c.Activity.Query().Count,
		"notifications": c.Notification.Query().Count, "outgoing_mails": c.OutgoingMail.Query().Count,
		"audit_entries": c.AuditEntry.Query().Count, "audit_heads": c.AuditHead.Query().Count,
		"provider_grants": c.ProviderGrant.Query().Count, "settings": c.Setting.Query().Count, "locks": c.Lock.Query().Count,
		"bi_grants": c.BIGrant.Query().Count, "data_migrations": c.DataMigration.Query().Count,
	} {
		n, err := count(ctx)
		if err != nil {
			return nil, fmt.Errorf("count %s: %w", name, err)
		}
		all[name] = n
	}
	return all, nil
}

func TestEveryTableIsFilledAndCounted(t *testing.T) {
	// What dumps are made of and compared by must know every table.
	s := sqliteStore(t)
	fill(t, s)
	got, err := counts(t.Context(), s.Client())
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range store.Tables() {
		if got[table.Name] == 0 {
			t.Errorf("table %s is empty", table.Name)
		}
	}
	if len(got) != len(store.Tables()) {
		t.Errorf("%d tables are counted of %d", len(got), len(store.Tables()))
	}
	if id := uuid.Must(uuid.NewV7()); schema.NewID().Version() != id.Version() {
		t.Error("ids are of another version")
	}
}
