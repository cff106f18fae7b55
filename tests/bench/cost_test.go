package bench

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hypernova/oslo/db/dbtest"
)

// line is a row of the table of costs.
type line struct {
	name string     // of the subtest, and in figures.json
	zed  [2]float64 // CPU-ms of OpenStack Zed for the same request, least and most; 0: not measured
	aim  string     // CPU-ms unless it says otherwise

	measure func(c *costs) figure // each, get and batch make it for requests
}

// lines are the rows, in the order in which they are measured. A row makes what it needs in the cloud by a method of
// contents, once. Rows with many providers are last, because the scheduler sees those too.
func lines() []line {
	return []line{
		{"idle control plane", [2]float64{}, "< 50 MiB", (*costs).idle},
		{"token by password", [2]float64{256, 261}, "< 0.3", each(func(c *costs, _ int) { c.login(nil) })},
		{"token from a token", [2]float64{11.3, 13.5}, "< 0.13", each((*costs).rescope)},
		{"token check", [2]float64{15.3, 17.3}, "< 0.1", each(func(c *costs, _ int) { c.check(0) })},
		{"token check, 200 tokens in turn", [2]float64{15.3, 17.3}, "< 0.1", each((*costs).check)},
		{"flavors detail", [2]float64{10.3, 12.2}, "< 0.1", get("compute", "/flavors/detail")},
		{"images", [2]float64{8, 9.8}, "< 0.1", get("image", "/v2/images")},
		{"networks", [2]float64{65, 103}, "keep", get("network", "/v2.0/networks")},
		{"servers detail, 100", [2]float64{218, 273}, "< 0.8", page("compute", "/servers/detail?limit=100")},
		{"servers, 100", [2]float64{80, 87}, "< 0.3", page("compute", "/servers?limit=100")},
		{"ports, 100", [2]float64{76, 105}, "< 0.6", page("network", "/v2.0/ports?limit=100")},
		{"one server", [2]float64{64, 70}, "keep", page("compute", "/servers/{bare}")},
		{"servers detail, 100 with ports", [2]float64{}, "-", page("compute", "/servers/detail?limit=100&marker={oldest}")},
		{"one server with a port", [2]float64{}, "-", page("compute", "/servers/{wired}")},
		{"port create, 8 clients", [2]float64{486, 486}, "keep", batch{clients: 8, count: 64,
			do: (*costs).portCreate, after: (*costs).portDelete}.measure},
		{"port delete, 8 clients", [2]float64{391, 391}, "keep", batch{clients: 8, count: 64,
			before: (*costs).portCreate, do: (*costs).portDelete}.measure},
		{"boot without network, 8 clients", [2]float64{1626, 1626}, "< 3, > 300/s", batch{clients: 8, count: 48,
			do: (*costs).bootBare, after: (*costs).remove}.measure},
		{"boot with network, 8 clients", [2]float64{4780, 4780}, "< 4.5", batch{clients: 8, count: 48,
			do: (*costs).bootWired, after: (*costs).remove}.measure},
		{"delete with network, 8 clients", [2]float64{1622, 1622}, "< 2", batch{clients: 8, count: 48,
			before: (*costs).bootWired, do: (*costs).remove}.measure},
		{"provider with inventory", [2]float64{25.8, 25.8}, "< 0.25", batch{count: 64,
			do: (*costs).providerCreate, after: (*costs).providerDelete}.measure},
		{"provider deletion", [2]float64{12.2, 12.2}, "< 0.12", batch{count: 64,
			before: (*costs).providerCreate, do: (*costs).providerDelete}.measure},
		{"candidates, limit 1000 of 1,000", [2]float64{232, 236}, "< 2", each(candidates(1000))},
		{"candidates, limit 50 of 1,000", [2]float64{196, 210}, "keep", each(candidates(50))},
		{"decision among 1,000 hosts", [2]float64{}, "< 0.05", decisions(1000)},
		{"decision among 10,000 hosts", [2]float64{}, "< 0.05", decisions(10000)},
	}
}

