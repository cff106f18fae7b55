// Package policy is OpenStack's policy language (oslo.policy): default rules in code, an operator's overrides,
// decisions with a reason.
//
// A check is built from "role:NAME", "rule:NAME", "ATTR:%(target)s", "ATTR:literal", "'literal':%(target)s", "@"
// (always) and "!" (never), combined with and, or, not and parentheses. ATTR is an attribute of the caller (user_id,
// project_id, domain_id, system_scope, is_admin, user_domain_id, …). %(name)s is an attribute of the target. An absent
// attribute matches only the literal None.
package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"

	"hypernova/oslo/auth"
	"hypernova/oslo/conf"
)

// Rule is a declared default: its name, which operators override, its check string, and a description.
type Rule struct {
	Name  string // "os_compute_api:servers:create"
	Check string // "rule:project_member_or_admin"
	Doc   string
	// Scopes are the token scopes that the rule accepts: "project", "domain" or "system". None means any.
	Scopes []string
}

// Set is the rules of a service. Its zero value is empty and ready for use. It is filled by the package variables that
// declare the rules, and must not be changed afterwards.
type Set struct{ rules []*Rule }

// Add declares a rule and returns it, so that a rule is declared and listed in one place:
//
//	var ServersIndex = set.Add(policy.Rule{Name: "os_compute_api:servers:index", …})
func (s *Set) Add(r Rule) *Rule {
	s.rules = append(s.rules, &r)
	return &r
}

// Rules lists the rules in the order of their declaration.
func (s *Set) Rules() []*Rule { return slices.Clone(s.rules) }

// Target is the attributes of the object of a request, by OpenStack's names: project_id, user_id,
// "target.user.domain_id".
type Target map[string]string

// Verdict is a decision. A refusal has a reason for the log and for administrators.
type Verdict struct {
	Allowed bool
	Reason  string
}

// Enforcer decides by rules. It is safe for concurrent use, also during Reload.
type Enforcer struct {
	declared map[string]*Rule
	order    []*Rule
	o        Options
	live     atomic.Pointer[ruleset]
}

type ruleset struct {
	checks  map[string]check
	texts   map[string]string
	remarks []string
}

// New makes an enforcer from the declared rules and an operator's overrides (by rule name; nil: none). For its errors
// see With.
func New(rules []*Rule, overrides map[string]string) (*Enforcer, error) {
	return With(rules, Options{Overrides: overrides})
}

// With makes an enforcer from the declared rules. It returns an error for a check that does not parse, a cycle of
// rules, and a reference to an unknown rule. Overrides without effect are no error; Remarks lists them.
func With(rules []*Rule, o Options) (*Enforcer, error) {
	e := &Enforcer{declared: make(map[string]*Rule, len(rules)), order: slices.Clone(rules), o: o}
	for _, r := range rules {
		if old, ok := e.declared[r.Name]; ok && old != r {
			return nil, fmt.Errorf("policy rule %q is declared twice", r.Name)
		}
		e.declared[r.Name] = r
	}
	return e, e.Reload(o.Overrides)
}

// Reload replaces the overrides. On error the old rules stay in force.
func (e *Enforcer) Reload(overrides map[string]string) error {
	texts, err := e.texts(overrides)
	if err != nil {
		return err
	}
	rs := &ruleset{checks: make(map[string]check, len(texts)), texts: texts}
	for name, text := range texts {
		if rs.checks[name], err = parse(text); err != nil {
			return fmt.Errorf("policy rule %q: %w", name, err)
		}
	}
	if err := e.acyclic(rs); err != nil {
		return err
	}
	rs.remarks = e.remarks(rs, overrides)
	e.live.Store(rs)
	return nil
}

// Remarks returns a sentence for each override that has no effect, or that has an effect only under another name.
func (e *Enforcer) Remarks() []string { return e.live.Load().remarks }

// acyclic returns an error for cycles of rules and for references to unknown rules.
func (e *Enforcer) acyclic(rs *ruleset) error {
	state := map[string]int{}
	var visit func(name, from string) error
	visit = func(name, from string) error {
		c, ok := rs.checks[name]
		switch {
		case !ok:
			return fmt.Errorf("policy rule %q refers to rule %q, which is not there%s", from, name,
				conf.Hint(name, e.names(), "%q"))
		case state[name] == 1:
			return fmt.Errorf("policy rule %q leads back to itself", name)
		case state[name] == 2:
			return nil
		}
		state[name] = 1
		var err error
		c.rules(func(next string) {
			if err == nil {
				err = visit(next, name)
			}
		})
		state[name] = 2
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(rs.checks)) {
		if err := visit(name, name); err != nil {
			return err
		}
	}
	return nil
}

// Rule returns the declared rule of that name, nil if there is none.
func (e *Enforcer) Rule(name string) *Rule { return e.declared[name] }

// Rules returns the declared rules in the order of their declaration.
func (e *Enforcer) Rules() []*Rule { return e.order }

// Text returns the check string in force for a rule.
func (e *Enforcer) Text(r *Rule) string { return e.live.Load().texts[r.Name] }

// Check decides whether the caller may do to the target what the rule guards. A nil target means the caller's own
// project and user. A nil caller has no attributes and passes only "@". A rule that this enforcer does not have is
// refused.
func (e *Enforcer) Check(r *Rule, c *auth.Caller, t Target) Verdict {
	rs := e.live.Load()
	chk, ok := rs.checks[r.Name]
	if !ok {
		return Verdict{Reason: "policy rule " + r.Name + " is not declared"}
	}
	if c == nil {
		c = &auth.Caller{}
	}
	if t == nil {
		t = Target{"project_id": c.ProjectID, "user_id": c.UserID, "domain_id": c.DomainID}
	}
	if declared := e.declared[r.Name]; declared != nil && !e.o.AnyScope && len(declared.Scopes) > 0 &&
		!slices.Contains(declared.Scopes, kind(c)) {
		return Verdict{Reason: fmt.Sprintf("%s is for tokens of a scope in %v; the caller's is %s", r.Name, declared.Scopes,
			scope(c))}
	}
	if chk.eval(&facts{rs: rs, caller: c, target: t}) {
		return Verdict{Allowed: true}
	}
	return Verdict{Reason: fmt.Sprintf("%s asks for %q; the caller has roles %s on %s", r.Name, rs.texts[r.Name],
		"["+strings.Join(c.Roles, " ")+"]", scope(c))}
}

// kind returns the caller's token scope. An unscoped token counts as project scope, as in OpenStack's services.
func kind(c *auth.Caller) string {
	switch {
	case c.System != "":
		return "system"
	case c.DomainID != "":
		return "domain"
	}
	return "project"
}

func scope(c *auth.Caller) string {
	switch {
	case c.ProjectID != "":
		return "project " + c.ProjectID
	case c.DomainID != "":
		return "domain " + c.DomainID
	case c.System != "":
		return "the system"
	}
	return "nothing"
}
