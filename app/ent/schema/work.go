package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"github.com/google/uuid"
)

// Project is a board and its tasks.
type Project struct{ ent.Schema }

// Mixin is the key.
func (Project) Mixin() []ent.Mixin { return []ent.Mixin{row{}} }

// Fields of a project.
func (Project) Fields() []ent.Field {
	return []ent.Field{
		field.String("key").MaxLen(10).Match(keyForm).Comment("such as OPS, of which OPS-12 is a task"),
		field.String("name").NotEmpty().MaxRuneLen(MaxName).Validate(line),
		field.Text("description").DefaultFunc(empty).MaxLen(MaxMarkdown).Validate(plain),
		field.String("color").Default("#4f6bed").MaxLen(7).Match(colorForm),
		field.Enum("visibility").Values("everyone", "members").Default("members").SchemaType(word),
		field.Int("next_number").Default(1).Positive().Comment("of the next task; add to it in the task's own transaction"),
		field.Time("created_at").Immutable().SchemaType(micro),
		field.Time("updated_at").SchemaType(micro),
		field.Time("archived_at").Optional().Nillable().SchemaType(micro),
	}
}

// Edges of a project. Its tasks hold it: they are deleted first, by whoever may.
func (Project) Edges() []ent.Edge {
	return []ent.Edge{
		edge.To("members", ProjectMember.Type).Annotations(goes()),
		edge.To("teams", Team.Type).Through("project_teams", ProjectTeam.Type),
		edge.To("states", State.Type).Annotations(goes()),
		edge.To("tasks", Task.Type).Annotations(holds()),
		edge.To("labels", Label.Type).Annotations(goes()),
		edge.To("rules", AutomationRule.Type).Annotations(goes()),
	}
}

// Indexes of projects.
func (Project) Indexes() []ent.Index {
	return []ent.Index{index.Fields("key").Unique(), index.Fields("name")}
}

// ProjectMember is a person who may see a project that not everyone sees.
type ProjectMember struct{ ent.Schema }

// Mixin is the key.
func (ProjectMember) Mixin() []ent.Mixin { return []ent.Mixin{row{}} }

// Fields of a membership.
func (ProjectMember) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("project_id", uuid.UUID{}).SchemaType(key).Immutable(),
		field.UUID("user_id", uuid.UUID{}).SchemaType(key).Immutable(),
		field.Time("created_at").Immutable().SchemaType(micro),
	}
}

// Edges of a membership.
func (ProjectMember) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("project", Project.Type).Ref("members").Field("project_id").Unique().Required().Immutable(),
		edge.From("user", User.Type).Ref("project_memberships").Field("user_id").Unique().Required().Immutable(),
	}
}

// Indexes of memberships.
func (ProjectMember) Indexes() []ent.Index {
	return []ent.Index{index.Fields("project_id", "user_id").Unique(), index.Fields("user_id")}
}

// ProjectTeam lets all of a team see a project.
type ProjectTeam struct{ ent.Schema }

// Mixin is the table.
func (ProjectTeam) Mixin() []ent.Mixin { return []ent.Mixin{table{}} }

// Annotations make the pair the key.
func (ProjectTeam) Annotations() []schema.Annotation {
	return []schema.Annotation{field.ID("project_id", "team_id")}
}

// Fields of the pair.
func (ProjectTeam) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("project_id", uuid.UUID{}).SchemaType(key).Immutable(),
		field.UUID("team_id", uuid.UUID{}).SchemaType(key).Immutable(),
	}
}

// Edges of the pair.
func (ProjectTeam) Edges() []ent.Edge {
	return []ent.Edge{
		edge.To("project", Project.Type).Field("project_id").Unique().Required().Immutable().Annotations(goes()),
		edge.To("team", Team.Type).Field("team_id").Unique().Required().Immutable().Annotations(goes()),
	}
}

