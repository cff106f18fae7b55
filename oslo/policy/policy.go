// Package policy is OpenStack's rule language: defaults declared in code, overrides from an operator's file, and an answer that says why.
//
// A check is built from "role:NAME", "rule:NAME", "ATTR:%(target)s", "ATTR:literal", "'literal':%(target)s", "@" (always), "!" (never),
// combined with and, or, not and parentheses. ATTR is a fact of the caller (user_id, project_id, domain_id, system_scope, is_admin,
// user_domain_id, …); %(name)s is a fact of the target. A fact that is absent matches nothing, except the literal None.
package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"

	"hypernova/oslo/auth"
)

// Rule is a declared default: the name operators override, its check string, and what it guards.
type Rule struct {
	Name  string // "os_compute_api:servers:create"
	Check string // "rule:project_member_or_admin"
	Doc   string
	// Scopes are the kinds of scope, "project", "domain" or "system", that a caller's token may have; none means any.
	Scopes []string
}

// Target is what is acted upon, by OpenStack's names: project_id, user_id, "target.user.domain_id".
type Target map[string]string

// Verdict is a decision; a refusal has a reason for the log and for administrators.
type Verdict struct {
	Allowed bool
	Reason  string
}

// Enforcer decides. It is safe for concurrent use; Reload replaces the overrides while it is used.
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

// New builds an enforcer of the declared rules and an operator's overrides (by rule name; nil: none). See With for what it refuses.
func New(rules []*Rule, overrides map[string]string) (*Enforcer, error) {
	return With(rules, Options{Overrides: overrides})
}

// With builds an enforcer of the declared rules. It refuses a check that does not parse, and one that leads back to itself or names
// a rule that exists nowhere. Overrides that have no effect are no error; Remarks tells of them.
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

// Reload replaces the overrides; on error the old rules stay in force.
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

// Remarks are what an operator should know of the overrides in force: one sentence for each that has no effect, or not by its own name.
func (e *Enforcer) Remarks() []string { return e.live.Load().remarks }

// acyclic refuses rules that lead back to themselves, and names of rules that exist nowhere.
func (e *Enforcer) acyclic(rs *ruleset) error {
	state := map[string]int{}
	var visit func(name, from string) error
	visit = func(name, from string) error {
		c, ok := rs.checks[name]
		switch {
		case !ok:
			return fmt.Errorf("policy rule %q refers to rule %q, which is not there; did you mean %q?", from, name, e.nearest(name))
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

// Rule is the declared rule of that name, nil if there is none.
func (e *Enforcer) Rule(name string) *Rule { return e.declared[name] }

// Rules are the declared rules in order of declaration.
func (e *Enforcer) Rules() []*Rule { return e.order }

// Text is the check in force for a rule.
func (e *Enforcer) Text(r *Rule) string { return e.live.Load().texts[r.Name] }

// Check decides whether the caller may do on the target what the rule guards. A nil target is the caller's own project and user.
// A nil caller has no facts: only "@" lets it pass. A rule that was not declared to this enforcer is refused.
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
	if declared := e.declared[r.Name]; declared != nil && !e.o.AnyScope && len(declared.Scopes) > 0 && !slices.Contains(declared.Scopes, kind(c)) {
		return Verdict{Reason: fmt.Sprintf("%s is for tokens of a scope in %v; the caller's is %s", r.Name, declared.Scopes, scope(c))}
	}
	if chk.eval(&facts{rs: rs, caller: c, target: t}) {
		return Verdict{Allowed: true}
	}
	return Verdict{Reason: fmt.Sprintf("%s asks for %q; the caller has roles %s on %s", r.Name, rs.texts[r.Name],
		"["+strings.Join(c.Roles, " ")+"]", scope(c))}
}

// kind is the kind of scope that the caller has; a token of no scope counts as one of a project, as with OpenStack's services.
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
