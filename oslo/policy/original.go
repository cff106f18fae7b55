package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"hypernova/oslo/conf"
)

// Catalogue is the rules of an OpenStack service, by name. An operator's policy file of that service may contain all of
// them.
type Catalogue map[string]Original

// Original is a rule of an OpenStack service.
type Original struct {
	Check      string // default check string
	Older      string // deprecated name; empty: none
	OlderCheck string // deprecated default; empty: none, or the same
}

// Options are the further inputs of an enforcer. The zero value has no overrides and enforces scopes.
type Options struct {
	Overrides map[string]string // an operator's rules, by name
	Known     Catalogue         // further rules that Overrides may contain and refer to
	AnyScope  bool              // do not check token scopes: [oslo_policy] enforce_scope = false
	// OldDefaults also accepts requests that pass the deprecated defaults, for rules without an override: [oslo_policy]
	// enforce_new_defaults = false.
	OldDefaults bool
}

// texts returns the check strings in force: the declared rules, the operator's overrides, and OpenStack's rules that
// these refer to.
func (e *Enforcer) texts(overrides map[string]string) (map[string]string, error) {
	texts := make(map[string]string, len(e.declared)+len(overrides))
	for name, r := range e.declared {
		texts[name] = e.text(r, overrides)
	}
	maps.Copy(texts, overrides) // an operator may add rules for others to refer to
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

// text returns the check of a declared rule without an override: an override of its deprecated name, or its default.
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

// remarks returns a sentence for each override that has no effect, or that has an effect only under another name.
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
			out = append(out, fmt.Sprintf("policy rule %q has no effect: no service has it, and no other rule uses it%s", name,
				conf.Hint(name, e.names(), "%q")))
		}
	}
	return out
}

// newer returns the declared rules with this deprecated name.
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

// names returns the known rule names: declared ones first, then those of the catalogue.
func (e *Enforcer) names() []string {
	var out []string
	for _, r := range e.order {
		out = append(out, r.Name)
	}
	return append(out, slices.Sorted(maps.Keys(e.o.Known))...)
}
