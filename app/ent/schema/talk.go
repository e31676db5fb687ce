package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"github.com/google/uuid"
)

// Comment is what somebody said of a task.
type Comment struct{ ent.Schema }

// Mixin is the key.
func (Comment) Mixin() []ent.Mixin { return []ent.Mixin{row{}} }

// Fields of a comment.
func (Comment) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("task_id", uuid.UUID{}).SchemaType(key).Immutable(),
		field.UUID("author_id", uuid.UUID{}).SchemaType(key).Immutable(),
		field.Text("body").MaxLen(MaxMarkdown).Validate(plain).Comment("Markdown; emptied when it is deleted"),
		field.Time("created_at").Immutable().SchemaType(micro),
		field.Time("edited_at").Optional().Nillable().SchemaType(micro),
		field.Time("deleted_at").Optional().Nillable().SchemaType(micro),
	}
}

// Edges of a comment.
func (Comment) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("task", Task.Type).Ref("comments").Field("task_id").Unique().Required().Immutable(),
		edge.To("author", User.Type).Field("author_id").Unique().Required().Immutable().Annotations(holds()),
		edge.To("mentions", Mention.Type).Annotations(goes()),
	}
}

// Indexes of comments.
func (Comment) Indexes() []ent.Index {
	return []ent.Index{index.Fields("task_id", "created_at"), index.Fields("author_id")}
}

// Mention is a person named in a comment, or in a task's description.
type Mention struct{ ent.Schema }

// Mixin is the key.
func (Mention) Mixin() []ent.Mixin { return []ent.Mixin{row{}} }

// Fields of a mention.
func (Mention) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("task_id", uuid.UUID{}).SchemaType(key).Immutable(),
		field.UUID("comment_id", uuid.UUID{}).SchemaType(key).Optional().Nillable().Immutable().Comment("none: in the description"),
		field.UUID("user_id", uuid.UUID{}).SchemaType(key).Immutable(),
		field.Time("created_at").Immutable().SchemaType(micro),
	}
}

// Edges of a mention.
func (Mention) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("task", Task.Type).Ref("mentions").Field("task_id").Unique().Required().Immutable(),
		edge.From("comment", Comment.Type).Ref("mentions").Field("comment_id").Unique().Immutable(),
		edge.To("user", User.Type).Field("user_id").Unique().Required().Immutable().Annotations(goes()),
	}
}

// Indexes of mentions.
func (Mention) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("comment_id", "user_id").Unique(),
		index.Fields("task_id", "user_id"),
		index.Fields("user_id", "created_at"),
	}
}

// Attachment is a file on a task. The row outlives its task until its content is removed, or nobody would know of the content.
type Attachment struct{ ent.Schema }

// Mixin is the key.
func (Attachment) Mixin() []ent.Mixin { return []ent.Mixin{row{}} }

// Fields of an attachment.
func (Attachment) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("task_id", uuid.UUID{}).SchemaType(key).Optional().Nillable().Comment("none: the task is gone, and the content is to be removed"),
		field.UUID("uploader_id", uuid.UUID{}).SchemaType(key).Immutable(),
		field.String("name").NotEmpty().MaxLen(MaxFileName).Validate(line),
		field.Int64("size").NonNegative(),
		field.String("content_type").MaxLen(100).Validate(line).Comment("as the scan found it, not as the sender said"),
		field.String("sha256").Default("").MaxLen(64),
		field.String("storage_key").NotEmpty().MaxLen(200).Immutable().Comment("below the client's prefix"),
		field.Enum("state").Values("pending", "stored", "removed").SchemaType(word),
		field.Time("created_at").Immutable().SchemaType(micro),
		field.Time("removed_at").Optional().Nillable().SchemaType(micro),
	}
}

// Edges of an attachment.
func (Attachment) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("task", Task.Type).Ref("attachments").Field("task_id").Unique(),
		edge.To("uploader", User.Type).Field("uploader_id").Unique().Required().Immutable().Annotations(holds()),
	}
}

// Indexes of attachments.
func (Attachment) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("task_id", "created_at"),
		index.Fields("storage_key").Unique(),
		index.Fields("state", "created_at"),
	}
}

// Activity is a line of the feed, where the feed lies in the database. It points by plain ids, so that it reads the same from the
// database and from a store of documents; what removes a task or a project removes its lines.
type Activity struct{ ent.Schema }

