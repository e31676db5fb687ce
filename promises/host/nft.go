package host

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Firewall is a ruleset of nftables.
type Firewall struct {
	// Problems are what makes the ruleset as a whole unreadable; with one of them, nothing is known to be closed.
	Problems []string
	chains   []*chain
	sets     map[string]*set // by table and name
}

// Opening is a rule that lets packets through, and what is known of which. What is empty is not restricted.
type Opening struct {
	Sources    []netip.Prefix // the addresses that packets come from
	Set        string         // a set without elements, in place of Sources
	Filled     bool           // whether Set may be filled while the machine runs
	Interfaces []string       // by which packets come in, or go out where the hook is output
	Protocols  []string       // tcp, udp, icmp and so on
	Ports      []PortRange    // the ports that they go to
	States     []string       // of connections, such as established
	Redirected bool           // only what a rule of another table sends on
	Rule       string         // the rule's text; "policy accept" for what no rule decides
}

// PortRange are ports from First to Last.
type PortRange struct{ First, Last int }

// One tells whether an opening is for exactly one port.
func (o Opening) One(port int) bool {
	return len(o.Ports) == 1 && o.Ports[0] == PortRange{port, port}
}

// Follows tells whether an opening is only for what belongs to a connection that was let in before.
func (o Opening) Follows() bool {
	return len(o.States) > 0 && !slices.ContainsFunc(o.States, func(s string) bool { return s != "established" && s != "related" })
}

// Anybody tells whether an opening does not restrict where packets come from.
func (o Opening) Anybody() bool {
	return o.Set == "" && (len(o.Sources) == 0 || slices.ContainsFunc(o.Sources, func(p netip.Prefix) bool { return p.Bits() == 0 }))
}

type chain struct {
	table, name        string
	kind, hook, policy string
	rules              [][]nftWord
}

type set struct {
	filled   bool // while the machine runs
	elements []string
}

type nftWord struct {
	text   string
	quoted bool
}

// end stands between statements.
const end = "\n"

// ReadFirewall reads a ruleset, with the files that it includes.
func ReadFirewall(files Files, name string) Firewall {
	f := Firewall{sets: map[string]*set{}}
	file, is := files[name]
	if !is {
		f.Problems = append(f.Problems, "there is no "+name)
		return f
	}
	r := nftReader{firewall: &f, files: files, variables: map[string][]nftWord{}}
	r.words = r.split(file.Content, 0)
	r.top()
	return f
}

type nftReader struct {
	firewall  *Firewall
	files     Files
	words     []nftWord
	at        int
	variables map[string][]nftWord
}

// split makes words of a text: braces, commas and ends of statements stand alone. Included files stand in their place.
func (r *nftReader) split(text string, depth int) []nftWord {
	var all []nftWord
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case c == ' ' || c == '\t' || c == '\r':
			i++
		case c == '\\' && i+1 < len(text) && text[i+1] == '\n':
			i += 2
		case c == '#':
			for i < len(text) && text[i] != '\n' {
				i++
			}
		case c == '\n' || c == ';':
			all = append(all, nftWord{text: end})
			i++
		case c == '{' || c == '}' || c == ',':
			all = append(all, nftWord{text: string(c)})
			i++
		case c == '"':
			close := strings.IndexByte(text[i+1:], '"')
			if close < 0 {
				r.firewall.Problems = append(r.firewall.Problems, "a quote is never closed")
				return all
			}
			all = append(all, nftWord{text: text[i+1 : i+1+close], quoted: true})
			i += close + 2
		default:
			begin := i
			for i < len(text) && !strings.ContainsRune(" \t\r\n;{},\"#", rune(text[i])) {
				i++
			}
			all = append(all, nftWord{text: text[begin:i]})
		}
		if n := len(all); n >= 2 && all[n-2] == (nftWord{text: "include"}) && all[n-1].quoted {
			pattern := all[n-1].text
			all = all[:n-2]
			for _, name := range r.files.Matching(pattern) {
				if depth > 8 || len(all) > 1<<20 {
					r.firewall.Problems = append(r.firewall.Problems, "files include each other")
					return all
				}
				all = append(all, r.split(r.files[name].Content, depth+1)...)
				all = append(all, nftWord{text: end})
			}
		}
	}
	return all
}

func (r *nftReader) next() (nftWord, bool) {
	if r.at >= len(r.words) {
		return nftWord{}, false
	}
	w := r.words[r.at]
	r.at++
	return w, true
}

// statement are the words up to the end of the statement, with variables replaced. Ends inside of braces do not count; it
// stops before a brace that opens a block, which is one whose word before is no relation.
func (r *nftReader) statement(stop func(so []nftWord) bool) []nftWord {
	var words []nftWord
	depth := 0
	for r.at < len(r.words) {
		w := r.words[r.at]
		switch {
		case w.quoted:
		case w.text == "{":
			if depth == 0 && stop(words) {
				return words
			}
			depth++
		case w.text == "}":
			if depth == 0 {
				return words
			}
			depth--
		case w.text == end && depth == 0:
			r.at++
			return words
		case w.text == end:
			r.at++
			continue
		}
		r.at++
		if name, is := strings.CutPrefix(w.text, "$"); is && !w.quoted {
			value, known := r.variables[name]
			if !known {
				r.firewall.Problems = append(r.firewall.Problems, "nothing defines "+w.text)
			}
			if len(words)+len(value) > 1<<16 {
				r.firewall.Problems = append(r.firewall.Problems, "a statement is too long")
				return words
			}
			words = append(words, value...)
			continue
		}
		words = append(words, w)
	}
	return words
}

