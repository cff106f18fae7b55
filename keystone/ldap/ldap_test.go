package ldap

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hypernova/keystone/ldap/ldaptest"
	"hypernova/keystone/ldapidentity"
	"hypernova/oslo/fault"
)

// options read the test's people: ids are uids, and so are names.
func options(s *ldaptest.Server, more map[string]string) ldapidentity.Options {
	o := map[string]string{
		"url":                    s.URL,
		"user":                   "cn=reader," + ldaptest.Suffix,
		"password":               "reader secret",
		"suffix":                 ldaptest.Suffix,
		"user_id_attribute":      "uid",
		"user_name_attribute":    "uid",
		"user_enabled_attribute": "employeeType",
	}
	maps.Copy(o, more)
	return ldapidentity.Options{"identity": {"driver": "ldap"}, "ldap": o}
}

func open(t *testing.T, s *ldaptest.Server, more map[string]string) *Directory {
	t.Helper()
	d, err := Open(options(s, more))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d.(*Directory)
}

func TestUsersAndGroupsAreRead(t *testing.T) {
	t.Parallel()
	s := ldaptest.New(t, ldaptest.People)
	d := open(t, s, nil)
	alice := ldapidentity.User{
		ID:          "alice",
		Name:        "alice",
		Email:       "alice@example.org",
		Description: "a girl",
		Enabled:     true,
	}
	if got, err := d.User(t.Context(), "alice"); err != nil || got != alice {
		t.Errorf("got %+v, %v", got, err)
	}
	if got, err := d.UserNamed(t.Context(), "carol"); err != nil || got.Enabled {
		t.Errorf("got %+v, %v", got, err)
	}
	for filter, want := range map[ldapidentity.Filter]string{
		{}:                                           "[alice bob carol o(ther)*]",
		{Op: ldapidentity.Is, Text: "BOB"}:           "[bob]",
		{Op: ldapidentity.Contains, Text: "o"}:       "[bob carol o(ther)*]",
		{Op: ldapidentity.Begins, Text: "c"}:         "[carol]",
		{Op: ldapidentity.Ends, Text: "e"}:           "[alice]",
		{Op: ldapidentity.Contains, Text: "*"}:       "[o(ther)*]",
		{Op: ldapidentity.Is, Text: "*"}:             "[]",
		{Op: ldapidentity.Is, Text: "x)(uid=*"}:      "[]",
		{Op: ldapidentity.Contains, Text: "r)*"}:     "[o(ther)*]",
		{Op: ldapidentity.Is, Text: "o(ther)*"}:      "[o(ther)*]",
		{Op: ldapidentity.Begins, Text: "a\x00"}:     "[]",
		{Op: ldapidentity.Is, Text: `\2a`}:           "[]",
		{Op: ldapidentity.Is, Text: "alice)(cn=*))"}: "[]",
	} {
		us, err := d.Users(t.Context(), filter)
		var names []string
		for _, u := range us {
			names = append(names, u.ID)
		}
		if got := fmt.Sprint(names); got != want || err != nil {
			t.Errorf("%+v: got %s, %v, want %s", filter, got, err, want)
		}
	}
	g, err := d.Group(t.Context(), "ops")
	if d := cmp.Diff(ldapidentity.Group{ID: "ops", Name: "operators", Description: "who operate"}, g); d != "" ||
		err != nil {
		t.Errorf("%v (-want +got):\n%s", err, d)
	}
	gs, err := d.GroupsOf(t.Context(), "bob")
	if err != nil || len(gs) != 2 {
		t.Errorf("got %+v, %v", gs, err)
	}
	ms, err := d.Members(t.Context(), "ops")
	if err != nil || len(ms) != 2 || ms[0].ID != "alice" || ms[1].ID != "bob" {
		t.Errorf("got %+v, %v", ms, err)
	}
	for _, id := range []string{"", "*", "nobody", "alice)(uid=*", "a*"} {
		if u, err := d.User(t.Context(), id); !fault.Is(err, fault.NotFound) {
			t.Errorf("user %q: got %+v, %v", id, u, err)
		}
		if g, err := d.Group(t.Context(), id); !fault.Is(err, fault.NotFound) {
			t.Errorf("group %q: got %+v, %v", id, g, err)
		}
		if gs, err := d.GroupsOf(t.Context(), id); !fault.Is(err, fault.NotFound) {
			t.Errorf("groups of %q: got %+v, %v", id, gs, err)
		}
	}
}

