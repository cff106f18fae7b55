package bench

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"hypernova/oslo/db"
	"hypernova/oslo/db/dbtest"
)

// copied is a table whose rows are multiplied with SQL. The columns that must differ have an expression of the number n
// of the copy; all others are those of the row that is copied.
type copied struct {
	service, table, where string
	differ                map[string]string
}

// uuid makes an id that is unique for the table's letter and n.
func uuid(letter string) string {
	return "'" + letter + "0000000-0000-4000-8000-' || CAST(100000000000 + n AS TEXT)"
}

// The rows of lists, and of hosts.
func listRows() []copied {
	return []copied{
		{"nova", "servers", "name = 'grow' AND deleted = FALSE", map[string]string{"id": uuid("a"),
			"created_at": "created_at - n", "host": "'grow-' || CAST(n % 1000 AS TEXT)",
			"node": "'grow-' || CAST(n % 1000 AS TEXT)"}},
		{"neutron", "ports", "name = 'grow'", map[string]string{"id": uuid("b"), "fixed_ips": "'[]'",
			"mac_address": "'fa:16:' || CAST(100000000000 + n AS TEXT)"}},
		{"glance", "images", "name = 'guest'", map[string]string{"id": uuid("c"), "created_at": "created_at - n"}},
		{"keystone", "users", "name = 'demo'", map[string]string{
			"id": "'d000000000000000000' || CAST(1000000000000 + n AS TEXT)", "name": "'grow-' || CAST(n AS TEXT)"}},
	}
}

func hostRows() []copied {
	return []copied{
		{"nova", "services", "program = 'nova-compute'", map[string]string{"id": uuid("e"), "number": "1000 + n",
			"host": "'grow-' || CAST(n AS TEXT)"}},
		{"nova", "nodes", "1 = 1", map[string]string{"id": uuid("f"), "number": "1000 + n",
			"host": "'grow-' || CAST(n AS TEXT)", "name": "'grow-' || CAST(n AS TEXT)"}},
		{"placement", "providers", "1 = 1", map[string]string{"id": uuid("f"), "root": uuid("f"),
			"name": "'grow-' || CAST(n AS TEXT)"}},
		{"placement", "inventories", "1 = 1", map[string]string{"provider": uuid("f")}},
	}
}

// multiply adds copies number from … to of one row of each table. The cloud does not run, so that nothing that it keeps
// in memory is wrong.
func (c *costs) multiply(rows []copied, from, to int) {
	c.t.Helper()
	for _, r := range rows {
		d := dbtest.Open(c.t, c.database(r.service))
		columns, err := db.NewQuery[string](benched, columnsOf(d)).All(c.t.Context(), d, r.table)
		if err != nil || len(columns) == 0 {
			c.t.Fatalf("columns of %s: %v, %v", r.table, columns, err)
		}
		values := make([]string, len(columns))
		for i, name := range columns {
			if values[i] = r.differ[name]; values[i] == "" {
				values[i] = name
			}
		}
		one := "(SELECT * FROM " + r.table + " WHERE " + r.where + " LIMIT 1)"
		if r.table == "inventories" { // a provider has several
			one = "(SELECT * FROM inventories WHERE provider IN (SELECT MIN(provider) FROM inventories))"
		}
		text := fmt.Sprintf("INSERT INTO %s (%s)\nSELECT %s\nFROM %s AS one,\n"+
			"  (WITH RECURSIVE numbers(n) AS (SELECT %d UNION ALL SELECT n + 1 FROM numbers WHERE n < %d)\n"+
			"   SELECT n FROM numbers) AS numbered", r.table, strings.Join(columns, ", "), strings.Join(values, ", "), one,
			from, to)
		if n, err := db.NewExec(benched, text).Do(c.t.Context(), d); err != nil || n < int64(to-from+1) {
			c.t.Fatalf("%s: %d rows, %v\n%s", r.table, n, err, text)
		}
		if c.server != nil {
			if _, err := db.NewExec(benched, "ANALYZE "+r.table).Do(c.t.Context(), d); err != nil {
				c.t.Fatal(err)
			}
		}
	}
}

func columnsOf(d *db.DB) string {
	if d.Dialect().Name() == "sqlite" {
		return "SELECT name FROM pragma_table_info(?)"
	}
	return "SELECT column_name::TEXT FROM information_schema.columns WHERE table_name = ?"
}

// TestGrowthFigures prints what a page of each list costs as the lists grow, and the memory of hosts and servers.
func TestGrowthFigures(t *testing.T) {
	if testing.Short() || os.Getenv("HYPERNOVA_BENCH") == "" && os.Getenv("HYPERNOVA_BINARY") == "" {
		t.Skip("figures take a quiet machine and a minute: make bench prints them")
	}
	lists := []struct{ name, service, path string }{
		{"servers", "compute", "/servers?limit=100"},
		{"servers detail", "compute", "/servers/detail?limit=100"},
		{"ports", "network", "/v2.0/ports?limit=100"},
		{"images", "image", "/v2/images?limit=100"},
		{"users", "identity", "/users?limit=100&sort_key=name"},
	}
	for _, engine := range []string{"SQLite", "PostgreSQL"} {
		t.Run(engine, func(t *testing.T) {
			c := newCosts(t, engine)
			c.start()
			c.names()
			c.call(http.MethodPost, c.url("compute", "/servers"), fmt.Sprintf(
				`{"server":{"name":"grow","flavorRef":%q,"imageRef":%q,"networks":"none"}}`, c.flavor, c.image),
				http.StatusAccepted, nil)
			c.call(http.MethodPost, c.url("network", "/v2.0/ports"), fmt.Sprintf(
				`{"port":{"name":"grow","network_id":%q}}`, c.network), http.StatusCreated, nil)
			c.settle()
			memory := c.rested()
			spent := map[string][]float64{}
			sizes := []int{1_000, 10_000, 100_000}
			made := 0
			for _, size := range sizes {
				c.Stop(t)
				c.multiply(listRows(), made+1, size)
				made = size
				c.rig = newRig(t, c.dir, c.flags...)
				if size == 10_000 {
					say("memory of 1,000 servers, ports, images, users, "+engine, "%.1f MiB", (c.rested()-memory)/10)
				}
				for _, l := range lists {
					f := each(func(c *costs, _ int) {
						c.call(http.MethodGet, c.at(l.service, l.path), "", http.StatusOK, nil)
					})(c)
					spent[l.name] = append(spent[l.name], f[cloudCPU]+f[serverCPU])
				}
			}
			for _, l := range lists {
				v := spent[l.name]
				say("page of 100, "+l.name+", "+engine, "%.2f, %.2f, %.2f CPU-ms with 1,000, 10,000, 100,000 rows",
					v[0], v[1], v[2])
			}
			before := c.rested()
			c.Stop(t)
			c.multiply(hostRows(), 1, 1000)
			c.rig = newRig(t, c.dir, c.flags...)
			c.boot(`"none"`, 1) // the scheduler reads the hosts
			c.settle()
			say("memory of a host, "+engine, "%.1f KiB", (c.rested()-before)*1024/1000)
		})
	}
}

// at is url, also for the identity service, whose address in the catalog may lack the version.
func (c *costs) at(service, path string) string {
	if service == "identity" {
		return c.identity + path
	}
	return c.url(service, path)
}
