package mapping

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dlclark/regexp2"

	"hypernova/oslo/fault"
)

// compile reads a regular expression as operators write them for the original, look-ahead and all; one that takes too
// long does not match.
func compile(expr string) (*regexp2.Regexp, error) {
	re, err := regexp2.Compile(expr, regexp2.None)
	if err != nil {
		return nil, err
	}
	re.MatchTimeout = 100 * time.Millisecond
	return re, nil
}

// bind tests all conditions and answers the values of those that bind some.
func (r Rule) bind(a Attributes) (bound [][]string, ok bool, err error) {
	for _, c := range r.Remote {
		values := a[c.Type]
		if len(values) == 0 {
			return nil, false, nil
		}
		var hits []string
		if kind := c.kind(); kind != "" {
			if hits, err = c.hits(values); err != nil {
				return nil, false, err
			}
		}
		switch c.kind() {
		case "any_one_of":
			if len(hits) == 0 {
				return nil, false, nil
			}
			continue
		case "not_any_of":
			if len(hits) > 0 {
				return nil, false, nil
			}
			continue
		case "whitelist":
			values = hits
		case "blacklist":
			values = slices.DeleteFunc(slices.Clone(values), func(v string) bool { return slices.Contains(hits, v) })
		}
		bound = append(bound, values)
	}
	return bound, true, nil
}

// hits are the values that are among the condition's, or match one of its expressions.
func (c Remote) hits(values []string) ([]string, error) {
	words := slices.Concat(c.AnyOneOf, c.NotAnyOf, c.Whitelist, c.Blacklist)
	if !c.Regex {
		return slices.DeleteFunc(slices.Clone(values), func(v string) bool { return !slices.Contains(words, v) }), nil
	}
	var out []string
	for _, v := range values {
		for _, e := range words {
			re, err := compile(e)
			if err != nil {
				return nil, fault.Invalidf("Invalid mapping: %v.", err)
			}
			hit, err := re.MatchString(v)
			if err != nil { // out of time: it is not known whether the condition holds, so nobody gets in by it
				return nil, refuse("An expression of the mapping takes too long.")
			}
			if hit {
				out = append(out, v)
				break
			}
		}
	}
	return out, nil
}

// filler puts bound values into texts. Where a rule binds none its texts are taken as they are.
type filler struct {
	mapping string
	values  [][]string
	plain   bool
	err     error
}

func (f *filler) local(l Local) Local {
	if l.User != nil {
		u := User{ID: f.text(l.User.ID), Name: f.text(l.User.Name), Email: f.text(l.User.Email), Type: f.text(l.User.Type),
			Domain: f.domain(l.User.Domain)}
		l.User = &u
	}
	l.Group, l.Domain = f.group(l.Group), f.domain(l.Domain)
	ps := l.Projects
	l.Projects = nil
	for _, p := range ps {
		n := Project{Name: f.text(p.Name), Domain: f.domain(p.Domain)}
		for _, r := range p.Roles {
			n.Roles = append(n.Roles, Role{f.text(r.Name)})
		}
		l.Projects = append(l.Projects, n)
	}
	return l
}

func (f *filler) group(g *Group) *Group {
	if g == nil {
		return nil
	}
	return &Group{ID: f.text(g.ID), Name: f.text(g.Name), Domain: f.domain(g.Domain)}
}

func (f *filler) domain(d *Domain) *Domain {
	if d == nil {
		return nil
	}
	return &Domain{ID: f.text(d.ID), Name: f.text(d.Name)}
}

// text replaces {0}, {1}, …; {{ and }} stand for braces.
func (f *filler) text(s string) string {
	if f.plain || !strings.ContainsAny(s, "{}") {
		return s
	}
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] != '{' && s[i] != '}':
			out.WriteByte(s[i])
		case i+1 < len(s) && s[i+1] == s[i]:
			out.WriteByte(s[i])
			i++
		default:
			end := strings.IndexByte(s[i:], '}')
			if s[i] == '}' || end < 0 {
				f.dangling()
				return ""
			}
			out.WriteString(f.one(s[i+1 : i+end]))
			i += end
		}
	}
	return out.String()
}

// one is the text of one placeholder: the value, or all of them as a list.
func (f *filler) one(index string) string {
	vs := f.at(index)
	if len(vs) == 1 {
		return vs[0]
	}
	quoted := make([]string, len(vs))
	for i, v := range vs {
		quoted[i] = "'" + strings.ReplaceAll(v, "'", `\'`) + "'"
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

func (f *filler) at(index string) []string {
	n, err := strconv.ParseUint(index, 10, 16)
	if err != nil || n >= uint64(len(f.values)) {
		f.dangling()
		return []string{""}
	}
	return f.values[n]
}

func (f *filler) dangling() {
	if f.err == nil {
		f.err = fault.Invalidf("Local section in mapping %s refers to a remote match that doesn't exist (e.g. {0} in a local section).", f.mapping)
	}
}

// list is a text that stands for several values: exactly one placeholder is all its values, anything else is one
// text, or a list written as ['a', 'b'].
func (f *filler) list(s string) []string {
	if !f.plain && len(s) > 2 && s[0] == '{' && strings.IndexByte(s, '}') == len(s)-1 {
		return f.at(s[1 : len(s)-1])
	}
	if vs, ok := literal(s); ok {
		return vs
	}
	return []string{f.text(s)}
}

// literal reads the operator's own ['a', "b"]. It is never tried on what a provider has said.
func literal(s string) ([]string, bool) {
	body, ok := strings.CutPrefix(strings.TrimSpace(s), "[")
	body, end := strings.CutSuffix(body, "]")
	if !ok || !end {
		return nil, false
	}
	out := []string{}
	for part := range strings.SplitSeq(body, ",") {
		part = strings.TrimSpace(part)
		if part == "" && strings.TrimSpace(body) == "" {
			break
		}
		if len(part) < 2 || part[0] != part[len(part)-1] || part[0] != '\'' && part[0] != '"' {
			return nil, false
		}
		out = append(out, part[1:len(part)-1])
	}
	return out, true
}
