package mapping

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hypernova/oslo/fault"
)

func person() Attributes {
	return Attributes{"name": {"alice"}, "first": {"Alice"}, "last": {"Liddell"}, "groups": {"ops", "dev", "it's"},
		"one":  {"ops"},
		"kind": {"employee"}, "evil": {"['admin']"}, "json": {`JSON:{"name":"ops","domain":{"name":"d"}}`}}
}

func TestRulesMakeIdentities(t *testing.T) {
	t.Parallel()
	domain := &Domain{ID: "d"}
	ops, dev, its := Group{Name: "ops", Domain: domain}, Group{Name: "dev", Domain: domain},
		Group{Name: "it's", Domain: domain}
	user := User{Name: "alice", Type: Ephemeral}
	const groups = `"local":[{"user":{"name":"{0}"}},{"groups":"{1}","domain":{"id":"d"}}]`
	for name, c := range map[string]struct {
		version, rules string
		want           Identity
	}{
		"texts are filled": {"",
			`[{"local":[{"user":{"name":"{0} {1}","id":"{{{2}}}","email":"{2}@x"}}],"remote":[{"type":"first"},{"type":"last"},{"type":"name"}]}]`,
			Identity{User: User{Name: "Alice Liddell", ID: "{alice}", Email: "alice@x", Type: Ephemeral}}},
		"all groups": {"", `[{` + groups + `,"remote":[{"type":"name"},{"type":"groups"}]}]`,
			Identity{User: user, Groups: []Group{ops, dev, its}}},
		"one group": {"", `[{` + groups + `,"remote":[{"type":"name"},{"type":"one"}]}]`,
			Identity{User: user, Groups: []Group{ops}}},
		"whitelist": {"", `[{` + groups + `,"remote":[{"type":"name"},{"type":"groups","whitelist":["dev","x"]}]}]`,
			Identity{User: user, Groups: []Group{dev}}},
		"empty whitelist": {"", `[{` + groups + `,"remote":[{"type":"name"},{"type":"groups","whitelist":["x"]}]}]`,
			Identity{User: user}},
		"blacklist by expression": {"", `[{` + groups +
			`,"remote":[{"type":"name"},{"type":"groups","blacklist":["^o","'"],"regex":true}]}]`,
			Identity{User: user, Groups: []Group{dev}}},
		"whitelist by expression": {"", `[{` + groups +
			`,"remote":[{"type":"name"},{"type":"groups","whitelist":["^(?!dev).*s$"],"regex":true}]}]`,
			Identity{User: user, Groups: []Group{ops, its}}},
		"tests bind nothing": {"",
			`[{"local":[{"user":{"name":"{0}"}}],"remote":[{"type":"kind","any_one_of":["employee"]},{"type":"groups","not_any_of":["guests"]},{"type":"name"}]}]`,
			Identity{User: user}},
		"tests by expression": {"",
			`[{"local":[{"user":{"name":"{0}"}}],"remote":[{"type":"kind","any_one_of":["^emp"],"regex":true},{"type":"name"}]}]`, Identity{User: user}},
		"rules that do not fit are passed over": {"", `[{"local":[{"user":{"name":"boss"}}],"remote":[{"type":"kind","any_one_of":["boss"]}]},
			{"local":[{"user":{"name":"{0}"}}],"remote":[{"type":"name"}]}]`, Identity{User: user}},
		"the first user wins, groups add up": {"", `[{"local":[{"user":{"name":"{0}"}},{"group":{"id":"g1"}}],"remote":[{"type":"name"}]},
			{"local":[{"user":{"name":"x"}},{"group":{"id":"g2"}},{"group":{"id":"g1"}},{"group":{"name":"ops","domain":{"id":"d"}}}],"remote":[{"type":"name"}]}]`,
			Identity{User: user, GroupIDs: []string{"g1", "g2"}, Groups: []Group{ops}}},
		"group ids": {"", `[{"local":[{"user":{"name":"{0}"}},{"group_ids":"{1}"},{"group_ids":"['a', 'b']"}],"remote":[{"type":"name"},{"type":"one"}]}]`,
			Identity{User: user, GroupIDs: []string{"ops", "a", "b"}}},
		"what a provider says is never read as a list": {"", `[{` + groups + `,"remote":[{"type":"name"},{"type":"evil"}]}]`,
			Identity{User: user, Groups: []Group{{Name: "['admin']", Domain: domain}}}},
		"groups that name their domain": {"",
			`[{"local":[{"user":{"name":"{0}"}},{"groups":"{1}"}],"remote":[{"type":"name"},{"type":"json"}]}]`,
			Identity{User: user, Groups: []Group{{Name: "ops", Domain: &Domain{Name: "d"}}}}},
		"several values in a text": {"",
			`[{"local":[{"user":{"name":"{0}","id":"{1}"}}],"remote":[{"type":"name"},{"type":"groups"}]}]`,
			Identity{User: User{Name: "alice", ID: `['ops', 'dev', 'it\'s']`, Type: Ephemeral}}},
		"projects": {"1.0", `[{"local":[{"user":{"name":"{0}"}},{"projects":[{"name":"p {0}","roles":[{"name":"member"}]}],"domain":{"id":"d"}}],"remote":[{"type":"name"}]}]`,
			Identity{User: user, Projects: []Project{{Name: "p alice", Roles: []Role{{"member"}}}}}},
		"domains are the default of 2.0": {"2.0",
			`[{"local":[{"user":{"name":"{0}"},"projects":[{"name":"p","roles":[]},{"name":"q","roles":[],"domain":{"name":"e"}}],"domain":{"id":"d"}}],"remote":[{"type":"name"}]}]`,
			Identity{User: User{Name: "alice", Type: Ephemeral, Domain: domain}, Projects: []Project{{Name: "p", Domain: domain},
				{Name: "q", Domain: &Domain{Name: "e"}}}}},
		"nobody's name": {"", `[{"local":[{"group":{"id":"g"}}],"remote":[{"type":"name"}]}]`,
			Identity{User: User{Type: Ephemeral}, GroupIDs: []string{"g"}}},
	} {
		rules, err := Parse(c.version, []byte(c.rules))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got, err := Apply(c.version, "m", rules, person())
		if d := cmp.Diff(c.want, got); d != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, d)
		}
	}
}

