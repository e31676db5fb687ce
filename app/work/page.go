package work

import (
	"context"
	"html/template"
	"time"

	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/ent"
	"github.com/berth-iac/berth/app/ent/attachment"
	"github.com/berth-iac/berth/app/ent/checklistitem"
	"github.com/berth-iac/berth/app/ent/comment"
	"github.com/berth-iac/berth/app/ent/predicate"
	"github.com/berth-iac/berth/app/ent/project"
	"github.com/berth-iac/berth/app/ent/state"
	"github.com/berth-iac/berth/app/ent/task"
	"github.com/berth-iac/berth/app/ent/taskrelation"
	"github.com/berth-iac/berth/app/ent/user"
	"github.com/berth-iac/berth/app/feed"
	"github.com/berth-iac/berth/app/markdown"
)

// Step is an item of a checklist.
type Step struct {
	ID   uuid.UUID
	Text string
	Done bool
}

// Relation is what a task is to another.
type Relation struct {
	ID    uuid.UUID
	Kind  string // one of RelationKinds
	Key   string
	Title string
	Done  bool
}

// Comment is what somebody said of a task.
type Comment struct {
	ID        uuid.UUID
	Who       Person
	At        time.Time
	Edited    bool
	Body      string        // Markdown as written
	HTML      template.HTML // safe
	MayEdit   bool
	MayDelete bool
}

// TaskDetail is all of one task.
type TaskDetail struct {
	TaskRow
	Description string
	HTML        template.HTML
	Archived    bool
	CreatedBy   Person
	Columns     []Column // without cards
	People      []Person // who may be assigned and mentioned
	LabelSet    []Label  // that it may have
	Steps       []Step
	Relations   []Relation
	Discussion  []Comment
	Files       []Attachment
	Events      []feed.Line
	MayEdit     bool
	MayComment  bool
	MayDelete   bool
	MayManage   bool // the project
}

// maxComments is how many comments a page shows: the newest.
const maxComments = 500

// Task reads all of one task.
func (w *Work) Task(ctx context.Context, who actor.Actor, key string) (TaskDetail, error) {
	db := w.db()
	t, err := taskFor(ctx, db, who, key, SeeProject)
	if err != nil {
		return TaskDetail{}, err
	}
	p := t.project
	full, err := standing(ctx, db, who, p)
	if err != nil {
		return TaskDetail{}, err
	}
	full.Assignee = t.s.Assignee
	states, err := db.State.Query().Where(state.ProjectID(p.ID)).Order(ent.Asc(state.FieldPosition)).All(ctx)
	if err != nil {
		return TaskDetail{}, wrap("read the columns", err)
	}
	d := TaskDetail{Description: t.Description, Archived: t.ArchivedAt != nil}
	k := known{projects: map[uuid.UUID]ProjectName{p.ID: {p.ID, p.Key, p.Name}}, states: map[uuid.UUID]*ent.State{}, labels: map[uuid.UUID]Label{}}
	for _, one := range states {
		k.states[one.ID] = one
		d.Columns = append(d.Columns, Column{ID: one.ID, Name: one.Name, Kind: string(one.Kind), Limit: one.WipLimit})
	}
	if d.LabelSet, err = w.labelsOf(ctx, p.ID); err != nil {
		return TaskDetail{}, err
	}
	for _, l := range d.LabelSet {
		k.labels[l.ID] = l
	}
	rows, err := w.rows(ctx, []*ent.Task{t.Task}, k)
	if err != nil {
		return TaskDetail{}, err
	}
	d.TaskRow = rows[0]
	if d.People, err = w.peopleOf(ctx, p); err != nil {
		return TaskDetail{}, err
	}
	if err := w.steps(ctx, t, &d); err != nil {
		return TaskDetail{}, err
	}
	if err := w.related(ctx, who, t, &d); err != nil {
		return TaskDetail{}, err
	}
	open := p.ArchivedAt == nil
	d.MayEdit, d.MayComment = open && Can(who, EditTask, full), open && Can(who, WriteComment, full)
	d.MayDelete, d.MayManage = open && Can(who, DeleteTask, full), Can(who, ManageProject, full)
	if err := w.discussion(ctx, who, t, full, &d); err != nil {
		return TaskDetail{}, err
	}
	page, err := w.o.Feed.Page(ctx, feed.Filter{Projects: []uuid.UUID{p.ID}, Task: t.ID, Limit: 30})
	d.Events = page.Lines
	return d, err
}

