package host

import (
	"slices"
	"strings"
)

// Settings are key and value of a flat file: the last line of a key counts.
type Settings map[string]string

// ReadPostgreSQL reads the settings of a cluster, such as 15/main, as the machine's files have them: postgresql.conf and
// then the folder conf.d, as Debian includes it.
func ReadPostgreSQL(files Files, cluster string) Settings {
	folder := "/etc/postgresql/" + cluster + "/"
	all := Settings{}
	for _, name := range append([]string{folder + "postgresql.conf"}, files.Matching(folder+"conf.d/*.conf")...) {
		for _, line := range lines(files[name].Content, "#") {
			end := strings.IndexAny(line, " \t=")
			if end < 0 {
				continue
			}
			key, value := strings.ToLower(line[:end]), strings.TrimLeft(line[end:], " \t=")
			all[key] = unquote(value)
		}
	}
	return all
}

// unquote takes the quotes off a value of postgresql.conf, and the comment behind it.
func unquote(value string) string {
	if !strings.HasPrefix(value, "'") {
		value, _, _ = strings.Cut(value, "#")
		return strings.TrimSpace(value)
	}
	var b strings.Builder
	for i := 1; i < len(value); i++ {
		switch {
		case value[i] == '\'' && i+1 < len(value) && value[i+1] == '\'', value[i] == '\\' && i+1 < len(value):
			i++
			b.WriteByte(value[i])
		case value[i] == '\'':
			return b.String()
		default:
			b.WriteByte(value[i])
		}
	}
	return b.String()
}

// Access is one line of pg_hba.conf. The first that fits a connection decides.
type Access struct {
	Type      string   // local, host, hostssl, hostnossl, hostgssenc or hostnogssenc
	Databases []string // names, all, sameuser, samerole, replication
	Users     []string // names, all, +group
	Address   string   // range or word such as all or samenet; "" for local
	Method    string   // such as peer, scram-sha-256, cert, trust, reject
	Options   []string // such as clientcert=verify-full
	Line      string
}

// ReadHBA reads a pg_hba.conf. A line that is too short to be read is returned too, with what it has.
func ReadHBA(text string) []Access {
	var all []Access
	for _, line := range lines(text, "#") {
		words := hbaWords(line)
		if len(words) == 0 {
			continue
		}
		next := func() string {
			if len(words) == 0 {
				return ""
			}
			word := words[0]
			words = words[1:]
			return word
		}
		a := Access{Line: line, Type: next()}
		a.Databases, a.Users = strings.Split(next(), ","), strings.Split(next(), ",")
		if a.Type != "local" {
			a.Address = next()
			if len(words) > 1 && strings.Count(words[0], ".") == 3 { // a mask of its own
				a.Address += "/" + next()
			}
		}
		a.Method, a.Options = next(), slices.Clone(words)
		all = append(all, a)
	}
	return all
}

// hbaWords splits a line; quotes keep a word together, and a # outside of them ends the line.
func hbaWords(line string) []string {
	var words []string
	var b strings.Builder
	quoted, begun := false, false
	for _, r := range line {
		switch {
		case r == '"':
			quoted, begun = !quoted, true
		case r == '#' && !quoted:
			if begun {
				words = append(words, b.String())
			}
			return words
		case (r == ' ' || r == '\t') && !quoted:
			if begun {
				words = append(words, b.String())
				b.Reset()
				begun = false
			}
		default:
			b.WriteRune(r)
			begun = true
		}
	}
	if begun {
		words = append(words, b.String())
	}
	return words
}

// Admits tells whether a line lets anybody in.
func (a Access) Admits() bool { return a.Method != "reject" }

// Proven tells whether whoever the line lets in shows who they are: by the machine's own account, by a certificate that is
// verified, or by a password that never crosses the line.
func (a Access) Proven() bool {
	switch a.Method {
	case "reject", "scram-sha-256", "cert":
		return true
	case "peer":
		return a.Type == "local"
	}
	return false
}

// Encrypted tells whether a line takes connections under TLS alone, or inside the machine.
func (a Access) Encrypted() bool { return a.Type == "local" || a.Type == "hostssl" || !a.Admits() }

// Option is the value of an option, such as that of clientcert.
func (a Access) Option(name string) string {
	for _, o := range a.Options {
		if value, is := strings.CutPrefix(o, name+"="); is {
			return value
		}
	}
	return ""
}
