package ldap

import (
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"hypernova/keystone/ldapidentity"
)

// FuzzFilter: whatever a client looks for, it asks the server the same question, with another value in it.
func FuzzFilter(f *testing.F) {
	for _, text := range []string{"alice", "*", "x)(uid=*", "alice)(cn=*))", `\2a`, "a\x00", "é", "\xff", "(", `\`,
		"*)(objectClass=*", "&|!", " "} {
		for op := range ldapidentity.Ends + 1 {
			f.Add(text, uint8(op))
		}
	}
	d := &Directory{c: Config{UserClass: "inetOrgPerson", UserID: "uid", UserName: "cn", UserFilter: "(mail=*)",
		Member: "member"}}
	k := d.users()
	asked := func(t *testing.T, op ldapidentity.Op, text string) string {
		p, err := ldap.CompileFilter(k.all(equal("uid", text), k.named(ldapidentity.Filter{Op: op, Text: text})))
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		question, err := ldap.DecompileFilter(p)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		return question
	}
	shape := func(question string) string { // in values these are escaped
		return strings.Map(func(r rune) rune {
			if strings.ContainsRune("()*", r) {
				return r
			}
			return -1
		}, question)
	}
	f.Fuzz(func(t *testing.T, text string, number uint8) {
		op := ldapidentity.Op(number % uint8(ldapidentity.Ends+1))
		like := "x"
		if text == "" {
			like = ""
		}
		got, want := asked(t, op, text), asked(t, op, like)
		if shape(got) != shape(want) || !strings.Contains(got, "(uid="+ldap.EscapeFilter(text)+")") {
			t.Errorf("%q asks %s, not %s", text, got, want)
		}
		if dn, err := ldap.ParseDN("cn=nobody-" + ldap.EscapeDN(text) + ",ou=Users,o=test"); err != nil ||
			len(dn.RDNs) != 3 || len(dn.RDNs[0].Attributes) != 1 {
			t.Errorf("%q is the name %+v, %v", text, dn, err)
		}
	})
}
