package work

import (
	"context"
	"net/url"
	"slices"

	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/actor"
	"github.com/berth-iac/berth/app/ent"
	"github.com/berth-iac/berth/app/ent/predicate"
	"github.com/berth-iac/berth/app/ent/savedfilter"
	"github.com/berth-iac/berth/app/ent/schema"
	"github.com/berth-iac/berth/app/fault"
)

// SavedFilter is a list that somebody wants again.
type SavedFilter struct {
	ID     uuid.UUID
	Name   string
	Query  string // as an address line has it, with project=KEY if it is of one
	Shared bool
	Mine   bool
}

// Filters are somebody's own filters and those shared with all; guests have their own only, for a name tells something too.
func (w *Work) Filters(ctx context.Context, who actor.Actor) ([]SavedFilter, error) {
	if err := person(who, actor.Read); err != nil {
		return nil, err
	}
	where := []predicate.SavedFilter{savedfilter.OwnerID(who.ID)}
	if who.Role.AtLeast(actor.Member) {
		where = []predicate.SavedFilter{savedfilter.Or(savedfilter.OwnerID(who.ID), savedfilter.Shared(true))}
	}
	rows, err := w.db().SavedFilter.Query().Where(where...).Order(ent.Asc(savedfilter.FieldName, savedfilter.FieldID)).Limit(500).All(ctx)
	if err != nil {
		return nil, wrap("read filters", err)
	}
	seen, err := keys(ctx, w.db(), who)
	if err != nil {
		return nil, err
	}
	var filters []SavedFilter
	for _, row := range rows {
		values, err := url.ParseQuery(row.Query)
		if key := values.Get("project"); err != nil || key != "" && !slices.Contains(seen, key) {
			continue // even the name of a filter may tell of a project
		}
		filters = append(filters, SavedFilter{row.ID, row.Name, row.Query, row.Shared, row.OwnerID == who.ID})
	}
	return filters, nil
}

// SaveFilter keeps a filter under a name; one of the same name is replaced.
func (w *Work) SaveFilter(ctx context.Context, who actor.Actor, name, query, projectKey string, shared bool) (uuid.UUID, error) {
	if err := person(who, actor.Write); err != nil {
		return uuid.Nil, err
	}
	if shared {
		if err := need(who, ShareFilter, Standing{}, "filter"); err != nil {
			return uuid.Nil, err
		}
	}
	var id uuid.UUID
	err := w.change(ctx, who, func(c *change) error {
		var f form
		name := f.line("name", name, schema.MaxName, true)
		values, err := url.ParseQuery(query)
		if err != nil {
			f.bad("query", "it is no filter", "save it from the list")
		}
		for key := range values {
			if !slices.Contains([]string{"words", "status", "assignee", "label", "priority", "due", "sort", "archived"}, key) {
				values.Del(key)
			}
		}
		if projectKey != "" {
			if _, _, err := projectFor(ctx, c.Client(), actorReading(who), projectKey, SeeProject); err != nil {
				return err
			}
			values.Set("project", projectKey)
		}
		query := f.line("query", values.Encode(), 2000, false)
		if err := f.err(); err != nil {
			return err
		}
		row, err := c.SavedFilter.Query().Where(savedfilter.OwnerID(who.ID), savedfilter.Name(name)).Only(ctx)
		switch {
		case ent.IsNotFound(err):
			n, err := c.SavedFilter.Query().Where(savedfilter.OwnerID(who.ID)).Count(ctx)
			if err != nil {
				return wrap("count filters", err)
			}
			if n >= 100 {
				return fault.BadInput("name", "you have too many filters", "delete some first")
			}
			id = schema.NewID()
			err = c.SavedFilter.Create().SetID(id).SetOwnerID(who.ID).SetName(name).SetQuery(query).SetShared(shared).
				SetCreatedAt(c.at).SetUpdatedAt(c.at).Exec(ctx)
			if err != nil {
				return wrap("write the filter", err)
			}
		case err != nil:
			return wrap("find the filter", err)
		default:
			id = row.ID
			if err := c.SavedFilter.UpdateOneID(id).SetQuery(query).SetShared(shared).SetUpdatedAt(c.at).Exec(ctx); err != nil {
				return wrap("write the filter", err)
			}
		}
		c.log("filter.save", "filter "+name, id, "shared", yes(shared))
		return nil
	})
	return id, err
}

// actorReading is somebody who may write, as a reader of what they write about.
func actorReading(who actor.Actor) actor.Actor {
	who.Scopes = []actor.Scope{actor.Read}
	return who
}

// DeleteFilter removes a filter: one's own, or a shared one for administrators.
func (w *Work) DeleteFilter(ctx context.Context, who actor.Actor, id uuid.UUID) error {
	if err := person(who, actor.Write); err != nil {
		return err
	}
	return w.change(ctx, who, func(c *change) error {
		row, err := c.SavedFilter.Query().Where(savedfilter.ID(id)).Only(ctx)
		if ent.IsNotFound(err) || err == nil && row.OwnerID != who.ID && (!row.Shared || !who.Role.AtLeast(actor.Member)) {
			return fault.Missing("filter")
		}
		if err != nil {
			return wrap("find the filter", err)
		}
		if row.OwnerID != who.ID && !who.Role.AtLeast(actor.Administrator) {
			return fault.Refused("you may not delete this filter")
		}
		c.log("filter.delete", "filter "+row.Name, id)
		return wrap("delete the filter", c.SavedFilter.DeleteOneID(id).Exec(ctx))
	})
}