func (w *Work) steps(ctx context.Context, t found, d *TaskDetail) error {
	items, err := w.db().ChecklistItem.Query().Where(checklistitem.TaskID(t.ID)).Order(ent.Asc(checklistitem.FieldPosition, checklistitem.FieldID)).All(ctx)
	for _, one := range items {
		d.Steps = append(d.Steps, Step{one.ID, one.Text, one.DoneAt != nil})
	}
	return wrap("read the checklist", err)
}

func (w *Work) related(ctx context.Context, who actor.Actor, t found, d *TaskDetail) error {
	rows, err := relationsOf(ctx, w.db(), who, t.ID)
	if err != nil {
		return err
	}
	for _, row := range rows {
		other, kind := row.Edges.To, string(row.Kind)
		if row.ToID == t.ID {
			other = row.Edges.From
			switch row.Kind {
			case taskrelation.KindBlocks:
				kind = BlockedBy
			case taskrelation.KindParent:
				kind = ChildOf
			}
		}
		if other == nil || other.Edges.Project == nil { // not this reader's to see
			continue
		}
		d.Relations = append(d.Relations, Relation{row.ID, kind, taskKey(other.Edges.Project.Key, other.Number), other.Title, other.DoneAt != nil})
	}
	return nil
}

func (w *Work) discussion(ctx context.Context, who actor.Actor, t found, s Standing, d *TaskDetail) error {
	db := w.db()
	comments, err := db.Comment.Query().Where(comment.TaskID(t.ID), comment.DeletedAtIsNil()).
		Order(ent.Desc(comment.FieldCreatedAt, comment.FieldID)).Limit(maxComments).All(ctx)
	if err != nil {
		return wrap("read the comments", err)
	}
	stored, err := db.Attachment.Query().Where(attachment.TaskID(t.ID), attachment.StateEQ(attachment.StateStored)).
		Order(ent.Asc(attachment.FieldCreatedAt, attachment.FieldID)).All(ctx)
	if err != nil {
		return wrap("read the files", err)
	}
	ids := []uuid.UUID{t.ReporterID}
	for _, one := range comments {
		ids = append(ids, one.AuthorID)
	}
	for _, one := range stored {
		ids = append(ids, one.UploaderID)
	}
	people, err := w.people(ctx, uniq(ids))
	if err != nil {
		return err
	}
	d.CreatedBy = people[t.ReporterID]
	resolve := w.resolver(ctx, who, d.People)
	if d.HTML, err = w.o.Markdown.Render(t.Description, resolve); err != nil {
		return wrap("render the description", err)
	}
	open := t.project.ArchivedAt == nil
	for i := len(comments) - 1; i >= 0; i-- { // the oldest first
		one := comments[i]
		s.Own = one.AuthorID == who.ID
		html, err := w.o.Markdown.Render(one.Body, resolve)
		if err != nil {
			return wrap("render a comment", err)
		}
		d.Discussion = append(d.Discussion, Comment{ID: one.ID, Who: people[one.AuthorID], At: one.CreatedAt, Edited: one.EditedAt != nil, Body: one.Body,
			HTML: html, MayEdit: open && Can(who, EditComment, s), MayDelete: open && Can(who, DeleteComment, s)})
	}
	for _, one := range stored {
		s.Own = one.UploaderID == who.ID
		d.Files = append(d.Files, Attachment{ID: one.ID, Name: one.Name, Type: one.ContentType, Size: one.Size, Uploader: people[one.UploaderID],
			At: one.CreatedAt, MayDo: open && Can(who, DeleteAttachment, s)})
	}
	return nil
}

// resolver leads names in texts to people and tasks that the reader sees.
func (w *Work) resolver(ctx context.Context, who actor.Actor, people []Person) markdown.Resolver {
	asked := map[string]markdown.Link{}
	return func(kind markdown.Kind, name string) (markdown.Link, bool) {
		if kind == markdown.Person {
			for _, one := range people {
				if one.Handle == Handle(name) {
					return markdown.Link{Path: "/tasks?assignee=" + one.ID.String(), Title: one.Name}, true
				}
			}
			return markdown.Link{}, false
		}
		if link, ok := asked[name]; ok {
			return link, link.Path != ""
		}
		asked[name] = markdown.Link{}
		if len(asked) > 100 {
			return markdown.Link{}, false
		}
		key, number, ok := parseKey(name)
		if !ok {
			return markdown.Link{}, false
		}
		exists, err := w.db().Task.Query().Where(append([]predicate.Task{task.Number(number), task.HasProjectWith(project.Key(key))}, seenTasks(who)...)...).Exist(ctx)
		if err != nil || !exists {
			return markdown.Link{}, false
		}
		asked[name] = markdown.Link{Path: "/tasks/" + name, Title: name}
		return asked[name], true
	}
}

