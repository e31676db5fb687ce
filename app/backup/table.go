package backup

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"reflect"
	"slices"
	"time"

	"entgo.io/ent/dialect/sql"
	entschema "entgo.io/ent/dialect/sql/schema"
	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/ent"
	"github.com/berth-iac/berth/app/store"
)

// pageRows is how many rows are in memory at once, and pageBytes how many bytes of them are written at once.
const (
	pageRows  = 200
	pageBytes = 1 << 20
)

// leftOut are the tables that are not in a backup.
func leftOut() []string { return []string{"bi_grants", "locks", "sessions"} }

// table copies one table's rows to plain values and back. It goes through ent's generated builders and mutations, so what guards a write
// guards a restore too, and each engine's own forms of values stay ent's business.
type table struct {
	name    string
	columns []column
	keys    []string // of them: one, or two where a row only joins two others
	read    func(ctx context.Context, c *ent.Client, after []any) (rows []values, last []any, err error)
	write   func(ctx context.Context, c *ent.Client, columns []string, rows [][]json.RawMessage) error
	clear   func(ctx context.Context, c *ent.Client) error
}

type column struct {
	name     string
	nullable bool
}

// values is a row: JSON of each column, null for none.
type values []json.RawMessage

// What ent generates for every entity.
type (
	entity[R, Q, B, K, U, D any] interface {
		Query() Q
		Create() B
		CreateBulk(...B) K
		UpdateOne(*R) U
		Delete() D
	}
	query[R, Q, P any] interface {
		Where(...P) Q
		Limit(int) Q
		All(context.Context) ([]*R, error)
	}
	builder[M any] interface{ Mutation() M }
	bulk           interface{ Exec(context.Context) error }
	removal        interface {
		Exec(context.Context) (int, error)
	}
	condition    interface{ ~func(*sql.Selector) }
	keyed[T any] interface{ SetID(T) }
	definitions  = map[string]*entschema.Table
)

// of makes the table of an entity. The compiler finds all types but the first from what ent generated.
func of[C entity[R, Q, B, K, U, D], R any, Q query[R, Q, P], P condition, B builder[M], M ent.Mutation, K bulk, U builder[N], N ent.Mutation, D removal](
	pick func(*ent.Client) C) func(string, definitions) table {
	return func(name string, all definitions) table {
		t := table{name: name}
		for _, c := range all[name].Columns {
			t.columns = append(t.columns, column{c.Name, c.Nullable})
		}
		for _, c := range all[name].PrimaryKey {
			t.keys = append(t.keys, c.Name)
		}
		t.read = func(ctx context.Context, c *ent.Client, after []any) ([]values, []any, error) {
			found, err := pick(c).Query().Where(P(t.following(after))).Limit(pageRows).All(ctx)
			if err != nil || len(found) == 0 {
				return nil, nil, err
			}
			rows := make([]values, len(found))
			last := make([]any, len(t.keys))
			for i, one := range found {
				var id any
				if field := reflect.ValueOf(one).Elem().FieldByName("ID"); field.IsValid() {
					id = field.Interface()
				}
				// A mutation of a row that was read gives its old values by name, those too that are kept from JSON.
				m := pick(c).UpdateOne(one).Mutation()
				if rows[i], err = t.encode(ctx, id, m); err != nil {
					return nil, nil, err
				}
				for k, key := range t.keys {
					if last[k], err = valueOf(ctx, id, m, key); err != nil {
						return nil, nil, err
					}
				}
			}
			return rows, last, nil
		}
		t.write = func(ctx context.Context, c *ent.Client, columns []string, rows [][]json.RawMessage) error {
			types, err := t.types(ctx, pick(c).UpdateOne(new(R)).Mutation())
			if err != nil {
				return err
			}
			made := make([]B, len(rows))
			for i, row := range rows {
				made[i] = pick(c).Create()
				if err := t.decode(made[i].Mutation(), columns, types, row); err != nil {
					return err
				}
			}
			return pick(c).CreateBulk(made...).Exec(ctx)
		}
		t.clear = func(ctx context.Context, c *ent.Client) error {
			_, err := pick(c).Delete().Exec(ctx)
			return err
		}
		return t
	}
}

// tables are all that are in a backup, each after those that it points to.
func tables() ([]table, error) {
	known := definitions{}
	for _, t := range store.Tables() {
		known[t.Name] = t
	}
	makers := entities()
	var ordered []table
	state := map[string]int{}
	var visit func(name string) error
	visit = func(name string) error {
		if state[name] == 2 || slices.Contains(leftOut(), name) {
			return nil
		}
		if state[name] == 1 {
			return fmt.Errorf("tables point to each other in a circle, by %s", name)
		}
		state[name] = 1
		for _, key := range known[name].ForeignKeys {
			if key.RefTable.Name != name {
				if err := visit(key.RefTable.Name); err != nil {
					return err
				}
			}
		}
		state[name] = 2
		maker, found := makers[name]
		if !found {
			return fmt.Errorf("table %s is not in backups", name)
		}
		ordered = append(ordered, maker(name, known))
		return nil
	}
	for _, t := range store.Tables() {
		if err := visit(t.Name); err != nil {
			return nil, err
		}
	}
	return ordered, nil
}

// following picks the rows after one, in the order of the key.
func (t table) following(after []any) func(*sql.Selector) {
	return func(s *sql.Selector) {
		for _, key := range t.keys {
			s.OrderBy(s.C(key))
		}
		switch len(after) {
		case 1:
			s.Where(sql.GT(s.C(t.keys[0]), after[0]))
		case 2:
			s.Where(sql.Or(sql.GT(s.C(t.keys[0]), after[0]), sql.And(sql.EQ(s.C(t.keys[0]), after[0]), sql.GT(s.C(t.keys[1]), after[1]))))
		}
	}
}

