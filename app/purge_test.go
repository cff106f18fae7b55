package app

import (
	"slices"
	"testing"

	"hypernova/oslo/db"
)

// Every table of every migration has somebody who ends its rows: a table without would grow for ever, and nobody
// would know.
func TestEveryTableHasAnEnd(t *testing.T) {
	t.Parallel()
	c := Defaults()
	if err := Load(&c, nil, nil, []string{"DEFAULT.state_path=" + t.TempDir()}); err != nil {
		t.Fatal(err)
	}
	p := newProcess(&c, Options{Sync: true})
	t.Cleanup(func() {
		if err := p.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
	for _, k := range services() {
		d, err := p.databases.ready(t.Context(), k.name)
		if err != nil {
			t.Fatal(err)
		}
		tables, _, err := d.Tables(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, table := range tables {
			if slices.ContainsFunc(k.migrations, func(m migrations) bool { return table.Name == m.owner+"_migrations" }) {
				continue
			}
			if !slices.ContainsFunc(k.ends, func(e db.End) bool { return e.Table == table.Name && e.How != "" }) {
				t.Errorf("%s: nobody ends the rows of table %s; say who does in the store's purge.go", k.name, table.Name)
			}
		}
		for _, e := range k.ends {
			if !slices.ContainsFunc(tables, func(t db.TableSize) bool { return t.Name == e.Table }) {
				t.Errorf("%s: there is no table %s", k.name, e.Table)
			}
		}
	}
}