// ProjectSummary is a project as a list shows it.
type ProjectSummary struct {
	ProjectName
	Description string
	Everyone    bool
	Archived    bool
	Open        int
	Done        int
	Overdue     int
	Members     []Person // the first few
	MoreMembers int
	Updated     time.Time
	MayManage   bool
}

// Nav are the projects that somebody sees, for the navigation.
func (w *Work) Nav(ctx context.Context, who actor.Actor) ([]ProjectSummary, error) {
	return w.summaries(ctx, who, false, false)
}

// Projects are the projects that somebody sees, or those put away, with their numbers.
func (w *Work) Projects(ctx context.Context, who actor.Actor, away bool) ([]ProjectSummary, error) {
	return w.summaries(ctx, who, away, true)
}

const shownMembers = 5

func (w *Work) summaries(ctx context.Context, who actor.Actor, away, numbers bool, more ...predicate.Project) ([]ProjectSummary, error) {
	if err := who.Need(actor.Read); err != nil {
		return nil, err
	}
	db := w.db()
	put := project.ArchivedAtIsNil()
	if away {
		put = project.ArchivedAtNotNil()
	}
	query := db.Project.Query().Where(visible(who), put).Where(more...).Order(ent.Asc(project.FieldName, project.FieldID))
	if numbers {
		query.WithMembers()
	} else {
		query.Select(project.FieldID, project.FieldKey, project.FieldName, project.FieldVisibility)
	}
	all, err := query.All(ctx)
	if err != nil {
		return nil, wrap("read projects", err)
	}
	mine := map[uuid.UUID]bool{}
	if !who.Role.AtLeast(actor.Administrator) && who.ID != uuid.Nil {
		ids, err := db.Project.Query().Where(belongs(who.ID)).IDs(ctx)
		if err != nil {
			return nil, wrap("read memberships", err)
		}
		for _, id := range ids {
			mine[id] = true
		}
	}
	out := make([]ProjectSummary, len(all))
	at := map[uuid.UUID]int{}
	var ids, people []uuid.UUID
	for i, p := range all {
		s := Standing{Everyone: p.Visibility == project.VisibilityEveryone, Member: mine[p.ID]}
		out[i] = ProjectSummary{ProjectName: ProjectName{p.ID, p.Key, p.Name}, Description: p.Description, Everyone: s.Everyone,
			Archived: p.ArchivedAt != nil, Updated: p.UpdatedAt, MayManage: Can(who, ManageProject, s)}
		at[p.ID] = i
		ids = append(ids, p.ID)
		for j, m := range p.Edges.Members {
			if j < shownMembers {
				people = append(people, m.UserID)
			}
		}
	}
	if !numbers || len(all) == 0 {
		return out, nil
	}
	names, err := w.people(ctx, uniq(people))
	if err != nil {
		return nil, err
	}
	for i, p := range all {
		for j, m := range p.Edges.Members {
			if j < shownMembers {
				out[i].Members = append(out[i].Members, names[m.UserID])
			} else {
				out[i].MoreMembers++
			}
		}
	}
	today := w.now().Format(time.DateOnly)
	for _, one := range []struct {
		where predicate.Task
		to    func(*ProjectSummary) *int
	}{
		{task.DoneAtIsNil(), func(s *ProjectSummary) *int { return &s.Open }},
		{task.DoneAtNotNil(), func(s *ProjectSummary) *int { return &s.Done }},
		{task.And(task.DoneAtIsNil(), task.DueOnLT(today)), func(s *ProjectSummary) *int { return &s.Overdue }},
	} {
		var counts []struct {
			ProjectID uuid.UUID `json:"project_id"`
			N         int       `json:"n"`
		}
		if err := db.Task.Query().Where(task.ProjectIDIn(ids...), task.ArchivedAtIsNil(), one.where).GroupBy(task.FieldProjectID).
			Aggregate(ent.As(ent.Count(), "n")).Scan(ctx, &counts); err != nil {
			return nil, wrap("count tasks", err)
		}
		for _, n := range counts {
			*one.to(&out[at[n.ProjectID]]) = n.N
		}
	}
	return out, nil
}

