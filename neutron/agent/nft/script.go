package nft

import (
	"fmt"
	"slices"
	"strings"
)

// Tables are the agent's tables, built.
type Tables []table

type table struct {
	name   string // with its family
	sets   []set
	chains []chain
}

type set struct {
	form, name string // form: "set" or "map"
	kind       string // its type line
	elements   []string
}

type chain struct {
	name  string
	lines []string // a base chain's first line says where it is hooked
}

// Whole is one atomic script that replaces the tables, whatever was in them.
func (ts Tables) Whole() string {
	var b strings.Builder
	for _, t := range ts {
		fmt.Fprintf(&b, "table %[1]s\ndelete table %[1]s\n", t.name)
		if len(t.sets)+len(t.chains) == 0 {
			continue
		}
		fmt.Fprintf(&b, "table %s {\n", t.name)
		for _, s := range t.sets {
			fmt.Fprintf(&b, "\t%s %s {\n\t\t%s\n", s.form, s.name, s.kind)
			if len(s.elements) > 0 {
				fmt.Fprintf(&b, "\t\telements = { %s }\n", strings.Join(s.elements, ", "))
			}
			b.WriteString("\t}\n")
		}
		for _, c := range t.chains {
			fmt.Fprintf(&b, "\tchain %s {\n", c.name)
			for _, l := range c.lines {
				fmt.Fprintf(&b, "\t\t%s\n", l)
			}
			b.WriteString("\t}\n")
		}
		b.WriteString("}\n")
	}
	return b.String()
}

// Since is one atomic script that turns old into ts, empty where they are equal. Its cost is that of the difference: a
// host with a hundred guests takes in one more as fast as an empty one. It fails, and changes nothing, where old is not
// what is in force.
func (ts Tables) Since(old Tables) string {
	var b strings.Builder
	for i, t := range ts {
		t.since(&b, old[i])
	}
	return b.String()
}

// since writes what one table needs. New names come first and old ones go last, so that nothing is referred to before
// or after its time.
func (t table) since(b *strings.Builder, old table) {
	if t.empty() != old.empty() {
		b.WriteString(Tables{t}.Whole())
		return
	}
	newSets, sameSets, goneSets := split(t.sets, old.sets, func(s set) string { return s.name })
	newChains, sameChains, goneChains := split(t.chains, old.chains, func(c chain) string { return c.name })
	for _, s := range newSets {
		fmt.Fprintf(b, "add %s %s %s { %s; }\n", s.form, t.name, s.name, strings.TrimSuffix(s.kind, ";"))
	}
	for _, c := range newChains {
		fmt.Fprintf(b, "add chain %s %s\n", t.name, c.name)
	}
	for _, c := range newChains {
		t.rules(b, c)
	}
	for _, pair := range sameChains {
		if !slices.Equal(pair.now.lines, pair.was.lines) {
			fmt.Fprintf(b, "flush chain %s %s\n", t.name, pair.now.name)
			t.rules(b, pair.now)
		}
	}
	for _, s := range newSets {
		t.elements(b, "add", s.name, s.elements)
	}
	for _, pair := range sameSets {
		added, _, removed := split(pair.now.elements, pair.was.elements, func(e string) string { return e })
		t.elements(b, "delete", pair.now.name, removed)
		t.elements(b, "add", pair.now.name, added)
	}
	for _, c := range goneChains {
		fmt.Fprintf(b, "flush chain %s %s\n", t.name, c.name)
	}
	for _, c := range goneChains {
		fmt.Fprintf(b, "delete chain %s %s\n", t.name, c.name)
	}
	for _, s := range goneSets {
		fmt.Fprintf(b, "delete %s %s %s\n", s.form, t.name, s.name)
	}
}

func (t table) empty() bool { return len(t.sets)+len(t.chains) == 0 }

// rules writes a chain's rules. Base chains never come or go by themselves, so the line that hooks them is in force
// already.
func (t table) rules(b *strings.Builder, c chain) {
	for _, l := range c.lines {
		if !strings.HasPrefix(l, "type ") {
			fmt.Fprintf(b, "add rule %s %s %s\n", t.name, c.name, l)
		}
	}
}

func (t table) elements(b *strings.Builder, verb, set string, elements []string) {
	if len(elements) > 0 {
		fmt.Fprintf(b, "%s element %s %s { %s }\n", verb, t.name, set, strings.Join(elements, ", "))
	}
}

type pair[T any] struct{ now, was T }

// split tells what is new, in both and gone, by name.
func split[T any](now, was []T, name func(T) string) (added []T, same []pair[T], gone []T) {
	before := make(map[string]T, len(was))
	for _, x := range was {
		before[name(x)] = x
	}
	for _, x := range now {
		if y, ok := before[name(x)]; ok {
			same = append(same, pair[T]{x, y})
			delete(before, name(x))
		} else {
			added = append(added, x)
		}
	}
	for _, x := range was {
		if _, left := before[name(x)]; left {
			gone = append(gone, x)
		}
	}
	return added, same, gone
}