// TestCostFigures prints the table of costs: the CPU time of the cloud's processes per request, beside the time that
// the client waits. Rows run alone with -run, for example -run 'TestCostFigures/SQLite/token_check'.
//
// UPDATE=1 writes the values to figures.json. Without it the test prints which rows became more than 15 % dearer than
// in the file. PROFILE=folder writes a CPU profile of each row.
func TestCostFigures(t *testing.T) {
	if testing.Short() || os.Getenv("HYPERNOVA_BENCH") == "" && os.Getenv("HYPERNOVA_BINARY") == "" {
		t.Skip("figures take a quiet machine and a minute: make bench prints them")
	}
	var all []result
	for _, engine := range []string{"SQLite", "PostgreSQL"} {
		t.Run(engine, func(t *testing.T) {
			c := newCosts(t, engine)
			for _, l := range lines() {
				t.Run(l.name, func(t *testing.T) {
					f := c.one(t, l)
					all = append(all, result{engine, l, f})
				})
			}
		})
	}
	printCosts(all)
	if err := record(all); err != nil {
		t.Error(err)
	}
}

// costs is the cloud of one engine whose requests are measured. It is started by the first row that needs it.
type costs struct {
	*rig
	t      *testing.T // of the engine
	row    string
	dir    string
	flags  []string
	server *dbtest.Server // PostgreSQL
	contents
}

func newCosts(t *testing.T, engine string) *costs {
	c := &costs{t: t, dir: t.TempDir()}
	if engine == "PostgreSQL" {
		c.server = dbtest.NewServer(t, dbtest.Durable()...)
		for _, s := range []string{"keystone", "placement", "glance", "nova", "neutron"} {
			if err := c.server.Create("hypernova_" + s); err != nil {
				t.Fatal(err)
			}
		}
		c.flags = []string{"--set", "database.connection=" + c.server.URL("hypernova_{service}")}
	}
	if profiles() != "" {
		c.flags = append(c.flags, "--set", "DEFAULT.pprof_listen=unix")
	}
	return c
}

// one measures a row. A row that panics, because a request failed, fails its test only.
func (c *costs) one(t *testing.T, l line) figure {
	defer func() {
		if r := recover(); r != nil {
			t.Fatal(r)
		}
	}()
	c.row = l.name
	return l.measure(c)
}

// start starts the cloud, unless it runs. Like each start but the first, it finds its content in the databases.
func (c *costs) start() {
	if c.rig != nil {
		return
	}
	newRig(c.t, c.dir, c.flags...).Stop(c.t)
	c.rig = newRig(c.t, c.dir, c.flags...)
	c.unlimited()
}

// database is the URL of a service's database.
func (c *costs) database(service string) string {
	if c.server != nil {
		return c.server.URL("hypernova_" + service)
	}
	return "sqlite:///" + filepath.Join(c.dir, service+".db")
}

// cpu returns the CPU time of the cloud and of its database server until now.
func (c *costs) cpu() (cloud, server time.Duration) {
	cloud = spent(c.t, c.PID())
	if c.server == nil {
		return cloud, 0
	}
	server = spent(c.t, c.server.PID())
	for _, pid := range children(c.t, c.server.PID()) {
		server += spent(c.t, pid)
	}
	return cloud, server
}

// url returns the address of a path of a service.
func (c *costs) url(service, path string) string {
	base := strings.TrimSuffix(strings.TrimSuffix(c.urls[service], "/v2.0"), "/v2")
	return base + path
}

// get measures a GET.
func get(service, path string) func(*costs) figure {
	return each(func(c *costs, _ int) { c.call(http.MethodGet, c.url(service, path), "", http.StatusOK, nil) })
}

// page measures a GET in a cloud with 100 servers with ports, and then 100 without, which are the first page. In the
// path, {wired} and {bare} stand for one of them, {oldest} for the last server of the first page.
func page(service, path string) func(*costs) figure {
	return func(c *costs) figure {
		c.start()
		c.serversToList()
		return get(service, strings.NewReplacer("{wired}", c.listed.wired, "{bare}", c.listed.bare,
			"{oldest}", c.listed.oldest).Replace(path))(c)
	}
}

func (c *costs) rescope(int) {
	body := fmt.Sprintf(`{"auth":{"identity":{"methods":["token"],"token":{"id":%q}},
		"scope":{"project":{"name":"admin","domain":{"id":"default"}}}}}`, c.token)
	c.call(http.MethodPost, c.identity+"/auth/tokens", body, http.StatusCreated, nil)
}
