package ldap

import (
	"fmt"
	"testing"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"

	"hypernova/keystone/directory"
)

// shape is a filter without its values.
func shape(p *ber.Packet) string {
	s := fmt.Sprint("(", p.ClassType, p.TagType, p.Tag)
	for _, c := range p.Children {
		s += shape(c)
	}
	return s + ")"
}

// FuzzFilter: whatever a client looks for, it asks the server the same question, with another value in it.
func FuzzFilter(f *testing.F) {
	for _, text := range []string{"alice", "*", "x)(uid=*", "alice)(cn=*))", `\2a`, "a\x00", "é", "\xff", "(", `\`, "*)(objectClass=*", "&|!", " "} {
		for op := range directory.Ends + 1 {
			f.Add(text, uint8(op))
		}
	}
	d := &Directory{c: Config{UserClass: "inetOrgPerson", UserID: "uid", UserName: "cn", UserFilter: "(mail=*)", Member: "member"}}
	k := d.users()
	filter := func(op directory.Op, text string) string {
		return k.all(equal("uid", text), k.named(directory.Filter{Op: op, Text: text}))
	}
	f.Fuzz(func(t *testing.T, text string, number uint8) {
		op := directory.Op(number % uint8(directory.Ends+1))
		like := "x"
		if text == "" {
			like = ""
		}
		got, err := ldap.CompileFilter(filter(op, text))
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		want, err := ldap.CompileFilter(filter(op, like))
		if err != nil {
			t.Fatal(err)
		}
		if shape(got) != shape(want) {
			t.Errorf("%q asks %s, not %s", text, shape(got), shape(want))
		}
		if value := got.Children[3].Children[1].Data.String(); value != text {
			t.Errorf("%q is looked for as %q", text, value)
		}
		if dn, err := ldap.ParseDN("cn=nobody-" + ldap.EscapeDN(text) + ",ou=Users,o=test"); err != nil || len(dn.RDNs) != 3 || len(dn.RDNs[0].Attributes) != 1 {
			t.Errorf("%q is the name %+v, %v", text, dn, err)
		}
	})
}
