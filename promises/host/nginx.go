package host

import "strings"

// Directive is one directive of nginx, with its block where it has one.
type Directive struct {
	Name  string
	Args  []string
	Block []Directive
}

// ReadNginx reads a file of nginx. What is left open at its end is closed there.
func ReadNginx(text string) []Directive {
	p := tokens{list: nginxTokens(text)}
	return p.directives(0)
}

// tokens are words and the characters { } ; that stand for themselves.
type tokens struct {
	list []token
	at   int
}

type token struct {
	text   string
	syntax bool // { } or ;
}

func (p *tokens) directives(depth int) []Directive {
	var all []Directive
	var words []string
	end := func(block []Directive) {
		if len(words) > 0 {
			all = append(all, Directive{Name: words[0], Args: words[1:], Block: block})
		}
		words = nil
	}
	for p.at < len(p.list) {
		t := p.list[p.at]
		p.at++
		switch {
		case !t.syntax:
			words = append(words, t.text)
		case t.text == ";":
			end(nil)
		case t.text == "{":
			if depth > 20 {
				return all
			}
			end(p.directives(depth + 1))
		default:
			if depth > 0 {
				return all
			}
		}
	}
	end(nil)
	return all
}

func nginxTokens(text string) []token {
	var all []token
	for i := 0; i < len(text); {
		switch c := text[i]; c {
		case ' ', '\t', '\n', '\r':
			i++
		case '#':
			for i < len(text) && text[i] != '\n' {
				i++
			}
		case '{', '}', ';':
			all = append(all, token{string(c), true})
			i++
		case '"', '\'':
			var b strings.Builder
			for i++; i < len(text) && text[i] != c; i++ {
				if text[i] == '\\' && i+1 < len(text) {
					i++
				}
				b.WriteByte(text[i])
			}
			i++
			all = append(all, token{b.String(), false})
		default:
			begin := i
			for i < len(text) && !strings.ContainsRune(" \t\r\n;{}", rune(text[i])) {
				if text[i] == '$' && i+1 < len(text) && text[i+1] == '{' { // ${name} is one word
					for i < len(text) && text[i] != '}' {
						i++
					}
				}
				if i < len(text) {
					i++
				}
			}
			all = append(all, token{text[begin:i], false})
		}
	}
	return all
}

// Walk calls visit with each directive below all of these, and the names of the blocks around it.
func Walk(all []Directive, visit func(around []string, d Directive)) { walk(nil, all, visit) }

func walk(around []string, all []Directive, visit func(around []string, d Directive)) {
	for _, d := range all {
		visit(around, d)
		walk(append(around[:len(around):len(around)], d.Name), d.Block, visit)
	}
}

// Arg is the first argument of the directive of a name in a block; "" where there is none.
func Arg(block []Directive, name string) string {
	for _, d := range block {
		if d.Name == name {
			return strings.Join(d.Args, " ")
		}
	}
	return ""
}
