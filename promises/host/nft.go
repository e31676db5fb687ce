package host

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
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

// Open is what gets through a hook, such as input: what the first chain there lets through that drops by policy, for a
// packet has to pass them all. Where none drops, that is everything.
func (f Firewall) Open(hook string) []Opening {
	everything := []Opening{{Rule: "policy accept"}}
	if len(f.Problems) > 0 {
		return []Opening{{Rule: strings.Join(f.Problems, "; ")}}
	}
	for _, c := range f.chains {
		if c.hook == hook && c.kind == "filter" && c.policy == "drop" && strings.HasPrefix(c.table, "inet ") {
			return f.openings(c, Opening{}, 0)
		}
	}
	return everything
}

// openings are what the rules of a chain let through of what comes to it.
func (f Firewall) openings(c *chain, of Opening, depth int) []Opening {
	var all []Opening
	for _, words := range c.rules {
		o, verdicts := f.rule(c.table, words, of)
		for _, v := range verdicts {
			switch v.word {
			case "accept", "queue":
				one := o
				if v.of != nil {
					one = *v.of
				}
				all = append(all, one)
			case "jump", "goto":
				one := o
				if v.of != nil {
					one = *v.of
				}
				i := slices.IndexFunc(f.chains, func(other *chain) bool { return other.table == c.table && other.name == v.to })
				if i < 0 || depth > 8 || len(all) > 10_000 {
					all = append(all, one) // nobody knows what is there
					continue
				}
				all = append(all, f.openings(f.chains[i], one, depth+1)...)
			}
		}
	}
	return all
}

type verdict struct {
	word, to string
	of       *Opening // of an element of a verdict map
}

// rule is what a rule restricts, and what it does with what it is about. A word that is not known restricts nothing.
func (f Firewall) rule(table string, words []nftWord, of Opening) (Opening, []verdict) {
	o := of
	o.Rule = joined(words)
	var verdicts []verdict
	value := func(i int) (values []nftWord, next int) { // of what follows at i: one word, or a set in braces
		if i >= len(words) {
			return nil, i
		}
		if words[i].text != "{" || words[i].quoted {
			values = append(values, words[i])
			for i+2 < len(words) && words[i+1].text == "," { // ct state established,related
				values, i = append(values, words[i+2]), i+2
			}
			return values, i + 1
		}
		for i++; i < len(words) && words[i].text != "}"; i++ {
			if words[i].text != "," {
				values = append(values, words[i])
			}
		}
		return values, i + 1
	}
	is := func(i int, texts ...string) bool {
		for n, text := range texts {
			if i+n >= len(words) || words[i+n].quoted || words[i+n].text != text {
				return false
			}
		}
		return true
	}
	protocol := func(names ...string) { o.Protocols = narrowed(o.Protocols, names) }
	for i := 0; i < len(words); {
		if words[i].quoted {
			i++
			continue
		}
		var values []nftWord
		switch word := words[i].text; {
		case is(i, "comment") || is(i, "prefix"):
			i += 2
		case is(i, "iif") || is(i, "iifname") || is(i, "oif") || is(i, "oifname"):
			if values, i = value(i + 1); plain(values) {
				o.Interfaces = narrowed(o.Interfaces, texts(values))
			}
		case is(i, "ip", "saddr") || is(i, "ip6", "saddr"):
			values, i = value(i + 2)
			f.from(&o, table, values)
		case is(i, "ct", "state", "vmap"):
			values, i = value(i + 3)
			verdicts = append(verdicts, mapped(values, func(key string) *Opening {
				one := o
				one.States = narrowed(o.States, []string{key})
				return &one
			})...)
		case is(i, "ct", "state"):
			if values, i = value(i + 2); plain(values) {
				o.States = narrowed(o.States, texts(values))
			}
		case is(i, "ct", "status", "dnat"):
			o.Redirected, i = true, i+3
		case is(i, "meta", "l4proto") || is(i, "ip", "protocol") || is(i, "ip6", "nexthdr"):
			if values, i = value(i + 2); plain(values) {
				protocol(texts(values)...)
			}
		case is(i, "icmp", "type") || is(i, "icmpv6", "type"):
			protocol(word)
			values, i = value(i + 2)
		case (is(i, "tcp") || is(i, "udp") || is(i, "sctp") || is(i, "th")) && i+1 < len(words):
			if word != "th" {
				protocol(word)
			}
			if is(i+1, "dport", "vmap") {
				values, i = value(i + 3)
				verdicts = append(verdicts, mapped(values, func(key string) *Opening {
					one := o
					one.Ports = ports([]nftWord{{text: key}})
					return &one
				})...)
				continue
			}
			if is(i+1, "dport") {
				if values, i = value(i + 2); plain(values) {
					o.Ports = ports(f.expanded(table, values))
				}
				continue
			}
			i += 2
		case word == "accept" || word == "queue" || word == "drop" || word == "reject" || word == "return" || word == "continue":
			verdicts = append(verdicts, verdict{word: word})
			i++
			if word == "drop" || word == "reject" || word == "return" || word == "continue" {
				return o, verdicts
			}
		case (word == "jump" || word == "goto") && i+1 < len(words):
			verdicts = append(verdicts, verdict{word: word, to: words[i+1].text})
			i += 2
		case word == "vmap": // of something that is not known
			values, i = value(i + 1)
			verdicts = append(verdicts, mapped(values, func(string) *Opening { one := o; return &one })...)
		default:
			i++
		}
	}
	return o, verdicts
}