func block(words []nftWord, kinds ...string) bool {
	return len(words) > 0 && slices.Contains(kinds, words[0].text)
}

func (r *nftReader) top() {
	for r.at < len(r.words) {
		before := r.at
		words := r.statement(func(so []nftWord) bool { return block(so, "table") })
		switch {
		case len(words) == 0:
		case words[0].text == "define" && len(words) > 3 && words[2].text == "=":
			r.variables[words[1].text] = words[3:]
		case words[0].text == "add" && len(words) > 4 && words[1].text == "element":
			r.element(words)
		case words[0].text == "add" && len(words) == 4 && words[1].text == "table":
		case words[0].text == "flush" || words[0].text == "delete" || words[0].text == "destroy":
		case words[0].text == "table":
			name := joined(words[1:])
			if r.at < len(r.words) && r.words[r.at].text == "{" {
				r.at++
				r.table(name)
			}
		default:
			r.problem(words)
		}
		if r.at == before { // a brace that closes nothing
			r.problem([]nftWord{r.words[r.at]})
			r.at++
		}
	}
}

// element adds to a set: add element inet berth office { 203.0.113.16/29 }.
func (r *nftReader) element(words []nftWord) {
	s := r.firewall.sets[words[2].text+" "+words[3].text+" "+words[4].text]
	if s == nil {
		r.problem(words)
		return
	}
	for _, w := range words[5:] {
		if w.text != "," && w.text != "}" && w.text != "{" {
			s.elements = append(s.elements, w.text)
		}
	}
}

func (r *nftReader) problem(words []nftWord) {
	r.firewall.Problems = append(r.firewall.Problems, fmt.Sprintf("cannot be read: %q", joined(words)))
}

func (r *nftReader) table(table string) {
	for r.at < len(r.words) {
		words := r.statement(func(so []nftWord) bool {
			return block(so, "chain", "set", "map", "counter", "limit", "flowtable", "quota")
		})
		switch {
		case r.at < len(r.words) && r.words[r.at].text == "{" && len(words) > 1:
			r.at++
			switch words[0].text {
			case "chain":
				r.chain(table, words[1].text)
			case "set":
				r.set(table, words[1].text)
			default:
				r.skip()
			}
		case r.at < len(r.words) && r.words[r.at].text == "}":
			r.at++
			return
		case len(words) > 0 && words[0].text != "comment" && words[0].text != "flags":
			r.problem(words)
		}
		if r.at < len(r.words) && r.words[r.at].text == "{" && len(words) <= 1 {
			r.problem(words)
			r.at++
		}
	}
	r.firewall.Problems = append(r.firewall.Problems, "table "+table+" is never closed")
}

// skip goes behind the brace that closes.
func (r *nftReader) skip() {
	for depth := 1; depth > 0; {
		w, more := r.next()
		switch {
		case !more:
			return
		case w == nftWord{text: "{"}:
			depth++
		case w == nftWord{text: "}"}:
			depth--
		}
	}
}

func never([]nftWord) bool { return false }

func (r *nftReader) set(table, name string) {
	s := &set{}
	r.firewall.sets[table+" "+name] = s
	for r.at < len(r.words) {
		words := r.statement(never)
		switch {
		case block(words, "elements") && len(words) > 3:
			for _, w := range words[3:] {
				if w.text != "," && w.text != "}" && w.text != "{" {
					s.elements = append(s.elements, w.text)
				}
			}
		case block(words, "flags"):
			s.filled = slices.ContainsFunc(words, func(w nftWord) bool { return w.text == "timeout" || w.text == "dynamic" })
		}
		if r.at < len(r.words) && r.words[r.at].text == "}" {
			r.at++
			return
		}
	}
}

func (r *nftReader) chain(table, name string) {
	c := &chain{table: table, name: name}
	r.firewall.chains = append(r.firewall.chains, c)
	for r.at < len(r.words) {
		words := r.statement(never)
		switch {
		case len(words) == 0:
		case words[0].text == "type" && len(words) > 3 && words[2].text == "hook":
			c.kind, c.hook = words[1].text, words[3].text
			if c.policy == "" {
				c.policy = "accept"
			}
		case words[0].text == "policy" && len(words) > 1:
			c.policy = words[1].text
		case words[0].text == "comment":
		default:
			c.rules = append(c.rules, words)
		}
		if r.at < len(r.words) && r.words[r.at].text == "}" {
			r.at++
			return
		}
	}
	r.firewall.Problems = append(r.firewall.Problems, "chain "+name+" is never closed")
}

func joined(words []nftWord) string {
	texts := make([]string, len(words))
	for i, w := range words {
		texts[i] = w.text
	}
	return strings.Join(texts, " ")
}
