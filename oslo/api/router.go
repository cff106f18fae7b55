package api

import (
	"net/http"
	"net/url"
	"sort"
	"strings"
)

// bound is an operation with its receiver.
type bound struct {
	def *opDef
	run func(c *call) error
}

// node is one segment of the route tree. Literal segments win over parameters, with backtracking, so that any two
// patterns may meet.
type node struct {
	literal map[string]*node
	any     *node
	methods map[string][]*bound
	names   map[string][]string // method → parameter names in order
}

func (n *node) add(b *bound) {
	at := n
	var names []string
	for _, s := range segments(b.def.path) {
		if strings.HasPrefix(s, "{") && strings.HasSuffix(s, "}") {
			names = append(names, s[1:len(s)-1])
			if at.any == nil {
				at.any = &node{}
			}
			at = at.any
			continue
		}
		if at.literal == nil {
			at.literal = map[string]*node{}
		}
		if at.literal[s] == nil {
			at.literal[s] = &node{}
		}
		at = at.literal[s]
	}
	if at.methods == nil {
		at.methods, at.names = map[string][]*bound{}, map[string][]string{}
	}
	for _, other := range at.methods[b.def.method] {
		if other.def.action == b.def.action && other.def.span.meet(b.def.span) {
			panic("api: " + b.def.name() + " is declared twice")
		}
		if (other.def.action == "") != (b.def.action == "") {
			panic("api: " + b.def.name() + " is both an action and a plain operation")
		}
	}
	if before, ok := at.names[b.def.method]; ok && strings.Join(before, "/") != strings.Join(names, "/") {
		panic("api: " + b.def.name() + " names its parameters unlike another operation of the same path")
	}
	at.methods[b.def.method] = append(at.methods[b.def.method], b)
	at.names[b.def.method] = names
}

func segments(path string) []string {
	path = strings.Trim(path, "/")
	if path == "" {
		return nil
	}
	return strings.Split(path, "/")
}

// match is where a path leads.
type match struct {
	ops    []*bound
	params []param
	allow  []string // the methods the path has, if not the asked one
	odd    bool     // the path has text that no name can have
}

func (n *node) find(method string, segs []string) (match, bool) {
	var closest match
	m, ok := n.walk(method, segs, nil, &closest)
	if ok {
		return m, true
	}
	sort.Strings(closest.allow)
	return closest, false
}

func (n *node) walk(method string, segs, values []string, closest *match) (match, bool) {
	if len(segs) == 0 {
		ops, asked := n.methods[method], method
		if ops == nil && method == http.MethodHead {
			ops, asked = n.methods[http.MethodGet], http.MethodGet
		}
		if ops == nil {
			for m := range n.methods {
				closest.allow = append(closest.allow, m)
			}
			return match{}, false
		}
		m := match{ops: ops}
		for i, name := range n.names[asked] {
			m.params = append(m.params, param{name, values[i]})
		}
		return m, true
	}
	if next := n.literal[segs[0]]; next != nil {
		if m, ok := next.walk(method, segs[1:], values, closest); ok {
			return m, true
		}
	}
	if n.any != nil {
		return n.any.walk(method, segs[1:], append(values[:len(values):len(values)], segs[0]), closest)
	}
	return match{}, false
}

// split unescapes the segments of a path below the base; ok is false for broken escapes, empty segments and text that
// cannot be kept.
func split(escaped string) (segs []string, ok bool) {
	segs = segments(escaped)
	for i, s := range segs {
		u, err := url.PathUnescape(s)
		if err != nil || u == "" || !Storable(u) {
			return nil, false
		}
		segs[i] = u
	}
	return segs, true
}