// Indexes of the pair, from its other end.
func (ProjectTeam) Indexes() []ent.Index { return []ent.Index{index.Fields("team_id")} }

// State is a column of a board.
type State struct{ ent.Schema }

// Mixin is the key.
func (State) Mixin() []ent.Mixin { return []ent.Mixin{row{}} }

// Fields of a column.
func (State) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("project_id", uuid.UUID{}).SchemaType(key).Immutable(),
		field.String("name").NotEmpty().MaxRuneLen(MaxName).Validate(line),
		field.Enum("kind").Values("todo", "doing", "done").SchemaType(word),
		field.Int("position").NonNegative(),
		field.Int("wip_limit").Default(0).NonNegative().Comment("how many tasks it should hold at most; 0 for any number"),
	}
}

// Edges of a column. Its tasks hold it: they are moved first.
func (State) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("project", Project.Type).Ref("states").Field("project_id").Unique().Required().Immutable(),
		edge.To("tasks", Task.Type).Annotations(holds()),
	}
}

// Indexes of columns.
func (State) Indexes() []ent.Index {
	return []ent.Index{index.Fields("project_id", "name").Unique(), index.Fields("project_id", "position")}
}

// Task is a thing to do.
type Task struct{ ent.Schema }

// Mixin is the key.
func (Task) Mixin() []ent.Mixin { return []ent.Mixin{row{}} }

// Fields of a task.
func (Task) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("project_id", uuid.UUID{}).SchemaType(key).Immutable(),
		field.Int("number").Positive().Immutable().Comment("12 of OPS-12"),
		field.String("title").NotEmpty().MaxRuneLen(MaxTitle).Validate(line),
		field.Text("description").DefaultFunc(empty).MaxLen(MaxMarkdown).Validate(plain),
		field.UUID("state_id", uuid.UUID{}).SchemaType(key),
		field.Int8("priority").GoType(Priority(0)).Default(int8(PriorityNone)).Min(int8(PriorityNone)).Max(int8(PriorityUrgent)),
		field.UUID("assignee_id", uuid.UUID{}).SchemaType(key).Optional().Nillable(),
		field.UUID("reporter_id", uuid.UUID{}).SchemaType(key).Immutable(),
		field.String("due_on").Optional().Nillable().MaxLen(10).Match(dateForm).Comment("a day such as 2026-03-31, in nobody's time zone"),
		field.Int64("position").Default(0).Comment("order inside the column; leave gaps of PositionGap"),
		field.Int("version").Default(1).Positive().Comment("grows with every change: who writes says which one they read"),
		field.Text("search").DefaultFunc(empty).MaxLen(MaxSearch).Comment("what a search looks at, folded by FoldSearch: number, title, description"),
		field.Time("created_at").Immutable().SchemaType(micro),
		field.Time("updated_at").SchemaType(micro),
		field.Time("done_at").Optional().Nillable().SchemaType(micro),
		field.Time("archived_at").Optional().Nillable().SchemaType(micro),
	}
}

// PositionGap is how far apart tasks are put, so that one goes between two without moving others.
const PositionGap = 1 << 16

// Edges of a task.
func (Task) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("project", Project.Type).Ref("tasks").Field("project_id").Unique().Required().Immutable(),
		edge.From("state", State.Type).Ref("tasks").Field("state_id").Unique().Required(),
		edge.To("assignee", User.Type).Field("assignee_id").Unique().Annotations(forgets()),
		edge.To("reporter", User.Type).Field("reporter_id").Unique().Required().Immutable().Annotations(holds()),
		edge.To("labels", Label.Type).Through("task_labels", TaskLabel.Type),
		edge.To("checklist", ChecklistItem.Type).Annotations(goes()),
		edge.To("relations", TaskRelation.Type).Annotations(goes()),
		edge.To("related", TaskRelation.Type).Annotations(goes()),
		edge.To("comments", Comment.Type).Annotations(goes()),
		edge.To("mentions", Mention.Type).Annotations(goes()),
		edge.To("attachments", Attachment.Type).Annotations(forgets()),
		edge.To("notifications", Notification.Type).Annotations(goes()),
	}
}