func TestWhatFitsNobodyIsARefusalAndWhatCannotBeFilledAFault(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		rules string
		kind  fault.Kind
	}{
		"no rule fits": {`[{"local":[{"user":{"name":"x"}}],"remote":[{"type":"absent"}]}]`, fault.Unauthorized},
		"a test fails": {`[{"local":[{"user":{"name":"x"}}],"remote":[{"type":"groups","not_any_of":["ops"]}]}]`,
			fault.Unauthorized},
		"groups without domain": {`[{"local":[{"groups":"{0}"}],"remote":[{"type":"groups"}]}]`, fault.Unauthorized},
		"beyond what is bound":  {`[{"local":[{"user":{"name":"{1}"}}],"remote":[{"type":"name"}]}]`, fault.Invalid},
		"no number":             {`[{"local":[{"user":{"name":"{x}"}}],"remote":[{"type":"name"}]}]`, fault.Invalid},
		"a brace too many":      {`[{"local":[{"user":{"name":"{0"}}],"remote":[{"type":"name"}]}]`, fault.Invalid},
		"an expression too slow": {
			`[{"local":[{"user":{"name":"x"}}],"remote":[{"type":"long","not_any_of":["^(a+)+$"],"regex":true}]}]`,
			fault.Unauthorized},
	} {
		rules, err := Parse(Plain, []byte(c.rules))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		a := person()
		a["long"] = []string{strings.Repeat("a", 64) + "!"}
		if got, err := Apply(Plain, "m", rules, a); !fault.Is(err, c.kind) {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
	}
}

func TestRulesThatAreNoneAreRefused(t *testing.T) {
	t.Parallel()
	const local, remote = `"local":[{"user":{"name":"{0}"}}]`, `"remote":[{"type":"name"}]`
	for name, rules := range map[string]string{
		"no list":             `{}`,
		"empty":               `[]`,
		"no local":            `[{` + remote + `}]`,
		"no remote":           `[{` + local + `}]`,
		"nothing remote":      `[{` + local + `,"remote":[]}]`,
		"no type":             `[{` + local + `,"remote":[{"any_one_of":["x"]}]}]`,
		"two words":           `[{` + local + `,"remote":[{"type":"a","any_one_of":["x"],"whitelist":["y"]}]}]`,
		"an unknown member":   `[{` + local + `,` + remote + `,"x":1}]`,
		"an unknown local":    `[{"local":[{"users":{}}],` + remote + `}]`,
		"a bad expression":    `[{` + local + `,"remote":[{"type":"a","any_one_of":["("],"regex":true}]}]`,
		"a lone regex":        `[{` + local + `,"remote":[{"type":"a","regex":true}]}]`,
		"a group of no name":  `[{"local":[{"group":{}}],` + remote + `}]`,
		"a homeless group":    `[{"local":[{"group":{"name":"g"}}],` + remote + `}]`,
		"a type of user":      `[{"local":[{"user":{"type":"x"}}],` + remote + `}]`,
		"a project, no roles": `[{"local":[{"projects":[{"name":"p"}]}],` + remote + `}]`,
		"domains too early":   `[{"local":[{"projects":[{"name":"p","roles":[],"domain":{"id":"d"}}]}],` + remote + `}]`,
		"more than a list":    `[{` + local + `,` + remote + `}] []`,
	} {
		if _, err := Parse(Plain, []byte(rules)); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Parse("9", []byte(`[{`+local+`,`+remote+`}]`)); !fault.Is(err, fault.Invalid) {
		t.Errorf("an unknown version: %v", err)
	}
}

// Whatever the rules and the values, an answer is an identity or a fault, and no group comes out that has no place.
func FuzzApply(f *testing.F) {
	f.Add([]byte(`[{"local":[{"user":{"name":"{0}"}},{"groups":"{1}","domain":{"id":"d"}}],"remote":[{"type":"a"},{"type":"b","whitelist":["x"]}]}]`), "v", "x")
	f.Add([]byte(`[{"local":[{"group_ids":"['a','b']"},{"projects":[{"name":"{{{0}}}","roles":[]}]}],"remote":[{"type":"a","blacklist":["^x"],"regex":true}]}]`), "['y']", "JSON:{}")
	f.Fuzz(func(t *testing.T, raw []byte, a, b string) {
		rules, err := Parse(Domains, raw)
		if err != nil {
			return
		}
		for _, r := range rules {
			for _, c := range r.Remote {
				if c.Regex { // their own time limit would make this slow
					return
				}
			}
		}
		who, err := Apply(Domains, "m", rules, Attributes{"a": {a}, "b": {b, a}})
		if err != nil && fault.Of(err) == nil {
			t.Errorf("%v is no fault", err)
		}
		for _, g := range who.Groups {
			if err == nil && g.Domain == nil {
				t.Errorf("group %+v has no domain", g)
			}
		}
		if _, err := json.Marshal(who); err != nil {
			t.Error(err)
		}
	})
}