// mapped are the verdicts of a verdict map, each with what it is about.
func mapped(words []nftWord, about func(key string) *Opening) []verdict {
	var all []verdict
	for i := 0; i+2 < len(words); i++ {
		if words[i+1].text != ":" {
			continue
		}
		v := verdict{word: words[i+2].text, of: about(words[i].text)}
		if i+3 < len(words) && (v.word == "jump" || v.word == "goto") {
			v.to = words[i+3].text
		}
		all = append(all, v)
	}
	if len(all) == 0 {
		return []verdict{{word: "accept"}} // nobody knows what is in it
	}
	return all
}

// plain tells whether values are what is compared with, and no relation such as != stands before them.
func plain(values []nftWord) bool {
	return len(values) > 0 && !slices.ContainsFunc(values, func(w nftWord) bool {
		return !w.quoted && (w.text == "!=" || w.text == "==" || w.text == "<" || w.text == ">")
	})
}

// narrowed is what both allow; what nobody restricted is restricted by the second alone. Nothing in common is kept as a
// restriction to nothing.
func narrowed(a, b []string) []string {
	if len(a) == 0 {
		return b
	}
	both := slices.DeleteFunc(slices.Clone(a), func(s string) bool { return !slices.Contains(b, s) })
	if len(both) == 0 {
		return []string{"none"}
	}
	return both
}

func texts(words []nftWord) []string {
	all := make([]string, len(words))
	for i, w := range words {
		all[i] = w.text
	}
	return all
}

// expanded is a value with the elements of a set in place of its name; nil where the set is not known.
func (f Firewall) expanded(table string, values []nftWord) []nftWord {
	var all []nftWord
	for _, v := range values {
		name, is := strings.CutPrefix(v.text, "@")
		if !is {
			all = append(all, v)
			continue
		}
		s := f.sets[table+" "+name]
		if s == nil || s.filled {
			return nil
		}
		for _, e := range s.elements {
			all = append(all, nftWord{text: e})
		}
	}
	return all
}

// from restricts where packets come from.
func (f Firewall) from(o *Opening, table string, values []nftWord) {
	if !plain(values) {
		return
	}
	if len(values) == 1 {
		if name, is := strings.CutPrefix(values[0].text, "@"); is {
			switch s := f.sets[table+" "+name]; {
			case s == nil:
				return
			case len(s.elements) == 0:
				o.Set, o.Filled = name, s.filled
				return
			}
		}
	}
	var prefixes []netip.Prefix
	for _, v := range f.expanded(table, values) {
		p, err := netip.ParsePrefix(v.text)
		if err != nil {
			address, err := netip.ParseAddr(v.text)
			if err != nil {
				return // a range, a name, a word that is not known
			}
			p = netip.PrefixFrom(address, address.BitLen())
		}
		prefixes = append(prefixes, p)
	}
	if len(prefixes) > 0 && len(o.Sources) == 0 {
		o.Sources = prefixes
	}
}

var portNames = map[string]int{"ssh": 22, "smtp": 25, "domain": 53, "http": 80, "ntp": 123, "https": 443, "submission": 587, "postgresql": 5432}

// ports are ranges of ports; nil where one cannot be read.
func ports(values []nftWord) []PortRange {
	var all []PortRange
	for _, v := range values {
		first, last, is := strings.Cut(v.text, "-")
		if !is {
			last = first
		}
		a, known := portNames[first]
		b, knownToo := portNames[last]
		var errA, errB error
		if !known {
			a, errA = strconv.Atoi(first)
		}
		if !knownToo {
			b, errB = strconv.Atoi(last)
		}
		if errA != nil || errB != nil {
			return nil
		}
		all = append(all, PortRange{a, b})
	}
	return all
}