// Indexes of tasks: the board by column and order; lists by project, by person and for the whole client, by what they sort by.
func (Task) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("project_id", "number").Unique(),
		index.Fields("state_id", "position"),
		index.Fields("project_id", "updated_at"),
		index.Fields("project_id", "due_on"),
		index.Fields("assignee_id", "due_on"),
		index.Fields("updated_at"),
	}
}

// Label is a word on tasks: of one project, or of all.
type Label struct{ ent.Schema }

// Mixin is the key.
func (Label) Mixin() []ent.Mixin { return []ent.Mixin{row{}} }

// EveryProject is the scope of a label that all projects share.
const EveryProject = "client"

// Fields of a label.
func (Label) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("project_id", uuid.UUID{}).SchemaType(key).Optional().Nillable().Immutable().Comment("none: of all projects"),
		field.String("scope").MaxLen(36).NotEmpty().Immutable().
			Comment("the project's id or EveryProject: no engine holds a name unique among rows that have no project"),
		field.String("name").NotEmpty().MaxRuneLen(MaxName).Validate(line),
		field.String("color").Default("#6b7280").MaxLen(7).Match(colorForm),
	}
}

// Edges of a label.
func (Label) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("project", Project.Type).Ref("labels").Field("project_id").Unique().Immutable(),
		edge.From("tasks", Task.Type).Ref("labels").Through("task_labels", TaskLabel.Type),
	}
}

// Indexes of labels.
func (Label) Indexes() []ent.Index { return []ent.Index{index.Fields("scope", "name").Unique()} }

// TaskLabel is a label on a task.
type TaskLabel struct{ ent.Schema }

// Mixin is the table.
func (TaskLabel) Mixin() []ent.Mixin { return []ent.Mixin{table{}} }

// Annotations make the pair the key.
func (TaskLabel) Annotations() []schema.Annotation {
	return []schema.Annotation{field.ID("task_id", "label_id")}
}

// Fields of the pair.
func (TaskLabel) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("task_id", uuid.UUID{}).SchemaType(key).Immutable(),
		field.UUID("label_id", uuid.UUID{}).SchemaType(key).Immutable(),
	}
}

// Edges of the pair.
func (TaskLabel) Edges() []ent.Edge {
	return []ent.Edge{
		edge.To("task", Task.Type).Field("task_id").Unique().Required().Immutable().Annotations(goes()),
		edge.To("label", Label.Type).Field("label_id").Unique().Required().Immutable().Annotations(goes()),
	}
}

// Indexes of the pair, from its other end: all tasks of a label.
func (TaskLabel) Indexes() []ent.Index { return []ent.Index{index.Fields("label_id")} }

// ChecklistItem is a step of a task.
type ChecklistItem struct{ ent.Schema }

// Mixin is the key.
func (ChecklistItem) Mixin() []ent.Mixin { return []ent.Mixin{row{}} }

// Fields of an item.
func (ChecklistItem) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("task_id", uuid.UUID{}).SchemaType(key).Immutable(),
		field.String("text").NotEmpty().MaxRuneLen(MaxChecklist).Validate(line),
		field.Int("position").NonNegative(),
		field.Time("done_at").Optional().Nillable().SchemaType(micro),
	}
}

// Edges of an item.
func (ChecklistItem) Edges() []ent.Edge {
	return []ent.Edge{edge.From("task", Task.Type).Ref("checklist").Field("task_id").Unique().Required().Immutable()}
}

// Indexes of items.
func (ChecklistItem) Indexes() []ent.Index { return []ent.Index{index.Fields("task_id", "position")} }

// TaskRelation says what one task is to another: it blocks it, relates to it, duplicates it, or is its parent.
type TaskRelation struct{ ent.Schema }