func TestPasswordsAreProvedByTheServer(t *testing.T) {
	t.Parallel()
	d := open(t, ldaptest.New(t, ldaptest.People), nil)
	for _, c := range []struct {
		id, password string
		good         bool
	}{
		{"alice", "alice secret", true}, {"o(ther)*", "other secret", true}, {"alice", "bob secret", false},
		{"alice", "", false},
		{"nobody", "alice secret", false}, {"", "alice secret", false}, {"*", "alice secret", false}, {"nobody", "", false},
		{"alice,ou=Users", "x", false},
	} {
		err := d.Check(t.Context(), c.id, c.password)
		if c.good != (err == nil) || err != nil && !fault.Is(err, fault.Unauthorized) {
			t.Errorf("%q with %q: %v", c.id, c.password, err)
		}
	}
	// What the pool reads as is still the reader.
	if us, err := d.Users(t.Context(), ldapidentity.Filter{}); err != nil || len(us) != 4 {
		t.Errorf("got %+v, %v", us, err)
	}
}

func TestWaysToTellWhoIsEnabled(t *testing.T) {
	t.Parallel()
	s := ldaptest.New(t, ldaptest.People)
	for name, c := range map[string]struct {
		options map[string]string
		want    string // enabled ones of alice and carol
	}{
		"a word":   {nil, "alice"},
		"inverted": {map[string]string{"user_enabled_invert": "true"}, "carol"},
		"a bit": {map[string]string{"user_enabled_attribute": "departmentNumber", "user_enabled_mask": "2",
			"user_enabled_default": "512"}, "alice"},
		"no attribute":   {map[string]string{"user_enabled_attribute": "carLicense"}, "alice carol"},
		"no, by default": {map[string]string{"user_enabled_attribute": "carLicense", "user_enabled_default": "False"}, ""},
		"ignored":        {map[string]string{"user_attribute_ignore": "enabled"}, "alice carol"},
		"a filter":       {map[string]string{"user_filter": "(!(uid=alice))"}, ""},
	} {
		d := open(t, s, c.options)
		var got []string
		for _, id := range []string{"alice", "carol"} {
			if u, err := d.User(t.Context(), id); err == nil && u.Enabled {
				got = append(got, id)
			}
		}
		if g := strings.Join(got, " "); g != c.want {
			t.Errorf("%s: got %q, want %q", name, g, c.want)
		}
	}
}

func TestMembersByID(t *testing.T) {
	t.Parallel()
	d := open(
		t,
		ldaptest.New(t, ldaptest.People),
		map[string]string{"group_objectclass": "posixGroup", "group_member_attribute": "memberUid",
			"group_members_are_ids": "true", "group_name_attribute": "cn"},
	)
	ms, err := d.Members(t.Context(), "posix")
	if err != nil || len(ms) != 1 || ms[0].ID != "alice" {
		t.Errorf("got %+v, %v", ms, err)
	}
	gs, err := d.GroupsOf(t.Context(), "alice")
	if err != nil || len(gs) != 1 || gs[0].Name != "posix" {
		t.Errorf("got %+v, %v", gs, err)
	}
}

