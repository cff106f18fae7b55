// Package drivers is a registry of drivers by name.
package drivers

import (
	"slices"
	"strings"

	"hypernova/oslo/fault"
)

// Registry maps names to constructors of D that take a config C. It is built once, as a literal, by the composition
// root.
type Registry[C, D any] map[string]func(C) (D, error)

// New makes the named driver. An unknown name is fault.Invalid and lists the known ones.
func (r Registry[C, D]) New(kind, name string, c C) (D, error) {
	f, ok := r[name]
	if !ok {
		var zero D
		return zero, fault.Invalidf("no %s driver is called %q; there are: %s", kind, name, strings.Join(r.Names(), ", "))
	}
	return f(c)
}

// Names are the registered names in order.
func (r Registry[C, D]) Names() []string {
	var ns []string
	for n := range r {
		ns = append(ns, n)
	}
	slices.Sort(ns)
	return ns
}
