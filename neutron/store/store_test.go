package store

import (
	"net/netip"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"hypernova/oslo/db"
	"hypernova/oslo/db/dbtest"
)

// A page of a project's ports reads the own ones in their order. Of the own networks it reads other projects' only.
func TestPageOfAProjectReadsNoPortTwice(t *testing.T) {
	t.Parallel()
	d := dbtest.Memory(t, dbtest.Migrations{Name: "neutron", FS: Migrations()})
	plan := strings.Join(dbtest.Plan(t, d, portListSeen, db.ListArgs{Scope: []db.Cond{db.EqTo("viewer", "p")},
		Limit: 100}),
		"\n")
	for _, want := range []string{"MERGE (UNION ALL)", "ports_project (project_id=?)",
		"ports_network_project (network_id=? AND project_id<?)", "ports_network_project (network_id=? AND project_id>?)"} {
		if !strings.Contains(plan, want) {
			t.Errorf("%s is missing:\n%s", want, plan)
		}
	}
}

func TestAddressKeysSortAsAddresses(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := 4
		if rapid.Bool().Draw(t, "v6") {
			n = 16
		}
		var xs [2]netip.Addr
		for i := range xs {
			xs[i], _ = netip.AddrFromSlice(rapid.SliceOfN(rapid.Byte(), n, n).Draw(t, "address"))
		}
		if (addressKey(xs[0]) < addressKey(xs[1])) != xs[0].Less(xs[1]) {
			t.Fatalf("%s and %s", xs[0], xs[1])
		}
	})
}