// Home is what concerns the reader.
type Home struct {
	Mine     []TaskRow // assigned to them and open, the nearest due first
	DueSoon  []TaskRow // of their projects, due within a week
	Mentions []Notification
	Projects []ProjectSummary
}

// Home reads what concerns a person.
func (w *Work) Home(ctx context.Context, who actor.Actor) (Home, error) {
	if err := person(who, actor.Read); err != nil {
		return Home{}, err
	}
	mine, err := w.List(ctx, who, Query{Assignee: "me", Status: "open", Sort: "due", Limit: 20})
	if err != nil {
		return Home{}, err
	}
	soon, err := w.List(ctx, who, Query{Due: "week", Status: "open", Sort: "due", Limit: 20})
	if err != nil {
		return Home{}, err
	}
	mentions, err := w.Notifications(ctx, who, NoticeMentioned, "", 10)
	if err != nil {
		return Home{}, err
	}
	projects, err := w.Projects(ctx, who, false)
	return Home{Mine: mine.Tasks, DueSoon: soon.Tasks, Mentions: mentions.Items, Projects: projects}, err
}

// Activity reads the feed of a project, or of all projects that the reader sees (key "").
func (w *Work) Activity(ctx context.Context, who actor.Actor, key, after string, limit int) (feed.Page, error) {
	if err := who.Need(actor.Read); err != nil {
		return feed.Page{}, err
	}
	f := feed.Filter{After: after, Limit: limit}
	if key != "" {
		p, _, err := projectFor(ctx, w.db(), who, key, SeeProject)
		if err != nil {
			return feed.Page{}, err
		}
		f.Projects = []uuid.UUID{p.ID}
	} else {
		ids, err := w.db().Project.Query().Where(visible(who)).IDs(ctx)
		if err != nil {
			return feed.Page{}, wrap("read projects", err)
		}
		f.Projects = ids
	}
	return w.o.Feed.Page(ctx, f)
}

// Found is a comment that holds the words.
type Found struct {
	ID    uuid.UUID // of the comment
	Key   string
	Title string
	Who   Person
	Text  string
	At    time.Time
}

// Search is what was found.
type Search struct {
	Key      string // what was asked for is the key of this task
	Words    []string
	Tasks    []TaskRow
	Next     string // of the tasks
	Comments []Found
	Projects []ProjectSummary
}

// Search looks for words in tasks, comments and projects that the reader sees. The key of a task leads straight to it.
func (w *Work) Search(ctx context.Context, who actor.Actor, text, page string) (Search, error) {
	if err := who.Need(actor.Read); err != nil {
		return Search{}, err
	}
	out := Search{Words: searchWords(text)}
	if len(out.Words) == 0 {
		return out, nil
	}
	db := w.db()
	if key, number, ok := parseKey(text); ok {
		exists, err := db.Task.Query().Where(append([]predicate.Task{task.Number(number), task.HasProjectWith(project.Key(key))}, seenTasks(who)...)...).Exist(ctx)
		if err != nil {
			return out, wrap("find the task", err)
		}
		if exists {
			out.Key = taskKey(key, number)
			return out, nil
		}
	}
	tasks, err := w.List(ctx, who, Query{Words: text, Page: page})
	if err != nil {
		return out, err
	}
	out.Tasks, out.Next = tasks.Tasks, tasks.Next
	if page != "" {
		return out, nil
	}
	comments := db.Comment.Query().Where(comment.DeletedAtIsNil(), comment.HasTaskWith(append(seenTasks(who), task.ArchivedAtIsNil())...))
	var named []predicate.Project
	for _, word := range out.Words {
		comments.Where(comment.BodyContainsFold(word))
		named = append(named, project.NameContainsFold(word))
	}
	rows, err := comments.WithTask(func(q *ent.TaskQuery) { brief(q).WithProject() }).
		WithAuthor(func(q *ent.UserQuery) { q.Select(user.FieldID, user.FieldName, user.FieldRole, user.FieldKind) }).
		Order(ent.Desc(comment.FieldCreatedAt, comment.FieldID)).Limit(20).All(ctx)
	if err != nil {
		return out, wrap("search comments", err)
	}
	for _, row := range rows {
		t, author := row.Edges.Task, row.Edges.Author
		if t == nil || t.Edges.Project == nil || author == nil {
			continue
		}
		out.Comments = append(out.Comments, Found{row.ID, taskKey(t.Edges.Project.Key, t.Number), t.Title, toPerson(author), row.Body, row.CreatedAt})
	}
	out.Projects, err = w.summaries(ctx, who, false, true, named...)
	return out, err
}
