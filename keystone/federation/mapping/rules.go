// Package mapping evaluates federation mappings: rules from remote attributes to local users, groups and projects. It
// is pure: it knows no database and no protocol.
package mapping

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"hypernova/oslo/fault"
)

// The versions of the language. In Domains a domain beside user or projects is the default of those that name none.
const (
	Plain   = "1.0"
	Domains = "2.0"
)

// Domain is named by id or by name; both are empty where none was named.
type Domain struct {
	ID   string `json:"id,omitempty"`
	Name string `json:"name,omitempty"`
}

// User is a person: ephemeral ones live with their identity provider, local ones are users of this cloud.
type User struct {
	ID     string  `json:"id,omitempty"`
	Name   string  `json:"name,omitempty"`
	Email  string  `json:"email,omitempty"`
	Domain *Domain `json:"domain,omitempty"`
	Type   string  `json:"type,omitempty"`
}

// Group is a group by id, or by name and domain.
type Group struct {
	ID     string  `json:"id,omitempty"`
	Name   string  `json:"name,omitempty"`
	Domain *Domain `json:"domain,omitempty"`
}

// Project is a project that is made where it is not there, and the roles the user gets on it.
type Project struct {
	Name   string  `json:"name"`
	Roles  []Role  `json:"roles"`
	Domain *Domain `json:"domain,omitempty"`
}

// Role is a role by name.
type Role struct {
	Name string `json:"name"`
}

// Rule says: who fulfils all of Remote is what Local says.
type Rule struct {
	Local  []Local  `json:"local"`
	Remote []Remote `json:"remote"`
}

// Local is one consequence. Texts may hold {0}, {1}, …: the values of the remote conditions, in order, that bind one.
type Local struct {
	User     *User     `json:"user,omitempty"`
	Group    *Group    `json:"group,omitempty"`
	Groups   *string   `json:"groups,omitempty"`
	GroupIDs *string   `json:"group_ids,omitempty"`
	Domain   *Domain   `json:"domain,omitempty"`
	Projects []Project `json:"projects,omitempty"`
}

// Remote is a condition on one attribute. AnyOneOf and NotAnyOf only test; the others bind the attribute's values,
// all or filtered.
type Remote struct {
	Type      string   `json:"type"`
	AnyOneOf  []string `json:"any_one_of,omitempty"`
	NotAnyOf  []string `json:"not_any_of,omitempty"`
	Whitelist []string `json:"whitelist,omitempty"`
	Blacklist []string `json:"blacklist,omitempty"`
	Regex     bool     `json:"regex,omitempty"`
}

// kind is which of the four words a condition uses, empty for none.
func (r Remote) kind() string {
	switch {
	case r.AnyOneOf != nil:
		return "any_one_of"
	case r.NotAnyOf != nil:
		return "not_any_of"
	case r.Whitelist != nil:
		return "whitelist"
	case r.Blacklist != nil:
		return "blacklist"
	}
	return ""
}

// Parse reads rules and refuses what is none of the language; fault.Invalid. An empty version is Plain.
func Parse(version string, raw []byte) ([]Rule, error) {
	if version == "" {
		version = Plain
	}
	if version != Plain && version != Domains {
		return nil, bad("schema_version %q is neither %s nor %s", version, Plain, Domains)
	}
	var rules []Rule
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&rules); err != nil {
		return nil, bad("%v", err).Because(err)
	}
	if d.More() {
		return nil, bad("there is more than a list of rules")
	}
	if len(rules) == 0 {
		return nil, bad("rules is too short")
	}
	if hasNull(raw) {
		return nil, bad("null stands where a value should be")
	}
	for i, r := range rules {
		if err := r.check(version); err != nil {
			return nil, bad("rule %d: %v", i, err)
		}
	}
	return rules, nil
}

// hasNull reports whether a document that is known to be JSON has null anywhere.
func hasNull(raw []byte) bool {
	d := json.NewDecoder(bytes.NewReader(raw))
	for {
		t, err := d.Token()
		if err != nil {
			return false
		}
		if t == nil {
			return true
		}
	}
}

func bad(format string, args ...any) *fault.Fault {
	return fault.New(fault.Invalid, "Invalid mapping: "+format+".", args...)
}

// problem is what is wrong with a rule, in words for who wrote it.
type problem string

func (p problem) Error() string { return string(p) }

func (r Rule) check(version string) error {
	if r.Local == nil {
		return problem("'local' is a required property")
	}
	if len(r.Remote) == 0 {
		return problem("'remote' is a required property, and not empty")
	}
	for _, c := range r.Remote {
		if err := c.check(); err != nil {
			return err
		}
	}
	for _, l := range r.Local {
		if err := l.check(version); err != nil {
			return err
		}
	}
	return nil
}

