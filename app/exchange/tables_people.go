package exchange

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/ent"
	"github.com/berth-iac/berth/app/ent/apitoken"
	"github.com/berth-iac/berth/app/ent/auditentry"
	"github.com/berth-iac/berth/app/ent/bigrant"
	"github.com/berth-iac/berth/app/ent/providergrant"
	"github.com/berth-iac/berth/app/ent/setting"
	"github.com/berth-iac/berth/app/ent/team"
	"github.com/berth-iac/berth/app/ent/teammember"
	"github.com/berth-iac/berth/app/ent/user"
)

const (
	anID   = "identifier (UUID); the same in every export"
	aTime  = "time, RFC 3339, UTC"
	anMail = "e-mail address of "
)

// somebody reads of a person what other tables need.
func somebody(q *ent.UserQuery) { q.Select(user.FieldID, user.FieldEmail, user.FieldName) }

func email(u *ent.User) any {
	if u == nil {
		return nil
	}
	return u.Email
}

func name(u *ent.User) any {
	if u == nil {
		return nil
	}
	return u.Name
}

func people() table {
	return table{
		name: "people", about: "everybody with an account; no passwords, no secrets",
		columns: []column{{"id", anID}, {"email", "e-mail address"}, {"name", "name"}, {"role", "owner, administrator, member or guest"},
			{"kind", "person, or provider for the provider's staff"}, {"status", "active, invited or disabled"}, {"second_factor", "whether a second step is set up: true or false"},
			{"timezone", "IANA name"}, {"locale", "language"}, {"theme", "light, dark or system"}, {"mail_choices", "what they want to hear of by e-mail, JSON"},
			{"created_at", aTime}, {"updated_at", aTime}, {"last_login_at", aTime + "; empty for never"}},
		read: func(ctx context.Context, s *snapshot, each func([]any) error) error {
			return through(ctx, s, func(after uuid.UUID) ([]*ent.User, error) {
				return s.User.Query().Where(user.IDGT(after)).Order(user.ByID()).Limit(pageSize).
					Select(user.FieldID, user.FieldEmail, user.FieldName, user.FieldRole, user.FieldKind, user.FieldStatus, user.FieldTotpConfirmedAt, user.FieldTimezone,
						user.FieldLocale, user.FieldTheme, user.FieldMailChoices, user.FieldCreatedAt, user.FieldUpdatedAt, user.FieldLastLoginAt).All(ctx)
			}, func(u *ent.User) uuid.UUID { return u.ID }, func(u *ent.User) error {
				return each([]any{u.ID, u.Email, u.Name, string(u.Role), string(u.Kind), string(u.Status), u.TotpConfirmedAt != nil, u.Timezone, u.Locale, string(u.Theme),
					u.MailChoices, moment(u.CreatedAt), moment(u.UpdatedAt), maybe(u.LastLoginAt)})
			})
		},
	}
}

func teams() table {
	return table{
		name: "teams", about: "people who are named together",
		columns: []column{{"id", anID}, {"name", "name"}, {"description", "what it does"}, {"created_at", aTime}, {"updated_at", aTime}},
		read: func(ctx context.Context, s *snapshot, each func([]any) error) error {
			return through(ctx, s, func(after uuid.UUID) ([]*ent.Team, error) {
				return s.Team.Query().Where(team.IDGT(after)).Order(team.ByID()).Limit(pageSize).All(ctx)
			}, func(t *ent.Team) uuid.UUID { return t.ID }, func(t *ent.Team) error {
				return each([]any{t.ID, t.Name, t.Description, moment(t.CreatedAt), moment(t.UpdatedAt)})
			})
		},
	}
}