// valueOf gives a row's value by the column's name. Rows that join two others have no old values, but their present ones.
func valueOf(ctx context.Context, id any, m ent.Mutation, name string) (any, error) {
	if name == "id" {
		return id, nil
	}
	value, err := m.OldField(ctx, name)
	if err == nil {
		return value, nil
	}
	if value, there := m.Field(name); there {
		return value, nil
	}
	return nil, err
}

func (t table) names() []string {
	names := make([]string, len(t.columns))
	for i, c := range t.columns {
		names[i] = c.name
	}
	return names
}

func (t table) encode(ctx context.Context, id any, m ent.Mutation) (values, error) {
	row := make(values, len(t.columns))
	for i, c := range t.columns {
		value, err := valueOf(ctx, id, m, c.name)
		if err != nil {
			return nil, fmt.Errorf("read %s.%s: %w", t.name, c.name, err)
		}
		text, err := plain(value, c.nullable)
		if err != nil {
			return nil, fmt.Errorf("read %s.%s: %w", t.name, c.name, err)
		}
		row[i] = text
	}
	return row, nil
}

var null = json.RawMessage("null")

// plain writes a value the same way whatever engine it was read from.
func plain(value any, nullable bool) (json.RawMessage, error) {
	v := reflect.ValueOf(value)
	switch {
	case !v.IsValid():
		return null, nil
	case v.Kind() == reflect.Pointer:
		if v.IsNil() {
			return null, nil
		}
		value = v.Elem().Interface()
	case nullable && (v.IsZero() || (v.Kind() == reflect.Slice || v.Kind() == reflect.Map) && v.Len() == 0):
		return null, nil // what ent reads as nothing, whether it was written so or not at all
	}
	switch value := value.(type) {
	case time.Time:
		return json.Marshal(store.Moment(value))
	case []byte:
		if value == nil {
			value = []byte{}
		}
		return json.Marshal(value)
	case json.RawMessage: // as the engine keeps JSON: spaces and order are its own
		var any any
		d := json.NewDecoder(bytes.NewReader(value))
		d.UseNumber()
		if err := d.Decode(&any); err != nil {
			return nil, err
		}
		return json.Marshal(any)
	}
	return json.Marshal(value)
}

// types are the Go types of the columns, found on a row of nothing.
func (t table) types(ctx context.Context, empty ent.Mutation) (map[string]reflect.Type, error) {
	types := map[string]reflect.Type{}
	for _, c := range t.columns {
		if c.name == "id" {
			continue
		}
		value, err := valueOf(ctx, nil, empty, c.name)
		if err != nil {
			return nil, fmt.Errorf("type of %s.%s: %w", t.name, c.name, err)
		}
		kind := reflect.TypeOf(value)
		if kind.Kind() == reflect.Pointer {
			kind = kind.Elem()
		}
		types[c.name] = kind
	}
	return types, nil
}

func (t table) decode(m ent.Mutation, columns []string, types map[string]reflect.Type, row []json.RawMessage) error {
	for i, name := range columns {
		if name == "id" {
			if err := setID(m, row[i]); err != nil {
				return damaged("key of a row of %s: %w", t.name, err)
			}
			continue
		}
		at := slices.IndexFunc(t.columns, func(c column) bool { return c.name == name })
		none := bytes.Equal(row[i], null)
		if none && t.columns[at].nullable {
			continue
		}
		into := reflect.New(types[name])
		if err := json.Unmarshal(row[i], into.Interface()); err != nil {
			return damaged("%s.%s: %w", t.name, name, err)
		}
		value := into.Elem().Interface()
		if b, ok := value.([]byte); ok && b == nil {
			value = []byte{}
		}
		if err := m.SetField(name, value); err != nil {
			return fmt.Errorf("write %s.%s: %w", t.name, name, err)
		}
	}
	return nil
}

func setID(m ent.Mutation, text json.RawMessage) error {
	switch m := m.(type) {
	case keyed[uuid.UUID]:
		return set(m, text)
	case keyed[string]:
		return set(m, text)
	}
	return fmt.Errorf("keys of %T are of an unknown type", m)
}

func set[T any](m keyed[T], text json.RawMessage) error {
	var id T
	if err := json.Unmarshal(text, &id); err != nil {
		return err
	}
	m.SetID(id)
	return nil
}

// counter counts rows and sums their hashes: the sum of two halves is the sum of the whole, in whatever order.
type counter struct {
	rows int64
	sum  big.Int
}

func (c *counter) add(row []byte) {
	c.rows++
	hash := sha256.Sum256(row)
	var one big.Int
	c.sum.Add(&c.sum, one.SetBytes(hash[:]))
	if c.sum.BitLen() > 256 {
		c.sum.SetBit(&c.sum, 256, 0)
	}
}

func (c *counter) count() Count {
	var sum [sha256.Size]byte
	return Count{Rows: c.rows, Sum: hex.EncodeToString(c.sum.FillBytes(sum[:]))}
}

// each reads all rows of a table.
func (t table) each(ctx context.Context, c *ent.Client, do func(row values) error) error {
	var after []any
	for {
		rows, last, err := t.read(ctx, c, after)
		if err != nil {
			return fmt.Errorf("read table %s: %w", t.name, err)
		}
		for _, row := range rows {
			if err := do(row); err != nil {
				return err
			}
		}
		if len(rows) < pageRows {
			return nil
		}
		after = last
	}
}
