package schema

import (
	"encoding/json"

	"entgo.io/ent"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"github.com/google/uuid"
)

// AuditEntry is one line of the client's audit log (AC-5). It stands by itself: it points by plain ids and repeats the names, for it
// outlives what it tells of. Package audit writes it; nothing changes or deletes it.
type AuditEntry struct{ ent.Schema }

// Mixin is the key.
func (AuditEntry) Mixin() []ent.Mixin { return []ent.Mixin{row{}} }

// Fields of an entry.
func (AuditEntry) Fields() []ent.Field {
	return []ent.Field{
		field.Int64("seq").Positive().Immutable().Comment("1, 2, 3 … without a gap"),
		field.Time("at").Immutable().SchemaType(micro),
		field.Enum("actor_kind").Values("person", "provider", "token", "system", "automation", "anonymous").Immutable().SchemaType(word),
		field.UUID("actor_id", uuid.UUID{}).SchemaType(key).Optional().Nillable().Immutable(),
		field.String("actor_name").Default("").MaxRuneLen(MaxEmail).Immutable().Validate(line),
		field.UUID("grant_id", uuid.UUID{}).SchemaType(key).Optional().Nillable().Immutable().Comment("AC-8: what let the provider in"),
		field.String("action").NotEmpty().MaxLen(64).Immutable(),
		field.String("target").Default("").MaxRuneLen(MaxTitle + 50).Immutable().Validate(line).Comment("such as: task OPS-12"),
		field.UUID("target_id", uuid.UUID{}).SchemaType(key).Optional().Nillable().Immutable(),
		field.Enum("outcome").Values("ok", "refused", "failed").Immutable().SchemaType(word),
		field.String("address").Default("").MaxLen(MaxAddress).Immutable(),
		field.String("agent").Default("").MaxRuneLen(MaxAgent).Immutable().Validate(line),
		field.Text("detail").DefaultFunc(empty).MaxLen(MaxAuditDetail).Immutable().
			Comment("JSON as text, for it is hashed and an engine would write its own JSON differently"),
		field.String("prev_hash").MaxLen(64).Match(hashForm).Immutable(),
		field.String("hash").MaxLen(64).Match(hashForm).Immutable(),
	}
}

// Indexes of entries.
func (AuditEntry) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("seq").Unique(),
		index.Fields("at"),
		index.Fields("actor_id", "seq"),
		index.Fields("action", "seq"),
		index.Fields("target_id", "seq"),
	}
}

// AuditHead is the newest entry's number and hash: one row, locked by whoever appends.
type AuditHead struct{ ent.Schema }

// Mixin is the table.
func (AuditHead) Mixin() []ent.Mixin { return []ent.Mixin{table{}} }

// Fields of the head.
func (AuditHead) Fields() []ent.Field {
	return []ent.Field{
		field.String("id").MaxLen(16).Immutable(),
		field.Int64("seq").NonNegative(),
		field.String("hash").MaxLen(64).Match(hashForm),
		field.Time("updated_at").SchemaType(micro),
	}
}

// Setting is one of the client's settings.
type Setting struct{ ent.Schema }

// Mixin is the table.
func (Setting) Mixin() []ent.Mixin { return []ent.Mixin{table{}} }

// Fields of a setting.
func (Setting) Fields() []ent.Field {
	return []ent.Field{
		field.String("id").NotEmpty().MaxLen(64).Immutable().Comment("its name"),
		field.JSON("value", json.RawMessage{}),
		field.Time("updated_at").SchemaType(micro),
		field.UUID("updated_by", uuid.UUID{}).SchemaType(key).Optional().Nillable(),
	}
}

// Lock lets one of several machines do something, until a time at the latest.
type Lock struct{ ent.Schema }

// Mixin is the table.
func (Lock) Mixin() []ent.Mixin { return []ent.Mixin{table{}} }

// Fields of a lock.
func (Lock) Fields() []ent.Field {
	return []ent.Field{
		field.String("id").NotEmpty().MaxLen(64).Immutable().Comment("what is locked"),
		field.String("holder").NotEmpty().MaxLen(100),
		field.Time("taken_at").SchemaType(micro),
		field.Time("until").SchemaType(micro),
	}
}

// BIGrant is a database role that reads and nothing else, for a while (DP-5).
type BIGrant struct{ ent.Schema }

// Mixin is the key.
func (BIGrant) Mixin() []ent.Mixin { return []ent.Mixin{row{}} }

// Fields of a grant.
func (BIGrant) Fields() []ent.Field {
	return []ent.Field{
		field.String("role").NotEmpty().MaxLen(63).Immutable(),
		field.JSON("addresses", []string{}).Comment("from where it may be used; an empty list is nowhere"),
		field.String("reason").Default("").MaxRuneLen(MaxReason).Immutable().Validate(line),
		field.UUID("created_by", uuid.UUID{}).SchemaType(key).Optional().Nillable().Immutable(),
		field.String("created_by_name").Default("").MaxRuneLen(MaxPersonName).Immutable().Validate(line),
		field.Time("created_at").Immutable().SchemaType(micro),
		field.Time("expires_at").SchemaType(micro),
		field.Time("revoked_at").Optional().Nillable().SchemaType(micro),
		field.String("last_error").Default("").MaxRuneLen(MaxReason).Validate(plain),
	}
}

// Indexes of grants.
func (BIGrant) Indexes() []ent.Index {
	return []ent.Index{index.Fields("role").Unique(), index.Fields("expires_at")}
}

// SchemaRevision is a migration that was applied, wholly or in part. Package store keeps it, and makes the table by itself: the
// migrations need it before the first of them.
type SchemaRevision struct{ ent.Schema } //nolint:revive // its table is schema_revisions

// Mixin is the table.
func (SchemaRevision) Mixin() []ent.Mixin { return []ent.Mixin{table{}} }

// Fields of a revision.
func (SchemaRevision) Fields() []ent.Field {
	return []ent.Field{
		field.String("id").NotEmpty().MaxLen(64).Immutable().Comment("its version"),
		field.String("description").MaxLen(200),
		field.Uint("kind").Comment("as atlas has it"),
		field.Int("applied").NonNegative().Comment("how many of its statements"),
		field.Int("total").NonNegative(),
		field.Time("executed_at").SchemaType(micro),
		field.Int64("execution_time").Comment("nanoseconds"),
		field.Text("error").DefaultFunc(empty).MaxLen(MaxMarkdown * 2),
		field.Text("error_statement").DefaultFunc(empty).MaxLen(MaxMarkdown * 2),
		field.String("hash").MaxLen(64),
		field.JSON("partial_hashes", []string{}).Optional(),
		field.String("operator_version").MaxLen(100),
	}
}

// DataMigration is a change of the data, in Go and in batches, that was made or is under way.
type DataMigration struct{ ent.Schema }

// Mixin is the table.
func (DataMigration) Mixin() []ent.Mixin { return []ent.Mixin{table{}} }

// Fields of a change.
func (DataMigration) Fields() []ent.Field {
	return []ent.Field{
		field.String("id").NotEmpty().MaxLen(64).Immutable().Comment("its name"),
		field.String("cursor").Default("").MaxLen(200).Comment("where the next batch begins"),
		field.Int64("changed").Default(0).Comment("rows so far"),
		field.Time("started_at").Immutable().SchemaType(micro),
		field.Time("finished_at").Optional().Nillable().SchemaType(micro),
	}
}