// Mixin is the key.
func (TaskRelation) Mixin() []ent.Mixin { return []ent.Mixin{row{}} }

// Fields of a relation.
func (TaskRelation) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("from_id", uuid.UUID{}).SchemaType(key).Immutable(),
		field.UUID("to_id", uuid.UUID{}).SchemaType(key).Immutable(),
		field.Enum("kind").Values("blocks", "relates", "duplicates", "parent").Immutable().SchemaType(word),
		field.Time("created_at").Immutable().SchemaType(micro),
	}
}

// Edges of a relation.
func (TaskRelation) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("from", Task.Type).Ref("relations").Field("from_id").Unique().Required().Immutable(),
		edge.From("to", Task.Type).Ref("related").Field("to_id").Unique().Required().Immutable(),
	}
}

// Indexes of relations.
func (TaskRelation) Indexes() []ent.Index {
	return []ent.Index{index.Fields("from_id", "to_id", "kind").Unique(), index.Fields("to_id")}
}

// SavedFilter is a search somebody wants again.
type SavedFilter struct{ ent.Schema }

// Mixin is the key.
func (SavedFilter) Mixin() []ent.Mixin { return []ent.Mixin{row{}} }

// Fields of a filter.
func (SavedFilter) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("owner_id", uuid.UUID{}).SchemaType(key).Immutable(),
		field.String("name").NotEmpty().MaxRuneLen(MaxName).Validate(line),
		field.String("query").MaxLen(2 << 10).Validate(line).Comment("as the address line has it: state=…&label=…"),
		field.Bool("shared").Default(false),
		field.Time("created_at").Immutable().SchemaType(micro),
		field.Time("updated_at").SchemaType(micro),
	}
}

// Edges of a filter.
func (SavedFilter) Edges() []ent.Edge {
	return []ent.Edge{edge.To("owner", User.Type).Field("owner_id").Unique().Required().Immutable().Annotations(goes())}
}

// Indexes of filters.
func (SavedFilter) Indexes() []ent.Index {
	return []ent.Index{index.Fields("owner_id", "name").Unique()}
}

// AutomationRule is "when … if … then …".
type AutomationRule struct{ ent.Schema }

// Mixin is the key.
func (AutomationRule) Mixin() []ent.Mixin { return []ent.Mixin{row{}} }

// Action is one thing that a rule does.
type Action struct {
	Do   string            `json:"do"`
	With map[string]string `json:"with,omitempty"`
}

// Fields of a rule.
func (AutomationRule) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("project_id", uuid.UUID{}).SchemaType(key).Optional().Nillable().Immutable().Comment("none: of all projects"),
		field.UUID("owner_id", uuid.UUID{}).SchemaType(key).Comment("it may do what its owner may"),
		field.String("name").NotEmpty().MaxRuneLen(MaxName).Validate(line),
		field.String("trigger").NotEmpty().MaxLen(32),
		field.String("condition").Default("").MaxLen(MaxCondition).Validate(plain).Comment("CEL; empty for always (AS-5)"),
		field.JSON("actions", []Action{}),
		field.Bool("enabled").Default(true),
		field.Int("position").Default(0),
		field.String("last_error").Default("").MaxRuneLen(MaxReason).Validate(plain),
		field.Time("last_run_at").Optional().Nillable().SchemaType(micro),
		field.Int64("runs").Default(0),
		field.Time("created_at").Immutable().SchemaType(micro),
		field.Time("updated_at").SchemaType(micro),
	}
}

// Edges of a rule.
func (AutomationRule) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("project", Project.Type).Ref("rules").Field("project_id").Unique().Immutable(),
		edge.To("owner", User.Type).Field("owner_id").Unique().Required().Annotations(holds()),
	}
}

// Indexes of rules.
func (AutomationRule) Indexes() []ent.Index {
	return []ent.Index{index.Fields("trigger", "enabled"), index.Fields("project_id", "position")}
}