func TestGroupsInGroupsAreLeftToTheServer(t *testing.T) {
	t.Parallel()
	d, err := New(Config{URL: "ldap://x", PoolSize: 1, Member: "member", Nesting: true, Suffix: "dc=x"})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := equal(d.c.Member+nested, "cn=a(b)"), `(member:1.2.840.113556.1.4.1941:=cn=a\28b\29)`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestConnectionsCanBeEncrypted(t *testing.T) {
	t.Parallel()
	s := ldaptest.New(t, ldaptest.People)
	for name, c := range map[string]struct {
		options map[string]string
		good    bool
	}{
		"ldaps":                  {map[string]string{"url": s.Secure, "tls_cacertfile": s.CAFile}, true},
		"start tls":              {map[string]string{"use_tls": "true", "tls_cacertfile": s.CAFile}, true},
		"an unknown certificate": {map[string]string{"url": s.Secure}, false},
		"unknown, but allowed":   {map[string]string{"url": s.Secure, "tls_req_cert": "never"}, true},
	} {
		_, err := open(t, s, c.options).User(t.Context(), "alice")
		if c.good != (err == nil) || err != nil && !fault.Is(err, fault.Unavailable) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAServerThatIsAwayIsNotAnEmptyOne(t *testing.T) {
	t.Parallel()
	s := ldaptest.New(t, ldaptest.People)
	d := open(t, s, nil)
	if _, err := d.User(t.Context(), "alice"); err != nil {
		t.Fatal(err)
	}
	s.Stop()
	_, lookup := d.User(t.Context(), "alice")
	_, list := d.Users(t.Context(), ldapidentity.Filter{})
	for name, err := range map[string]error{"lookup": lookup, "list": list, "password": d.Check(t.Context(), "alice",
		"alice secret"),
		"password of nobody": d.Check(t.Context(), "nobody", "x")} {
		if !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "[ldap] user and password") {
			t.Errorf("%s: %v", name, err)
		}
	}
	s.Start()
	if _, err := d.User(t.Context(), "alice"); err != nil {
		t.Errorf("after its return: %v", err)
	}
	if _, err := open(t, s, map[string]string{"password": "wrong"}).User(t.Context(), "alice"); !fault.Is(
		err,
		fault.Unavailable,
	) {
		t.Errorf("a wrong password of the reader: %v", err)
	}
	if _, err := open(t, s, map[string]string{"url": "ldap://127.0.0.1:1," + s.URL}).User(t.Context(),
		"alice"); err != nil {
		t.Errorf("the second server: %v", err)
	}
}

func TestLongListsNeedPages(t *testing.T) {
	t.Parallel()
	var many strings.Builder
	many.WriteString(ldaptest.People)
	for i := range 700 {
		fmt.Fprintf(
			&many,
			"\ndn: uid=u%d,ou=Users,%s\nobjectClass: inetOrgPerson\nuid: u%d\ncn: u\nsn: u\n",
			i,
			ldaptest.Suffix,
			i,
		)
	}
	s := ldaptest.New(t, many.String())
	if us, err := open(t, s, nil).Users(t.Context(), ldapidentity.Filter{}); !fault.Is(err, fault.Unavailable) ||
		!strings.Contains(fault.Message(err), "page_size") {
		t.Errorf("a list that the server cut: %d, %v", len(us), err)
	}
	if us, err := open(t, s, map[string]string{"page_size": "100"}).Users(t.Context(),
		ldapidentity.Filter{}); err != nil ||
		len(us) != 704 {
		t.Errorf("got %d, %v", len(us), err)
	}
}

func TestOptionsThatCannotBeAreRefused(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]map[string]string{
		"no url":            {"url": "example.org"},
		"an unknown option": {"user_emulation": "x"},
		"no number":         {"page_size": "many"},
		"emulation":         {"user_enabled_emulation": "true"},
		"referrals":         {"chase_referrals": "true"},
		"no certificates":   {"tls_cacertfile": "/nowhere"},
	} {
		if _, err := Open(ldapidentity.Options{"ldap": o}); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	d, err := Open(
		ldapidentity.Options{
			"identity": {"driver": "ldap", "list_limit": "10"},
			"ldap": {"url": "ldap://a, ldaps://b", "password": "a$b", "debug_level": "1",
				"user_enabled_emulation": "False"},
		},
	)
	if err != nil {
		t.Fatal(err)
	}
	if got := d.(*Directory); got.c.Password != "a$b" || len(got.urls) != 2 ||
		got.c.UserTree != "ou=Users,cn=example,cn=com" {
		t.Errorf("got %+v", got.c)
	}
}
