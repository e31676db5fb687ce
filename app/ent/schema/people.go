package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"github.com/google/uuid"
)

// User is a person: one of the client's own, or one of the provider's staff (AC-8).
type User struct{ ent.Schema }

// Mixin is the key.
func (User) Mixin() []ent.Mixin { return []ent.Mixin{row{}} }

// Fields of a person.
func (User) Fields() []ent.Field {
	return []ent.Field{
		field.String("email").NotEmpty().MaxLen(MaxEmail).Match(emailForm).Validate(folded).Comment("folded by FoldEmail"),
		field.String("name").NotEmpty().MaxRuneLen(MaxPersonName).Validate(line),
		field.Enum("role").Values("owner", "administrator", "member", "guest").SchemaType(word),
		field.Enum("kind").Values("person", "provider").Default("person").SchemaType(word),
		field.Enum("status").Values("active", "invited", "disabled").SchemaType(word),
		field.String("password_hash").Optional().MaxLen(100).Sensitive().Comment("bcrypt; empty until a password is set (AC-9)"),
		field.Time("password_set_at").Optional().Nillable().SchemaType(micro).Comment("AC-7: staff change theirs every 30 days"),
		field.JSON("previous_hashes", []string{}).Optional().Sensitive().Comment("the last few, newest first"),
		field.Bytes("totp_secret").Optional().MaxLen(512).Sensitive().Comment("sealed"),
		field.Time("totp_confirmed_at").Optional().Nillable().SchemaType(micro),
		field.Int64("totp_last_step").Default(0).Comment("the newest step that was accepted: an older or equal one is a replay"),
		field.String("timezone").Default("UTC").MaxLen(64),
		field.String("locale").Default("en").MaxLen(35),
		field.Enum("theme").Values("light", "dark", "system").Default("system").SchemaType(word),
		field.JSON("mail_choices", MailChoices{}).Default(AllMail),
		field.Time("created_at").Immutable().SchemaType(micro),
		field.Time("updated_at").SchemaType(micro),
		field.Time("last_login_at").Optional().Nillable().SchemaType(micro),
	}
}

// Edges of a person.
func (User) Edges() []ent.Edge {
	return []ent.Edge{
		edge.To("recovery_codes", RecoveryCode.Type).Annotations(goes()),
		edge.To("sessions", Session.Type).Annotations(goes()),
		edge.To("tokens", APIToken.Type).Annotations(goes()),
		edge.To("links", Link.Type).Annotations(goes()),
		edge.To("team_memberships", TeamMember.Type).Annotations(goes()),
		edge.To("project_memberships", ProjectMember.Type).Annotations(goes()),
	}
}

// Indexes of people.
func (User) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("email").Unique(),
		index.Fields("status", "name"),
	}
}

// RecoveryCode is a single-use code in place of the second factor.
type RecoveryCode struct{ ent.Schema }

// Mixin is the key.
func (RecoveryCode) Mixin() []ent.Mixin { return []ent.Mixin{row{}} }

// Fields of a code.
func (RecoveryCode) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("user_id", uuid.UUID{}).SchemaType(key).Immutable(),
		field.String("hash").MaxLen(64).Match(hashForm).Immutable().Sensitive(),
		field.Time("created_at").Immutable().SchemaType(micro),
		field.Time("used_at").Optional().Nillable().SchemaType(micro),
	}
}

// Edges of a code.
func (RecoveryCode) Edges() []ent.Edge {
	return []ent.Edge{edge.From("user", User.Type).Ref("recovery_codes").Field("user_id").Unique().Required().Immutable()}
}

// Indexes of codes.
func (RecoveryCode) Indexes() []ent.Index {
	return []ent.Index{index.Fields("user_id", "hash").Unique()}
}

// Session is a browser that is signed in, where sessions lie in the database.
type Session struct{ ent.Schema }

// Mixin is the key, which may be shown: it opens nothing.
func (Session) Mixin() []ent.Mixin { return []ent.Mixin{row{}} }

// Fields of a session.
func (Session) Fields() []ent.Field {
	return []ent.Field{
		field.String("hash").MaxLen(64).Match(hashForm).Sensitive().Comment("of the cookie's value; changes when the session is rotated"),
		field.UUID("user_id", uuid.UUID{}).SchemaType(key).Immutable(),
		field.UUID("grant_id", uuid.UUID{}).SchemaType(key).Optional().Nillable().Immutable().Comment("AC-8: what let the provider in"),
		field.Time("created_at").Immutable().SchemaType(micro),
		field.Time("last_seen_at").SchemaType(micro),
		field.Time("expires_at").SchemaType(micro),
		field.Time("reauthenticated_at").Optional().Nillable().SchemaType(micro),
		field.Bool("second_factor").Default(false),
		field.String("address").Default("").MaxLen(MaxAddress),
		field.String("agent").Default("").MaxRuneLen(MaxAgent).Validate(line),
	}
}

// Edges of a session.
func (Session) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("user", User.Type).Ref("sessions").Field("user_id").Unique().Required().Immutable(),
		edge.To("grant", ProviderGrant.Type).Field("grant_id").Unique().Immutable().Annotations(goes()),
	}
}

// Indexes of sessions.
func (Session) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("hash").Unique(),
		index.Fields("user_id", "last_seen_at"),
		index.Fields("expires_at"),
	}
}

// APIToken lets a program act for a person.
type APIToken struct{ ent.Schema }

// Mixin is the key.
func (APIToken) Mixin() []ent.Mixin { return []ent.Mixin{row{}} }

