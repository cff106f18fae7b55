// Package properties implements property protections: a file of the operator restricts who may create, read, update
// and delete image properties.
//
// Each section of the file is a regular expression that is searched for in a property's name; the first section that
// matches applies. Its options create, read, update and delete are lists of roles, @ (everybody) or ! (nobody), or, in
// the form of policies, the name of a policy rule. A property without a matching section is denied to everybody.
package properties

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/ini.v1"

	"hypernova/oslo/auth"
	"hypernova/oslo/fault"
)

// Action is an operation on a property.
type Action string

// The actions, with the names of their options.
const (
	Create Action = "create"
	Read   Action = "read"
	Update Action = "update"
	Delete Action = "delete"
)

// reserved are the service's own properties, to which no section applies.
const reserved = "os_glance"

// Decide evaluates a policy rule by its name.
type Decide func(rule string, c *auth.Caller) bool

// Rules are the sections of a file. Nil protects nothing.
type Rules struct {
	sections []section
	decide   Decide // nil: the options name roles
}

type section struct {
	name *regexp.Regexp
	who  map[Action][]string
}

// Load reads a file. A nil decide means that the options name roles. fault.Invalid for an unreadable file, an invalid
// expression, a missing option, or contradicting roles.
func Load(file string, decide Decide) (*Rules, error) {
	f, err := ini.LoadSources(ini.LoadOptions{KeyValueDelimiters: "=:", IgnoreInlineComment: true, Insensitive: false,
		SkipUnrecognizableLines: false}, file)
	if err != nil {
		return nil, fault.Invalidf("property_protection_file: %v", err)
	}
	r := &Rules{decide: decide}
	for _, s := range f.Sections() {
		if s.Name() == ini.DefaultSection || strings.HasPrefix(s.Name(), reserved) {
			continue
		}
		one := section{who: map[Action][]string{}}
		if one.name, err = regexp.Compile(s.Name()); err != nil {
			return nil, fault.Invalidf("property_protection_file: [%s] is no expression: %v", s.Name(), err)
		}
		for _, a := range []Action{Create, Read, Update, Delete} {
			if !s.HasKey(string(a)) {
				return nil, fault.Invalidf("property_protection_file: [%s] lacks %s", s.Name(), a)
			}
			if one.who[a], err = r.who(s.Key(string(a)).String()); err != nil {
				return nil, fault.Invalidf("property_protection_file: [%s] %s: %v", s.Name(), a, err)
			}
		}
		r.sections = append(r.sections, one)
	}
	return r, nil
}

func (r *Rules) who(text string) ([]string, error) {
	var out []string
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	switch {
	case r.decide != nil && len(out) > 1:
		return nil, fmt.Errorf("%q names several policies; combine them in the policy file", text)
	case slices.Contains(out, "@") && slices.Contains(out, "!"):
		return nil, fmt.Errorf("@ and ! exclude each other")
	}
	return out, nil
}

// Allowed reports whether the caller may do an operation on a property.
func (r *Rules) Allowed(name string, a Action, c *auth.Caller) bool {
	if r == nil || len(r.sections) == 0 || strings.HasPrefix(name, reserved) {
		return true
	}
	at := slices.IndexFunc(r.sections, func(s section) bool { return s.name.MatchString(name) })
	if at < 0 {
		return false
	}
	who := r.sections[at].who[a]
	switch {
	case slices.Contains(who, "!"), len(who) == 0:
		return false
	case slices.Contains(who, "@"):
		return true
	case r.decide != nil:
		return r.decide(who[0], c)
	}
	return c != nil && slices.ContainsFunc(c.Roles, func(role string) bool {
		return slices.ContainsFunc(who, func(w string) bool { return strings.EqualFold(w, role) })
	})
}

// Visible returns the properties that the caller may read.
func (r *Rules) Visible(all map[string]string, c *auth.Caller) map[string]string {
	if r == nil {
		return all
	}
	out := make(map[string]string, len(all))
	for name, value := range all {
		if r.Allowed(name, Read, c) {
			out[name] = value
		}
	}
	return out
}

// Refused is the error for a property that the caller may not use.
func Refused(name string) error {
	return fault.Forbiddenf("Attribute '%s' is reserved.", name)
}
