package work_test

import (
	"fmt"
	"testing"

	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/store/storetest"
	"github.com/berth-iac/berth/app/work"
)

// full gives a project with tasks that have some of everything.
func full(b *testing.B, tasks int) *client {
	b.Helper()
	c := newClient(b, storetest.SQLite(b))
	if _, err := c.CreateProject(b.Context(), c.ada, work.ProjectEdit{Key: "OPS", Name: "Operations", Everyone: true, Labels: []work.LabelEdit{{Name: "bug"}, {Name: "idea"}}}); err != nil {
		b.Fatal(err)
	}
	board := c.board(b, "OPS")
	for i := range tasks {
		ref := c.task(b, work.NewTask{Project: "OPS", Title: fmt.Sprint("Mend the lift ", i), Description: "Some words about it.", Assignee: c.bob.ID,
			Status: board.Columns[i%2].ID, Labels: []uuid.UUID{board.Labels[i%2].ID}, Due: "2026-03-05"})
		if i%4 == 0 {
			if _, err := c.AddComment(b.Context(), c.bob, ref.Key, "x"); err != nil {
				b.Fatal(err)
			}
			if _, err := c.AddStep(b.Context(), c.bob, ref.Key, "x"); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportAllocs()
	b.ResetTimer()
	return c
}

func BenchmarkBoard200(b *testing.B) {
	c := full(b, 200)
	for b.Loop() {
		if _, err := c.Board(b.Context(), c.ada, "OPS", work.BoardFilter{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkList100(b *testing.B) {
	c := full(b, 300)
	for b.Loop() {
		if page, err := c.List(b.Context(), c.ada, work.Query{Project: "OPS", Limit: 100}); err != nil || len(page.Tasks) != 100 {
			b.Fatal(err)
		}
	}
}

func BenchmarkListBrief100(b *testing.B) {
	c := full(b, 300)
	for b.Loop() {
		if page, err := c.List(b.Context(), c.ada, work.Query{Project: "OPS", Limit: 100, Brief: true}); err != nil || len(page.Tasks) != 100 {
			b.Fatal(err)
		}
	}
}

func BenchmarkTask(b *testing.B) {
	c := full(b, 20)
	for b.Loop() {
		if _, err := c.Task(b.Context(), c.ada, "OPS-1"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCreateTask(b *testing.B) {
	c := full(b, 100)
	for b.Loop() {
		if _, err := c.CreateTask(b.Context(), c.ada, work.NewTask{Project: "OPS", Title: "Mend the lift", Description: "Some words."}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkUpdateTask(b *testing.B) {
	c := full(b, 100)
	i := 0
	for b.Loop() {
		i++
		if _, err := c.UpdateTask(b.Context(), c.ada, work.TaskChange{Key: "OPS-7", Title: to(fmt.Sprint("title ", i))}); err != nil {
			b.Fatal(err)
		}
	}
}
