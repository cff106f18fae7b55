package dbtest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"hypernova/oslo/db"
)

// Rows are the rows of some tables at one moment: table, then a text per row.
type Rows map[string][]string

// Snapshot reads all rows of the tables.
func Snapshot(t testing.TB, d *db.DB, tables ...string) Rows {
	t.Helper()
	all := Rows{}
	err := d.View(t.Context(), func(tx *db.Tx) error {
		for _, table := range tables {
			rows, err := tx.Maps(t.Context(), "SELECT * FROM "+table)
			if err != nil {
				return err
			}
			for _, r := range rows {
				b, err := json.Marshal(r)
				if err != nil {
					return err
				}
				all[table] = append(all[table], string(b))
			}
			slices.Sort(all[table])
		}
		return nil
	})
	if err != nil {
		t.Fatalf("snapshot: %v", err)
	}
	return all
}

// Diff is what changed between two snapshots, a line per row that is gone ("- table row") or new ("+ table row"); empty
// when nothing did.
func Diff(before, after Rows) string {
	var lines []string
	tables := map[string]bool{}
	for t := range before {
		tables[t] = true
	}
	for t := range after {
		tables[t] = true
	}
	for table := range tables {
		count := map[string]int{}
		for _, r := range after[table] {
			count[r]++
		}
		for _, r := range before[table] {
			count[r]--
		}
		for r, n := range count {
			sign := "+"
			if n < 0 {
				sign, n = "-", -n
			}
			for range n {
				lines = append(lines, fmt.Sprintf("%s %s %s", sign, table, r))
			}
		}
	}
	slices.SortFunc(lines, func(a, b string) int { return strings.Compare(a[2:]+a[:1], b[2:]+b[:1]) })
	return strings.Join(lines, "\n")
}