// Mixin is the key.
func (Activity) Mixin() []ent.Mixin { return []ent.Mixin{row{}} }

// Fields of a line.
func (Activity) Fields() []ent.Field {
	return []ent.Field{
		field.Time("at").Immutable().SchemaType(micro),
		field.UUID("actor_id", uuid.UUID{}).SchemaType(key).Optional().Nillable().Immutable(),
		field.String("actor_name").Default("").MaxRuneLen(MaxPersonName).Immutable().Validate(line),
		field.String("verb").NotEmpty().MaxLen(50).Immutable(),
		field.UUID("project_id", uuid.UUID{}).SchemaType(key).Optional().Nillable().Immutable().Comment("who may see the project may see the line"),
		field.UUID("task_id", uuid.UUID{}).SchemaType(key).Optional().Nillable().Immutable(),
		field.String("subject").Default("").MaxRuneLen(MaxTitle + 20).Immutable().Validate(line).Comment("such as: OPS-12 Mend the lift"),
		field.JSON("detail", map[string]string{}).Optional().Immutable(),
	}
}

// Indexes of lines.
func (Activity) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("at"),
		index.Fields("project_id", "at"),
		index.Fields("task_id", "at"),
		index.Fields("actor_id", "at"),
	}
}

// Notification is something a person should know of.
type Notification struct{ ent.Schema }

// Mixin is the key.
func (Notification) Mixin() []ent.Mixin { return []ent.Mixin{row{}} }

// Fields of a notification.
func (Notification) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("user_id", uuid.UUID{}).SchemaType(key).Immutable(),
		field.String("kind").NotEmpty().MaxLen(32).Immutable(),
		field.UUID("task_id", uuid.UUID{}).SchemaType(key).Optional().Nillable().Immutable(),
		field.UUID("comment_id", uuid.UUID{}).SchemaType(key).Optional().Nillable().Immutable().Comment("a plain id: the notification reads without it"),
		field.String("actor_name").Default("").MaxRuneLen(MaxPersonName).Immutable().Validate(line),
		field.String("text").Default("").MaxRuneLen(MaxReason).Immutable().Validate(line),
		field.Time("created_at").Immutable().SchemaType(micro),
		field.Time("read_at").Optional().Nillable().SchemaType(micro),
	}
}

// Edges of a notification.
func (Notification) Edges() []ent.Edge {
	return []ent.Edge{
		edge.To("user", User.Type).Field("user_id").Unique().Required().Immutable().Annotations(goes()),
		edge.From("task", Task.Type).Ref("notifications").Field("task_id").Unique().Immutable(),
	}
}

// Indexes of notifications.
func (Notification) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("user_id", "read_at", "created_at"),
		index.Fields("task_id"),
	}
}

// OutgoingMail is a message that waits to be sent, written in the transaction of what it tells.
type OutgoingMail struct{ ent.Schema }

// Mixin is the key.
func (OutgoingMail) Mixin() []ent.Mixin { return []ent.Mixin{row{}} }

// Fields of a message.
func (OutgoingMail) Fields() []ent.Field {
	return []ent.Field{
		field.String("recipient").NotEmpty().MaxLen(MaxEmail).Immutable().Validate(line),
		field.String("subject").NotEmpty().MaxRuneLen(MaxTitle + 100).Immutable().Validate(line),
		field.Bytes("body").MaxLen(MaxMail).Sensitive().Comment("sealed: it may hold a link that opens an account; emptied once sent"),
		field.String("once").Optional().Nillable().MaxLen(100).Immutable().Comment("a name that keeps the same message from being queued twice"),
		field.Enum("state").Values("waiting", "sent", "failed").Default("waiting").SchemaType(word),
		field.Int("attempts").Default(0).NonNegative(),
		field.String("last_error").Default("").MaxRuneLen(MaxReason).Validate(plain),
		field.Time("created_at").Immutable().SchemaType(micro),
		field.Time("due_at").SchemaType(micro).Comment("also: until when the machine that took it has it for itself"),
		field.Time("sent_at").Optional().Nillable().SchemaType(micro),
	}
}

// Indexes of messages.
func (OutgoingMail) Indexes() []ent.Index {
	return []ent.Index{index.Fields("state", "due_at"), index.Fields("once").Unique()}
}
