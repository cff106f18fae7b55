package policy

import (
	"fmt"
	"strings"

	"hypernova/oslo/auth"
)

// facts is the input of a decision: caller, target and rules.
type facts struct {
	rs     *ruleset
	caller *auth.Caller
	target Target
}

type check interface {
	eval(f *facts) bool
	rules(fn func(name string)) // names of the rules that the check refers to
}

type (
	always struct{ yes bool }
	not    struct{ c check }
	and    []check
	or     []check
	ref    string
	role   string
	match  struct { // compares an attribute of the caller, or a literal, with an attribute of the target, or a literal
		left, right       string
		literal, fromGoal bool
	}
)

func (c always) eval(*facts) bool   { return c.yes }
func (c always) rules(func(string)) {}
func (c not) eval(f *facts) bool    { return !c.c.eval(f) }
func (c not) rules(fn func(string)) { c.c.rules(fn) }
func (c ref) eval(f *facts) bool    { return f.rs.checks[string(c)].eval(f) }
func (c ref) rules(fn func(string)) { fn(string(c)) }
func (c role) rules(func(string))   {}
func (c match) rules(func(string))  {}
func (c and) rules(fn func(string)) { each(c, fn) }
func (c or) rules(fn func(string))  { each(c, fn) }
func each(cs []check, fn func(string)) {
	for _, c := range cs {
		c.rules(fn)
	}
}

func (c and) eval(f *facts) bool {
	for _, k := range c {
		if !k.eval(f) {
			return false
		}
	}
	return true
}

func (c or) eval(f *facts) bool {
	for _, k := range c {
		if k.eval(f) {
			return true
		}
	}
	return false
}

func (c role) eval(f *facts) bool {
	for _, r := range f.caller.Roles {
		if strings.EqualFold(r, string(c)) {
			return true
		}
	}
	return false
}

func (c match) eval(f *facts) bool {
	want := c.right
	if c.fromGoal {
		v, ok := f.target[c.right]
		if !ok {
			return false
		}
		want = v
		if c.literal && c.left == "None" {
			return want == ""
		}
	}
	if c.literal {
		return c.left == want
	}
	have := attribute(f.caller, c.left)
	if want == "None" && !c.fromGoal {
		return have == ""
	}
	return have != "" && have == want
}

// attribute returns a caller's attribute by the names of oslo.context and of keystone's policies.
func attribute(c *auth.Caller, name string) string {
	switch name {
	case "user_id", "user":
		return c.UserID
	case "project_id", "tenant_id", "tenant":
		return c.ProjectID
	case "domain_id", "token.domain.id":
		return c.DomainID
	case "user_domain_id", "token.user.domain.id":
		return c.UserDomainID
	case "project_domain_id", "token.project.domain.id":
		return c.ProjectDomainID
	case "system_scope", "system":
		return c.System
	case "is_admin":
		return title(c.Admin())
	case "is_admin_project", "token.is_admin_project":
		return "True"
	}
	return ""
}

func title(b bool) string {
	if b {
		return "True"
	}
	return "False"
}

// parse parses a check string. The empty string passes always, like "@".
func parse(text string) (check, error) {
	toks, err := tokens(text)
	if err != nil {
		return nil, err
	}
	if len(toks) == 0 {
		return always{true}, nil
	}
	p := &parser{toks: toks}
	c, err := p.or()
	if err == nil && p.pos < len(p.toks) {
		err = fmt.Errorf("%q is not expected in %q", p.toks[p.pos], text)
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

// tokens splits at blanks and parentheses, except inside quotes and %(name)s.
func tokens(s string) ([]string, error) {
	var out []string
	for i := 0; i < len(s); {
		switch c := s[i]; {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			i++
		case c == '(' || c == ')':
			out = append(out, string(c))
			i++
		default:
			j := i
			for j < len(s) && !strings.ContainsRune(" \t\r\n)", rune(s[j])) {
				switch {
				case s[j] == '\'' || s[j] == '"':
					k := strings.IndexByte(s[j+1:], s[j])
					if k < 0 {
						return nil, fmt.Errorf("a quote is not closed in %q", s)
					}
					j += k + 2
				case strings.HasPrefix(s[j:], "%("):
					k := strings.Index(s[j:], ")s")
					if k < 0 {
						return nil, fmt.Errorf("%%( without )s in %q", s)
					}
					j += k + 2
				case s[j] == '(':
					return nil, fmt.Errorf("%q is not expected in %q", "(", s)
				default:
					j++
				}
			}
			out = append(out, s[i:j])
			i = j
		}
	}
	return out, nil
}

type parser struct {
	toks []string
	pos  int
}

func (p *parser) peek() string {
	if p.pos < len(p.toks) {
		return p.toks[p.pos]
	}
	return ""
}

func (p *parser) or() (check, error) {
	return p.chain("or", p.and, func(cs []check) check { return or(cs) })
}

func (p *parser) and() (check, error) {
	return p.chain("and", p.not, func(cs []check) check { return and(cs) })
}

func (p *parser) chain(word string, operand func() (check, error), join func([]check) check) (check, error) {
	var cs []check
	for {
		c, err := operand()
		if err != nil {
			return nil, err
		}
		cs = append(cs, c)
		if !strings.EqualFold(p.peek(), word) {
			break
		}
		p.pos++
	}
	if len(cs) == 1 {
		return cs[0], nil
	}
	return join(cs), nil
}

func (p *parser) not() (check, error) {
	if strings.EqualFold(p.peek(), "not") {
		p.pos++
		c, err := p.not()
		return not{c}, err
	}
	return p.atom()
}

func (p *parser) atom() (check, error) {
	t := p.peek()
	p.pos++
	switch {
	case t == "":
		return nil, fmt.Errorf("a check is missing at the end")
	case t == "(":
		c, err := p.or()
		if err == nil && p.peek() != ")" {
			err = fmt.Errorf("a parenthesis is not closed")
		}
		p.pos++
		return c, err
	case t == "@":
		return always{true}, nil
	case t == "!":
		return always{false}, nil
	}
	kind, arg, ok := cut(t)
	if !ok || arg == "" {
		return nil, fmt.Errorf("%q is not a check of the form kind:match", t)
	}
	switch kind {
	case "rule":
		return ref(arg), nil
	case "role":
		return role(arg), nil
	case "field": // neutron's field:networks:shared=True
		_, expr, _ := strings.Cut(arg, ":")
		attr, value, ok := strings.Cut(expr, "=")
		if !ok {
			return nil, fmt.Errorf("%q is not a check of the form field:resource:attribute=value", t)
		}
		return match{left: value, literal: true, right: attr, fromGoal: true}, nil
	}
	m := match{left: kind, right: unquote(arg)}
	if u := unquote(kind); u != kind || kind == "None" || kind == "True" || kind == "False" {
		m.left, m.literal = u, true
	}
	if strings.HasPrefix(arg, "%(") && strings.HasSuffix(arg, ")s") {
		m.right, m.fromGoal = arg[2:len(arg)-2], true
	}
	return m, nil
}

// cut splits at the first colon outside of quotes.
func cut(t string) (kind, arg string, ok bool) {
	if t[0] == '\'' || t[0] == '"' {
		if end := strings.IndexByte(t[1:], t[0]) + 2; end < len(t) && t[end] == ':' {
			return t[:end], t[end+1:], true
		}
		return "", "", false
	}
	return strings.Cut(t, ":")
}

func unquote(s string) string {
	if len(s) >= 2 && (s[0] == '\'' || s[0] == '"') && s[len(s)-1] == s[0] {
		return s[1 : len(s)-1]
	}
	return s
}
