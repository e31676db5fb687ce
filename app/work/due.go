package work

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/ent"
	"github.com/berth-iac/berth/app/ent/notification"
	"github.com/berth-iac/berth/app/ent/project"
	"github.com/berth-iac/berth/app/ent/setting"
	"github.com/berth-iac/berth/app/ent/task"
	"github.com/berth-iac/berth/app/ent/user"
)

// lastDue is the setting that holds the last day that Remind has seen to.
const lastDue = "work.due"

// Remind sees to the tasks that fall due: their assignees are told, and the rules that wait for it run. The service calls it from time to
// time, on one machine at once; it acts once a day, and after a pause for the days in between, up to a week.
func (w *Work) Remind(ctx context.Context) (tasks int, err error) {
	today := w.now().Format(time.DateOnly)
	from := w.now().AddDate(0, 0, -1).Format(time.DateOnly)
	row, err := w.db().Setting.Query().Where(setting.ID(lastDue)).Only(ctx)
	if err == nil {
		if err := json.Unmarshal(row.Value, &from); err != nil {
			return 0, fmt.Errorf("read the setting %s: %w", lastDue, err)
		}
	} else if !ent.IsNotFound(err) {
		return 0, wrap("read the setting "+lastDue, err)
	}
	if from >= today {
		return 0, nil
	}
	from = max(from, w.now().AddDate(0, 0, -7).Format(time.DateOnly))
	due, err := w.db().Task.Query().Where(task.DueOnGT(from), task.DueOnLTE(today), task.DoneAtIsNil(), task.ArchivedAtIsNil(),
		task.HasProjectWith(project.ArchivedAtIsNil())).WithProject().Order(ent.Asc(task.FieldID)).All(ctx)
	if err != nil {
		return 0, wrap("find what is due", err)
	}
	for _, t := range due {
		if err := w.change(ctx, actor.Service("reminders"), func(c *change) error { return c.remind(ctx, t) }); err != nil {
			return tasks, err
		}
		tasks++
	}
	value, err := json.Marshal(today)
	if err != nil {
		return tasks, fmt.Errorf("write the setting %s: %w", lastDue, err)
	}
	return tasks, w.o.Store.Tx(ctx, func(tx *ent.Tx) error {
		return tx.Setting.Create().SetID(lastDue).SetValue(value).SetUpdatedAt(w.now()).OnConflictColumns(setting.FieldID).UpdateNewValues().Exec(ctx)
	})
}

func (c *change) remind(ctx context.Context, t *ent.Task) error {
	key := taskKey(t.Edges.Project.Key, t.Number)
	if id := assigneeOf(t); id != uuid.Nil {
		// After a crash half of them were told: nobody twice on a day.
		told, err := c.Notification.Query().Where(notification.UserID(id), notification.TaskID(t.ID), notification.Kind(NoticeDue),
			notification.CreatedAtGT(c.at.Add(-20*time.Hour))).Exist(ctx)
		if err != nil {
			return wrap("look who was told", err)
		}
		sees, err := c.User.Query().Where(user.ID(id), access(t.Edges.Project)).Exist(ctx)
		if err != nil {
			return wrap("look who sees the project", err)
		}
		if !told && sees {
			c.tell(Notice{UserID: id, Kind: NoticeDue, TaskID: t.ID, Key: key, Title: t.Title, Text: dueOf(t)})
		}
	}
	c.happen(event{name: "task.due", task: t.ID, project: t.ProjectID})
	return nil
}
