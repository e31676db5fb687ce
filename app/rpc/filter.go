package rpc

import (
	"context"
	"fmt"
	"net/url"

	taskflowv1 "github.com/berth-iac/berth/app/rpc/gen/taskflow/v1"
)

// ListFilters gives the filters that the caller may use.
func (c *calls) ListFilters(ctx context.Context, _ *taskflowv1.ListFiltersRequest) (*taskflowv1.ListFiltersResponse, error) {
	all, err := c.work.Filters(ctx, who(ctx))
	if err != nil {
		return nil, err
	}
	out := &taskflowv1.ListFiltersResponse{}
	for _, one := range all {
		values, err := url.ParseQuery(one.Query)
		if err != nil {
			return nil, fmt.Errorf("read filter %s: %w", one.ID, err)
		}
		out.Filters = append(out.Filters, &taskflowv1.SavedFilter{Id: one.ID.String(), Name: one.Name, Shared: one.Shared, Mine: one.Mine, Filter: &taskflowv1.TaskFilter{
			ProjectKey: values.Get("project"), Words: values.Get("words"), Status: values.Get("status"), Assignee: values.Get("assignee"),
			LabelId: values.Get("label"), Priority: values.Get("priority"), Due: values.Get("due"), Sort: values.Get("sort"), Archived: values.Get("archived") == "yes",
		}})
	}
	return out, nil
}

// SaveFilter keeps a filter under a name.
func (c *calls) SaveFilter(ctx context.Context, q *taskflowv1.SaveFilterRequest) (*taskflowv1.SaveFilterResponse, error) {
	f := q.GetFilter()
	values := url.Values{}
	for name, value := range map[string]string{"words": f.GetWords(), "status": f.GetStatus(), "assignee": f.GetAssignee(), "label": f.GetLabelId(),
		"priority": f.GetPriority(), "due": f.GetDue(), "sort": f.GetSort()} {
		if value != "" {
			values.Set(name, value)
		}
	}
	if f.GetArchived() {
		values.Set("archived", "yes")
	}
	id, err := c.work.SaveFilter(ctx, who(ctx), q.GetName(), values.Encode(), f.GetProjectKey(), q.GetShared())
	if err != nil {
		return nil, err
	}
	return &taskflowv1.SaveFilterResponse{Id: id.String()}, nil
}

// DeleteFilter deletes a filter.
func (c *calls) DeleteFilter(ctx context.Context, q *taskflowv1.DeleteFilterRequest) (*taskflowv1.DeleteFilterResponse, error) {
	id, err := named("filter", q.GetId())
	if err != nil {
		return nil, err
	}
	return &taskflowv1.DeleteFilterResponse{}, c.work.DeleteFilter(ctx, who(ctx), id)
}
