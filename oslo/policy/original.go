package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Catalogue is every rule that the original of a service has, by name. An operator's file of that service may name all of them.
type Catalogue map[string]Original

// Original is a rule of a service's original.
type Original struct {
	Check      string // its default
	Older      string // the name that it had before; empty: none
	OlderCheck string // its default of older releases; empty: none, or the same
}

// Options are an enforcer's rules besides those that are declared. The zero value is none, with every scope enforced.
type Options struct {
	Overrides map[string]string // an operator's rules, by name
	Known     Catalogue         // rules that are no mistake in Overrides, and that these may refer to
	AnyScope  bool              // do not look at the scope of tokens: [oslo_policy] enforce_scope = false
	// OldDefaults lets pass what the defaults of older releases let pass, for rules that nobody overrides:
	// [oslo_policy] enforce_new_defaults = false.
	OldDefaults bool
}

// texts are the checks in force: what is declared, an operator's rules over it, and the original's rules that these refer to.
func (e *Enforcer) texts(overrides map[string]string) (map[string]string, error) {
	texts := make(map[string]string, len(e.declared)+len(overrides))
	for name, r := range e.declared {
		texts[name] = e.text(r, overrides)
	}
	maps.Copy(texts, overrides) // an operator may add rules of his own for others to refer to
	for todo := slices.Sorted(maps.Keys(texts)); len(todo) > 0; {
		name := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		c, err := parse(texts[name])
		if err != nil {
			return nil, fmt.Errorf("policy rule %q: %w", name, err)
		}
		c.rules(func(ref string) {
			if _, there := texts[ref]; there {
				return
			}
			if o, known := e.o.Known[ref]; known {
				texts[ref] = o.Check
				todo = append(todo, ref)
			}
		})
	}
	return texts, nil
}

// text is the check of a declared rule that no override replaces by this name: the one of its older name, or the default.
func (e *Enforcer) text(r *Rule, overrides map[string]string) string {
	o := e.o.Known[r.Name]
	if text, ok := overrides[o.Older]; ok && o.Older != "" && strings.TrimSpace(text) != "rule:"+r.Name {
		return text
	}
	if e.o.OldDefaults && o.OlderCheck != "" && r.Check != "" && r.Check != "@" {
		return "(" + r.Check + ") or (" + o.OlderCheck + ")"
	}
	return r.Check
}

// remarks tell of each override that has no effect here, or not by its own name, one sentence each.
func (e *Enforcer) remarks(rs *ruleset, overrides map[string]string) []string {
	used := map[string]bool{}
	for _, c := range rs.checks {
		c.rules(func(name string) { used[name] = true })
	}
	var out []string
	for _, name := range slices.Sorted(maps.Keys(overrides)) {
		_, known := e.o.Known[name]
		newer := e.newer(name)
		switch {
		case e.declared[name] != nil || used[name]:
		case len(newer) > 0:
			out = append(out, fmt.Sprintf("policy rule %q is an older name of %s", name, quoted(newer)))
		case known || name == "default":
			out = append(out, fmt.Sprintf("policy rule %q has no effect: this cloud has nothing that it guards", name))
		default:
			out = append(out, fmt.Sprintf("policy rule %q has no effect: no service has it, and no other rule uses it; did you mean %q?", name, e.nearest(name)))
		}
	}
	return out
}

// newer are the declared rules that had the name before.
func (e *Enforcer) newer(older string) []string {
	var out []string
	for _, r := range e.order {
		if e.o.Known[r.Name].Older == older {
			out = append(out, r.Name)
		}
	}
	return out
}

func quoted(names []string) string {
	var out []string
	for _, n := range names {
		out = append(out, fmt.Sprintf("%q", n))
	}
	return strings.Join(out, ", ")
}

// nearest is the known name that shares most letters with another one at its beginning and its end.
func (e *Enforcer) nearest(name string) string {
	best, most := "", -1
	for _, k := range e.names() {
		n, short := 0, min(len(k), len(name))
		for n < short && k[n] == name[n] {
			n++
		}
		for i := 1; i <= short && k[len(k)-i] == name[len(name)-i]; i++ {
			n++
		}
		if n > most {
			best, most = k, n
		}
	}
	return best
}

// names are all that an operator may name: first what is declared, then what only the original has.
func (e *Enforcer) names() []string {
	var out []string
	for _, r := range e.order {
		out = append(out, r.Name)
	}
	return append(out, slices.Sorted(maps.Keys(e.o.Known))...)
}
