package dbrole

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/berth-iac/berth/app/store"
)

// words are parts of statements as they stand in this package's source. Nothing that comes from elsewhere is of this type.
type words string

// statement is put together of words and of quoted values: an engine takes neither names nor passwords of roles as parameters. There is no
// other way to a statement's text in this package.
type statement struct {
	engine store.Engine
	text   strings.Builder
	err    error
}

func (s *statement) add(w words) *statement {
	if s.text.Len() > 0 && !strings.HasPrefix(string(w), ",") && !strings.HasPrefix(string(w), ")") {
		s.text.WriteByte(' ')
	}
	s.text.WriteString(string(w))
	return s
}

// name adds the name of a role, a database, a table or a column.
func (s *statement) name(name string) *statement { return s.add(s.quoted(name)) }

// named adds a table in a database, as MySQL names it, or in the schema public.
func (s *statement) named(database, table string) *statement {
	return s.add(s.quoted(database) + "." + s.quoted(table))
}

func (s *statement) quoted(name string) words {
	switch {
	case name == "" || strings.ContainsRune(name, 0) || len(name) > 64:
		s.fail(fmt.Errorf("%q cannot be a name", name))
		return ""
	case s.engine == store.PostgreSQL:
		return words(pgx.Identifier{name}.Sanitize())
	default:
		return words("`" + strings.ReplaceAll(name, "`", "``") + "`")
	}
}

// value adds a text.
func (s *statement) value(text string) *statement { return s.add(s.literal(text)) }

// account adds a user of MySQL, who is one together with from where they come.
func (s *statement) account(user, host string) *statement {
	s.quoted(user) // the same names are none here
	return s.add(s.literal(user) + "@" + s.literal(host))
}

func (s *statement) literal(text string) words {
	if strings.ContainsRune(text, 0) || len(text) > 1000 {
		s.fail(fmt.Errorf("a text of %d bytes cannot be in a statement", len(text)))
		return ""
	}
	if s.engine == store.MySQL {
		text = strings.ReplaceAll(text, `\`, `\\`) // PostgreSQL takes it as it is: standard_conforming_strings
	}
	return words("'" + strings.ReplaceAll(text, "'", "''") + "'")
}

func (s *statement) number(n int64) *statement { return s.add(words(strconv.FormatInt(n, 10))) }

// names adds names in parentheses.
func (s *statement) names(all []string) *statement {
	quoted := make([]string, len(all))
	for i, one := range all {
		quoted[i] = string(s.quoted(one))
	}
	if len(all) == 0 {
		s.fail(fmt.Errorf("a list of names is empty"))
	}
	return s.add(words("(" + strings.Join(quoted, ", ") + ")"))
}

func (s *statement) fail(err error) {
	if s.err == nil {
		s.err = err
	}
}
