package host

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

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
			_, i = value(i + 2)
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
