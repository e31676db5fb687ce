package rpc_test

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/rpc"
	"github.com/berth-iac/berth/app/work"
)

// hundred is a place with a project of a hundred tasks, each with a label and somebody who does it.
func hundred(b *testing.B) (p *place, key string) {
	b.Helper()
	p = newPlace(b, "acme")
	key = p.projectOf(true)
	owner := p.owner.who()
	must(b, p.c.Work.UpdateProject(b.Context(), owner, key, work.ProjectEdit{Name: "A hundred", Everyone: true, Labels: []work.LabelEdit{{Name: "bug", Hue: 1}}}))
	choices, err := p.c.Work.Choices(b.Context(), owner, key)
	must(b, err)
	for i := range 100 {
		_, err := p.c.Work.CreateTask(b.Context(), owner, work.NewTask{Project: key, Title: fmt.Sprintf("Task %d of a hundred, with a title as people write them", i),
			Assignee: owner.ID, Due: "2026-12-24", Labels: choicesLabels(choices)})
		must(b, err)
	}
	return p, key
}

func choicesLabels(c work.Choices) (ids []uuid.UUID) {
	for _, one := range c.Labels {
		ids = append(ids, one.ID)
	}
	return ids
}

func (b *program) bench(loop *testing.B, procedure string, body func(i int) string) {
	loop.ReportAllocs()
	i := 0
	for loop.Loop() {
		w := httptest.NewRecorder()
		b.handler.ServeHTTP(w, b.request(procedure, body(i)))
		if w.Code != 200 {
			loop.Fatalf("%d %s", w.Code, w.Body)
		}
		i++
	}
}

// BenchmarkListTasks is a JSON list of a hundred tasks: as a call, and what of it is work's.
func BenchmarkListTasks(b *testing.B) {
	p, key := hundred(b)
	b.Run("call", func(b *testing.B) {
		p.owner.bench(b, "/taskflow.v1.TaskService/ListTasks", func(int) string { return `{"filter":{"projectKey":"` + key + `"},"pageSize":100}` })
	})
	b.Run("work", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			page, err := p.c.Work.List(b.Context(), p.owner.who(), work.Query{Project: key, Limit: 100, Brief: true})
			if err != nil || len(page.Tasks) != 100 {
				b.Fatal(len(page.Tasks), err)
			}
		}
	})
	b.Run("token", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := p.c.Accounts.ByToken(b.Context(), p.owner.from, p.owner.token); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkCreateTask is the write of a task in JSON: as a call, and what of it is work's.
func BenchmarkCreateTask(b *testing.B) {
	p, key := hundred(b)
	b.Run("call", func(b *testing.B) {
		p.owner.bench(b, "/taskflow.v1.TaskService/CreateTask", func(i int) string {
			return fmt.Sprintf(`{"projectKey":%q,"title":"Task %d","description":"Some words of what is to be done"}`, key, i)
		})
	})
	b.Run("work", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := p.c.Work.CreateTask(b.Context(), p.owner.who(), work.NewTask{Project: key, Title: "Task", Description: "Some words of what is to be done"}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkNew is what opening a client costs here.
func BenchmarkNew(b *testing.B) {
	p := newPlace(b, "acme")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := rpc.New(p.c, rpc.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkShallow is the look at brackets before a message is read.
func BenchmarkShallow(b *testing.B) {
	text := []byte(`{"title":"` + strings.Repeat("x", 1000) + `"}`)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		rpc.Shallow(text, 16)
	}
}