func teamMembers() table {
	return table{
		name: "team_members", about: "who is in which team",
		columns: []column{{"team", "name of the team"}, {"person", anMail + "the person"}, {"person_name", "name"}, {"leads", "whether they lead it: true or false"}, {"since", aTime}},
		read: func(ctx context.Context, s *snapshot, each func([]any) error) error {
			return through(ctx, s, func(after uuid.UUID) ([]*ent.TeamMember, error) {
				return s.TeamMember.Query().Where(teammember.IDGT(after)).Order(teammember.ByID()).Limit(pageSize).WithUser(somebody).WithTeam().All(ctx)
			}, func(m *ent.TeamMember) uuid.UUID { return m.ID }, func(m *ent.TeamMember) error {
				return each([]any{m.Edges.Team.Name, email(m.Edges.User), name(m.Edges.User), m.Leads, moment(m.CreatedAt)})
			})
		},
	}
}

func settings() table {
	return table{
		name: "settings", about: "what was chosen for everybody: name, colour, rules for passwords and second steps",
		columns: []column{{"name", "name of the setting"}, {"value", "JSON"}, {"updated_at", aTime}, {"updated_by", "identifier of the person; empty for the service"}},
		read: func(ctx context.Context, s *snapshot, each func([]any) error) error {
			all, err := s.Setting.Query().Order(setting.ByID()).All(ctx) // a handful
			if err != nil {
				return err
			}
			for _, one := range all {
				if strings.HasPrefix(one.ID, "work.") { // what the service notes for itself
					continue
				}
				if err := each([]any{one.ID, one.Value, moment(one.UpdatedAt), maybeID(one.UpdatedBy)}); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

func accessTokens() table {
	return table{
		name: "api_tokens", about: "personal API tokens: that they are there, not what opens anything",
		columns: []column{{"id", anID}, {"person", anMail + "whose it is"}, {"name", "name"}, {"scopes", "what it may do"}, {"created_at", aTime}, {"expires_at", aTime},
			{"last_used_at", aTime + "; empty for never"}, {"last_address", "network address"}, {"revoked_at", aTime + "; empty while it is not"}},
		read: func(ctx context.Context, s *snapshot, each func([]any) error) error {
			return through(ctx, s, func(after uuid.UUID) ([]*ent.APIToken, error) {
				q := s.APIToken.Query().Where(apitoken.IDGT(after)).Order(apitoken.ByID()).Limit(pageSize).WithUser(somebody)
				q.Select(apitoken.FieldID, apitoken.FieldUserID, apitoken.FieldName, apitoken.FieldScopes, apitoken.FieldCreatedAt, apitoken.FieldExpiresAt,
					apitoken.FieldLastUsedAt, apitoken.FieldLastAddress, apitoken.FieldRevokedAt)
				return q.All(ctx)
			}, func(t *ent.APIToken) uuid.UUID { return t.ID }, func(t *ent.APIToken) error {
				return each([]any{t.ID, email(t.Edges.User), t.Name, list(t.Scopes), moment(t.CreatedAt), moment(t.ExpiresAt), maybe(t.LastUsedAt), t.LastAddress, maybe(t.RevokedAt)})
			})
		},
	}
}

func supportAccess() table {
	return table{
		name: "support_access", about: "when the provider's staff were let in, by whom and why",
		columns: []column{{"id", anID}, {"granted_by", "name of who opened it"}, {"reason", "why"}, {"starts_at", aTime}, {"ends_at", aTime}, {"closed_at", aTime + "; empty where it ran out"}},
		read: func(ctx context.Context, s *snapshot, each func([]any) error) error {
			return through(ctx, s, func(after uuid.UUID) ([]*ent.ProviderGrant, error) {
				return s.ProviderGrant.Query().Where(providergrant.IDGT(after)).Order(providergrant.ByID()).Limit(pageSize).All(ctx)
			}, func(g *ent.ProviderGrant) uuid.UUID { return g.ID }, func(g *ent.ProviderGrant) error {
				return each([]any{g.ID, g.GrantedByName, g.Reason, moment(g.StartsAt), moment(g.EndsAt), maybe(g.ClosedAt)})
			})
		},
	}
}

func databaseAccess() table {
	return table{
		name: "database_access", about: "read-only database roles for the client's own analyses; no passwords",
		columns: []column{{"id", anID}, {"role", "name of the database role"}, {"addresses", "from where it may be used"}, {"reason", "why"}, {"created_by", "name of who made it"},
			{"created_at", aTime}, {"expires_at", aTime}, {"revoked_at", aTime + "; empty while it is not"}},
		read: func(ctx context.Context, s *snapshot, each func([]any) error) error {
			return through(ctx, s, func(after uuid.UUID) ([]*ent.BIGrant, error) {
				return s.BIGrant.Query().Where(bigrant.IDGT(after)).Order(bigrant.ByID()).Limit(pageSize).All(ctx)
			}, func(g *ent.BIGrant) uuid.UUID { return g.ID }, func(g *ent.BIGrant) error {
				return each([]any{g.ID, g.Role, list(g.Addresses), g.Reason, g.CreatedByName, moment(g.CreatedAt), moment(g.ExpiresAt), maybe(g.RevokedAt)})
			})
		},
	}
}

func auditLog() table {
	return table{
		name: "audit_log", about: "who did what, from where and when, the oldest first; each entry holds the hash of the one before",
		columns: []column{{"number", "1, 2, 3 … without a gap"}, {"id", anID}, {"at", aTime}, {"actor_kind", "person, provider, token, system, automation or anonymous"},
			{"actor_id", "identifier of the person"}, {"actor", "name"}, {"grant_id", "what let the provider in"}, {"action", "what was done"}, {"target", "to what"},
			{"target_id", "identifier of it"}, {"outcome", "ok, refused or failed"}, {"address", "network address"}, {"agent", "browser or program"}, {"detail", "JSON"},
			{"previous", "hash of the entry before, SHA-256"}, {"hash", "hash of this entry, SHA-256"}},
		read: func(ctx context.Context, s *snapshot, each func([]any) error) error {
			last := int64(0)
			for {
				if err := s.tick(ctx); err != nil {
					return err
				}
				page, err := s.AuditEntry.Query().Where(auditentry.SeqGT(last)).Order(auditentry.BySeq()).Limit(pageSize).All(ctx)
				if err != nil {
					return err
				}
				for _, e := range page {
					if err := each([]any{e.Seq, e.ID, moment(e.At), string(e.ActorKind), maybeID(e.ActorID), e.ActorName, maybeID(e.GrantID), e.Action, e.Target, maybeID(e.TargetID),
						string(e.Outcome), e.Address, e.Agent, detail(e.Detail), plain(e.PrevHash), plain(e.Hash)}); err != nil {
						return err
					}
					last = e.Seq
				}
				if len(page) < pageSize {
					return nil
				}
			}
		},
	}
}

// detail is JSON that is stored as text. What somebody altered into something else is exported as it is.
func detail(text string) any {
	switch {
	case text == "":
		return nil
	case json.Valid([]byte(text)):
		return json.RawMessage(text)
	default:
		return text
	}
}

// readme explains an archive to whoever opens it.
func readme(client, when string, all []table) string {
	var b strings.Builder
	fmt.Fprintf(&b, `EXPORT OF %s
Made at %s. Everything in it is of that one moment.

  csv/          each table as CSV: UTF-8, commas, line ends as RFC 4180 has them, the first line has the names
  json/         the same tables as JSON: an array with one object on each line
  attachments/  the files on tasks, in a folder for each task; csv/attachments.csv says which is which
  manifest.json how many rows and bytes each file has, and its SHA-256

Times are RFC 3339 in UTC, days are like 2026-11-30, sizes are bytes, empty means none.
In CSV, a list stands in one cell as a line of CSV of its own. A cell that a spreadsheet would take for a
formula begins with an apostrophe; import takes it away again. In JSON nothing is added.

Not in here: passwords, second factors, sessions, API tokens' secrets, links sent by e-mail. They open accounts,
and are of no use elsewhere.

`, client, when)
	for _, t := range all {
		fmt.Fprintf(&b, "%s: %s\n", t.name, t.about)
		for _, c := range t.columns {
			fmt.Fprintf(&b, "  %-16s %s\n", c.name, c.about)
		}
		b.WriteString("\n")
	}
	return strings.ReplaceAll(b.String(), "\n", "\r\n") // for the simplest of editors
}
