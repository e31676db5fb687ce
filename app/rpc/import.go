package rpc

import (
	"context"
	"errors"
	"fmt"

	"github.com/berth-iac/berth/app/exchange"
	"github.com/berth-iac/berth/app/fault"
	taskflowv1 "github.com/berth-iac/berth/app/rpc/gen/taskflow/v1"
)

// maxTold is how many problems of a file an error tells; a dry run has all.
const maxTold = 20

// ImportTasks makes tasks of a file (DP-7), or says what it would make of it.
func (c *calls) ImportTasks(ctx context.Context, q *taskflowv1.ImportTasksRequest) (*taskflowv1.ImportTasksResponse, error) {
	x, err := c.client.Exchange()
	if err != nil {
		return nil, err
	}
	source := exchange.Source{Project: q.GetProjectKey(), Name: q.GetName(), Data: q.GetData()}
	seen, err := x.Look(ctx, who(ctx), source)
	if err != nil {
		return nil, called(err, "file", "data")
	}
	if q.GetDryRun() {
		return &taskflowv1.ImportTasksResponse{Rows: int32(seen.Rows), Tasks: int32(seen.Tasks), There: int32(seen.There), Labels: int32(len(seen.Labels)),
			Problems: mapped(seen.Problems, importProblemOf), MoreProblems: int32(seen.More)}, nil
	}
	if len(seen.Problems) > 0 {
		return nil, notImported(seen)
	}
	made, err := x.Import(ctx, who(ctx), source)
	if err != nil {
		return nil, called(err, "file", "data")
	}
	return &taskflowv1.ImportTasksResponse{Rows: int32(seen.Rows), Tasks: int32(made.Tasks), There: int32(made.There), Labels: int32(made.Labels),
		FirstKey: made.First, LastKey: made.Last}, nil
}

func importProblemOf(p exchange.Problem) *taskflowv1.ImportProblem {
	return &taskflowv1.ImportProblem{Line: int32(p.Line), Column: p.Column, Message: p.Words}
}

// notImported says what is wrong with a file.
func notImported(seen exchange.Preview) error {
	told := seen.Problems[:min(len(seen.Problems), maxTold)]
	all := make([]error, 0, len(told)+1)
	for _, one := range told {
		all = append(all, fault.BadInput("data", one.String(), ""))
	}
	if more := len(seen.Problems) - len(told) + seen.More; more > 0 {
		all = append(all, fault.BadInput("data", fmt.Sprintf("%d more problems", more), "see them with dry_run"))
	}
	return errors.Join(all...)
}