// Fields of a token.
func (APIToken) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("user_id", uuid.UUID{}).SchemaType(key).Immutable(),
		field.String("name").NotEmpty().MaxRuneLen(MaxName).Validate(line),
		field.String("hash").MaxLen(64).Match(hashForm).Immutable().Sensitive(),
		field.String("ending").MaxLen(8).Immutable().Comment("its last characters, to tell tokens apart"),
		field.JSON("scopes", []string{}).Comment("read, write, admin, export; an empty list is none"),
		field.Time("created_at").Immutable().SchemaType(micro),
		field.Time("expires_at").Immutable().SchemaType(micro),
		field.Time("last_used_at").Optional().Nillable().SchemaType(micro),
		field.String("last_address").Default("").MaxLen(MaxAddress),
		field.Time("revoked_at").Optional().Nillable().SchemaType(micro),
	}
}

// Edges of a token.
func (APIToken) Edges() []ent.Edge {
	return []ent.Edge{edge.From("user", User.Type).Ref("tokens").Field("user_id").Unique().Required().Immutable()}
}

// Indexes of tokens.
func (APIToken) Indexes() []ent.Index {
	return []ent.Index{index.Fields("hash").Unique(), index.Fields("user_id")}
}

// Link is a link sent by e-mail that lets somebody choose a password once: an invitation, or a reset that is good for 30 minutes.
type Link struct{ ent.Schema }

// Mixin is the key.
func (Link) Mixin() []ent.Mixin { return []ent.Mixin{row{}} }

// Fields of a link.
func (Link) Fields() []ent.Field {
	return []ent.Field{
		field.Enum("kind").Values("invite", "reset").Immutable().SchemaType(word),
		field.UUID("user_id", uuid.UUID{}).SchemaType(key).Immutable(),
		field.String("hash").MaxLen(64).Match(hashForm).Immutable().Sensitive(),
		field.UUID("created_by", uuid.UUID{}).SchemaType(key).Optional().Nillable().Immutable().Comment("who invited; none for a reset that was asked for"),
		field.Time("created_at").Immutable().SchemaType(micro),
		field.Time("expires_at").SchemaType(micro),
		field.Time("used_at").Optional().Nillable().SchemaType(micro),
	}
}

// Edges of a link.
func (Link) Edges() []ent.Edge {
	return []ent.Edge{edge.From("user", User.Type).Ref("links").Field("user_id").Unique().Required().Immutable()}
}

// Indexes of links.
func (Link) Indexes() []ent.Index {
	return []ent.Index{index.Fields("hash").Unique(), index.Fields("user_id", "kind"), index.Fields("expires_at")}
}

// Team is people who are named together.
type Team struct{ ent.Schema }

// Mixin is the key.
func (Team) Mixin() []ent.Mixin { return []ent.Mixin{row{}} }

// Fields of a team.
func (Team) Fields() []ent.Field {
	return []ent.Field{
		field.String("name").NotEmpty().MaxRuneLen(MaxName).Validate(line),
		field.String("description").Default("").MaxRuneLen(MaxReason).Validate(plain),
		field.Time("created_at").Immutable().SchemaType(micro),
		field.Time("updated_at").SchemaType(micro),
	}
}

// Edges of a team.
func (Team) Edges() []ent.Edge {
	return []ent.Edge{
		edge.To("members", TeamMember.Type).Annotations(goes()),
		edge.From("projects", Project.Type).Ref("teams").Through("project_teams", ProjectTeam.Type),
	}
}

// Indexes of teams.
func (Team) Indexes() []ent.Index { return []ent.Index{index.Fields("name").Unique()} }

// TeamMember is a person in a team.
type TeamMember struct{ ent.Schema }

// Mixin is the key.
func (TeamMember) Mixin() []ent.Mixin { return []ent.Mixin{row{}} }

// Fields of a membership.
func (TeamMember) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("team_id", uuid.UUID{}).SchemaType(key).Immutable(),
		field.UUID("user_id", uuid.UUID{}).SchemaType(key).Immutable(),
		field.Bool("leads").Default(false),
		field.Time("created_at").Immutable().SchemaType(micro),
	}
}

// Edges of a membership.
func (TeamMember) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("team", Team.Type).Ref("members").Field("team_id").Unique().Required().Immutable(),
		edge.From("user", User.Type).Ref("team_memberships").Field("user_id").Unique().Required().Immutable(),
	}
}

// Indexes of memberships.
func (TeamMember) Indexes() []ent.Index {
	return []ent.Index{index.Fields("team_id", "user_id").Unique(), index.Fields("user_id")}
}

// ProviderGrant opens the provider's administrator account for a while and for a reason (AC-8).
type ProviderGrant struct{ ent.Schema }

// Mixin is the key.
func (ProviderGrant) Mixin() []ent.Mixin { return []ent.Mixin{row{}} }

// Fields of a grant.
func (ProviderGrant) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("granted_by", uuid.UUID{}).SchemaType(key).Optional().Nillable().Immutable().Comment("the client's person; none where the provider opened it"),
		field.String("granted_by_name").MaxRuneLen(MaxPersonName).Immutable().Validate(line),
		field.String("reason").NotEmpty().MaxRuneLen(MaxReason).Immutable().Validate(line),
		field.Time("created_at").Immutable().SchemaType(micro),
		field.Time("starts_at").Immutable().SchemaType(micro),
		field.Time("ends_at").Immutable().SchemaType(micro),
		field.Time("closed_at").Optional().Nillable().SchemaType(micro),
		field.UUID("closed_by", uuid.UUID{}).SchemaType(key).Optional().Nillable(),
	}
}

// Indexes of grants.
func (ProviderGrant) Indexes() []ent.Index { return []ent.Index{index.Fields("ends_at")} }
