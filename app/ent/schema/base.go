// Package schema is what one client's database holds: every table, its indexes, what a row may say and what happens to it when
// another goes. The code in package ent is generated from it, and so are the migrations in store/migrations; it knows nothing of
// who may do what.
//
// Rules that hold for all of it:
//   - an id is a UUID version 7 that the program makes, so that rows keep their ids on every engine and after a restore;
//   - a time is UTC with microseconds, which is what all three engines keep; the clock is the caller's, so no time has a default;
//   - what is looked up by a secret is stored as the secret's SHA-256, in hexadecimal; what must be read again is sealed;
//   - text compares byte by byte on every engine; what must not tell upper from lower case is stored in lower case;
//   - a person is never deleted, only disabled: what they did keeps its author;
//   - a task, a project and a person never vanish because something else was deleted (NoAction); what has no sense without its
//     owner goes with it (Cascade); what has, stays and forgets it (SetNull).
package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/mixin"
	"github.com/google/uuid"
)

// table is what every table has but its key.
type table struct{ mixin.Schema }

// Annotations make MySQL compare text byte by byte, as the others do.
func (table) Annotations() []schema.Annotation {
	return []schema.Annotation{entsql.Annotation{Charset: "utf8mb4", Collation: "utf8mb4_bin"}}
}

// row is a table whose key is a UUID.
type row struct{ table }

// Fields is the key.
func (row) Fields() []ent.Field {
	return []ent.Field{field.UUID("id", uuid.UUID{}).SchemaType(key).Default(NewID).Immutable()}
}

// NewID makes an id. It grows with time, so new rows lie next to each other in the indexes.
func NewID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

var (
	// micro keeps the microseconds on MySQL; the others do without being asked.
	micro = map[string]string{dialect.MySQL: "datetime(6)"}
	// word is a choice of words. As MySQL's enum a further word would be a change of the table.
	word = map[string]string{dialect.MySQL: "varchar(32)"}
	// key is an id where MySQL has no type for it, and MariaDB does.
	key = map[string]string{dialect.MySQL: "char(36)"}
)

// goes says that the row goes when what it points to goes.
func goes() schema.Annotation { return entsql.OnDelete(entsql.Cascade) }

// forgets says that the row stays when what it points to goes, and points nowhere.
func forgets() schema.Annotation { return entsql.OnDelete(entsql.SetNull) }

// holds says that what the row points to cannot go.
func holds() schema.Annotation { return entsql.OnDelete(entsql.NoAction) }

// empty is a text's default in the program: MySQL has none for a text in the table. A text that is added later may be empty (Optional).
func empty() string { return "" }
