package exchange

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/ent"
	"github.com/berth-iac/berth/app/feed"
)

// pageSize is how many rows are held at a time. The largest have 64 kB of text each.
const pageSize = 200

// formatName is what an export calls its own form. It changes when a program that reads one would have to.
const formatName = "taskflow export 1"

// table is one kind of thing that a client owns, as it is exported.
type table struct {
	name      string // of the file and in the document
	about     string // for people
	ofProject bool   // it can be narrowed down to one project
	columns   []column
	read      func(ctx context.Context, s *snapshot, each func(row []any) error) error
}

// column is one column of a table, with what it holds and in which unit.
type column struct{ name, about string }

// snapshot is the client's data at one moment.
type snapshot struct {
	*ent.Tx
	only uuid.UUID // the only project wanted; uuid.Nil for all
	feed feed.Feed // where the feed is not in the database
	tick func(context.Context) error
}

// TableInfo is a table that can be exported by itself.
type TableInfo struct {
	Name, About string
	OfProject   bool
}

// Tables are all tables, in the order in which they are exported.
func Tables() []TableInfo {
	var all []TableInfo
	for _, one := range tables() {
		all = append(all, TableInfo{one.name, one.about, one.ofProject})
	}
	return all
}

func tables() []table {
	return []table{
		people(), teams(), teamMembers(), projects(), projectAccess(), columns(), labels(), tasks(), checklist(), relations(), comments(), mentions(),
		attachments(), filters(), rules(), notifications(), activities(), settings(), accessTokens(), supportAccess(), databaseAccess(), auditLog(),
	}
}

func tableOf(name string) (table, bool) {
	for _, one := range tables() {
		if one.name == name {
			return one, true
		}
	}
	return table{}, false
}

// through reads rows page by page, each after the last of the one before: fetch gives at most pageSize of them.
func through[T any](ctx context.Context, s *snapshot, fetch func(after uuid.UUID) ([]T, error), id func(T) uuid.UUID, each func(T) error) error {
	after := uuid.Nil
	for {
		if err := s.tick(ctx); err != nil {
			return err
		}
		rows, err := fetch(after)
		if err != nil {
			return err
		}
		for _, one := range rows {
			if err := each(one); err != nil {
				return err
			}
		}
		if len(rows) < pageSize {
			return nil
		}
		after = id(rows[len(rows)-1])
	}
}

// table writes one table.
func (w *watch) table(ctx context.Context, s *snapshot, to io.Writer, format Format, t table) error {
	w.doing = t.name
	out := bufio.NewWriterSize(to, 64<<10)
	var err error
	if format == CSV {
		err = w.csv(ctx, s, out, t)
	} else {
		err = w.json(ctx, s, out, t)
	}
	if err == nil {
		err = out.Flush()
	}
	if err != nil {
		return fmt.Errorf("table %s: %w", t.name, err)
	}
	return nil
}

func (w *watch) csv(ctx context.Context, s *snapshot, out *bufio.Writer, t table) error {
	cells := make([]string, len(t.columns))
	for i, c := range t.columns {
		cells[i] = c.name
	}
	line := csvLine(nil, cells)
	if _, err := out.Write(line); err != nil {
		return err
	}
	return t.read(ctx, s, func(row []any) error {
		for i, v := range row {
			cells[i] = csvCell(v)
		}
		line = csvLine(line[:0], cells)
		_, err := out.Write(line)
		w.count()
		return err
	})
}

func (w *watch) json(ctx context.Context, s *snapshot, out *bufio.Writer, t table) error {
	names := make([][]byte, len(t.columns))
	for i, c := range t.columns {
		name, err := json.Marshal(c.name)
		if err != nil {
			return err
		}
		names[i] = append(name, ':')
	}
	var line []byte
	between := "[\n"
	if err := t.read(ctx, s, func(row []any) error {
		line = append(append(line[:0], between...), '{')
		for i, v := range row {
			value, err := jsonCell(v)
			if err != nil {
				return err
			}
			if i > 0 {
				line = append(line, ',')
			}
			line = append(append(line, names[i]...), value...)
		}
		line = append(line, '}')
		between = ",\n"
		_, err := out.Write(line)
		w.count()
		return err
	}); err != nil {
		return err
	}
	end := "\n]\n"
	if between != ",\n" {
		end = "[]\n"
	}
	_, err := out.WriteString(end)
	return err
}

func (w *watch) count() {
	if !w.twice {
		w.result.Rows++
	}
}

// document writes all tables as one JSON document. Its last field says that it is whole.
func document(ctx context.Context, s *snapshot, w *watch, to io.Writer, client string, at time.Time, all []table) error {
	head, err := json.Marshal(map[string]any{"format": formatName, "client": client, "at": at})
	if err != nil {
		return err
	}
	between := string(head[:len(head)-1]) + ",\n"
	for _, t := range all {
		if _, err := fmt.Fprintf(to, "%s%q: ", between, t.name); err != nil {
			return err
		}
		if err := w.table(ctx, s, to, JSON, t); err != nil {
			return err
		}
		between = ","
	}
	_, err = io.WriteString(to, `,"complete":true}`+"\n")
	return err
}
