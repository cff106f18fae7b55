package store_test

import (
	"regexp"
	"strings"
	"testing"

	"hypernova/keystone/store"
	"hypernova/oslo/db"
	"hypernova/oslo/db/dbtest"
)

// small are tables that have a handful of rows and are read whole, or statements that maintenance runs.
var small = regexp.MustCompile(
	`(?s)^SELECT .*\sFROM (roles|implied_roles|regions|services|endpoints|endpoint_groups|policies|policy_associations|identity_providers|mappings|service_providers|registered_limits|limits)\b` +
		`|DELETE FROM (policy_associations|roles|registered_limits|limits)\s|^UPDATE (registered_limits|limits)` +
		`|^DELETE FROM expiring_members WHERE idp_id|^SELECT .*\sFROM (grants|revocations|trusts)\s+ORDER BY`,
)

// No statement that a request runs reads a table from its beginning to its end, however many users and grants there
// are.
func TestStatementsUseIndexes(t *testing.T) {
	t.Parallel()
	d := dbtest.Memory(t, dbtest.Migrations{Name: "keystone", FS: store.Migrations()})
	checked := 0
	for _, text := range store.Statements.Statements() {
		if strings.HasPrefix(text, "INSERT") || small.MatchString(text) {
			continue
		}
		checked++
		args := make([]any, strings.Count(text, "?"))
		for i := range args {
			args[i] = "x"
		}
		for _, line := range dbtest.PlanSQL(t, d, text, args...) {
			if strings.HasPrefix(line, "SCAN ") && !strings.Contains(line, " USING ") &&
				!strings.HasPrefix(line, "SCAN (subquery") &&
				!strings.HasPrefix(line, "SCAN CONSTANT") {
				t.Errorf("%s\n%s", line, text)
			}
		}
	}
	if checked < 50 {
		t.Errorf("only %d statements were looked at", checked)
	}
}

// Lists are in order of an index, for every filter and order that clients use.
func TestListsUseIndexes(t *testing.T) {
	t.Parallel()
	d := dbtest.Memory(t, dbtest.Migrations{Name: "keystone", FS: store.Migrations()})
	for name, l := range store.Lists() {
		for _, a := range []db.ListArgs{
			{Limit: 100},
			{Limit: 100, Where: []db.Cond{db.EqTo("name", "x")}},
			{Limit: 100, Where: []db.Cond{db.EqTo("domain_id", "x"), db.EqTo("name", "x")}},
			{Limit: 100, Sort: []db.SortKey{{Column: "name"}}},
		} {
			t.Run(name, func(t *testing.T) { dbtest.WantIndex(t, d, l, a) })
		}
	}
}