func (r Remote) check() error {
	words := 0
	for _, list := range [][]string{r.AnyOneOf, r.NotAnyOf, r.Whitelist, r.Blacklist} {
		if list != nil {
			words++
		}
	}
	switch {
	case r.Type == "":
		return problem("'type' is a required property of a remote condition")
	case words > 1:
		return problem("a remote condition has one of any_one_of, not_any_of, whitelist and blacklist")
	case r.Regex && words == 0:
		return problem("regex needs any_one_of, not_any_of, whitelist or blacklist")
	}
	if r.Regex {
		for _, e := range slices.Concat(r.AnyOneOf, r.NotAnyOf, r.Whitelist, r.Blacklist) {
			if _, err := compile(e); err != nil {
				return problem(err.Error())
			}
		}
	}
	return nil
}

func (l Local) check(version string) error {
	if u := l.User; u != nil && u.Type != "" && u.Type != Ephemeral && u.Type != Resident {
		return problem("user type " + u.Type + " is neither " + Ephemeral + " nor " + Resident)
	}
	if g := l.Group; g != nil && (g.ID == "") == (g.Name == "") {
		return problem("a group has an id, or a name and a domain")
	} else if g != nil && g.Name != "" && g.Domain == nil {
		return problem("a group with a name needs a domain")
	}
	for _, p := range l.Projects {
		switch {
		case p.Name == "" || p.Roles == nil:
			return problem("a project has a name and roles")
		case p.Domain != nil && version == Plain:
			return problem("projects have domains from schema_version " + Domains + " on")
		case slices.ContainsFunc(p.Roles, func(r Role) bool { return r.Name == "" }):
			return problem("a role has a name")
		}
	}
	return nil
}

// Types of users.
const (
	Ephemeral = "ephemeral"
	Resident  = "local"
)

// Identity is what the rules made of somebody.
type Identity struct {
	User     User
	GroupIDs []string
	Groups   []Group // by name and domain
	Projects []Project
}

// Attributes are what a provider says of somebody, each with its values.
type Attributes map[string][]string

// Apply evaluates the rules. fault.Unauthorized when no rule fits, or the values do not make an identity;
// fault.Invalid when a rule refers to a value that its remote conditions do not bind.
func Apply(version, id string, rules []Rule, a Attributes) (Identity, error) {
	var out Identity
	seen, matched := map[string]bool{}, false
	var last *Domain
	for _, r := range rules {
		bound, ok, err := r.bind(a)
		if err != nil {
			return out, err
		}
		if !ok {
			continue
		}
		for _, l := range r.Local {
			f := filler{mapping: id, values: bound, plain: len(bound) == 0}
			l = f.local(l)
			if f.err == nil {
				f.err = out.add(version, l, f, seen)
			}
			if f.err != nil {
				return out, f.err
			}
			matched, last = true, l.Domain
		}
	}
	if !matched {
		return out, refuse("Could not map any federated user properties to identity values. Check the mapping used for additional details.")
	}
	if out.User.Type == "" {
		out.User.Type = Ephemeral
	}
	if version == Domains && out.User.Domain == nil {
		out.User.Domain = last
	}
	return out, nil
}

func refuse(format string, args ...any) error {
	return fault.New(fault.Unauthorized, format, args...)
}

// add takes in one consequence. The first user wins; groups add up; the last projects win.
func (i *Identity) add(version string, l Local, f filler, seen map[string]bool) error {
	if l.User != nil && i.User == (User{}) {
		i.User = *l.User
	}
	put := func(key string, add func()) {
		if !seen[key] {
			seen[key] = true
			add()
		}
	}
	addID := func(g string) { put("id "+g, func() { i.GroupIDs = append(i.GroupIDs, g) }) }
	addName := func(g Group) {
		put("name "+g.Name+"\x00"+g.Domain.ID+"\x00"+g.Domain.Name, func() { i.Groups = append(i.Groups, g) })
	}
	if g := l.Group; g != nil && g.ID != "" {
		addID(g.ID)
	} else if g != nil {
		addName(*g)
	}
	if l.Groups != nil {
		for _, text := range f.list(*l.Groups) {
			g, err := namedGroup(text, l.Domain)
			if err != nil {
				return err
			}
			addName(g)
		}
	}
	if l.GroupIDs != nil {
		for _, g := range f.list(*l.GroupIDs) {
			addID(g)
		}
	}
	if l.Projects != nil {
		i.Projects = l.Projects
		for n := range i.Projects {
			if version == Domains && i.Projects[n].Domain == nil {
				i.Projects[n].Domain = l.Domain
			}
		}
	}
	return f.err
}

// namedGroup reads the name of a group, or, where the rule leaves the domain open, JSON:{"name": …, "domain": …}.
func namedGroup(text string, domain *Domain) (Group, error) {
	g := Group{Name: text, Domain: domain}
	if body, ok := strings.CutPrefix(text, "JSON:"); ok && domain == nil {
		if err := json.Unmarshal([]byte(body), &g); err != nil {
			return g, refuse("A group is no JSON object.")
		}
	}
	if g.Domain == nil {
		return g, refuse("Invalid rule: both 'groups' and 'domain' keywords must be specified.")
	}
	return g, nil
}
