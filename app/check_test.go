package app

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hypernova/app/audit"
	"hypernova/neutron"
	"hypernova/neutron/plugin"
	neutronports "hypernova/neutron/ports"
	"hypernova/neutron/subnets"
	"hypernova/nova"
	"hypernova/nova/jobs"
	"hypernova/nova/network"
	"hypernova/nova/store"
	"hypernova/oslo/auth"
	"hypernova/oslo/db"
	"hypernova/oslo/db/dbtest"
	"hypernova/oslo/opt"
	"hypernova/oslo/service"
	"hypernova/oslo/tasks"
	"hypernova/placement"
)

// checked is a cloud at rest: hosts h1 and h2, on h1 the server "sound" of project p with a port, and on this host,
// "here", the server "mine".
type checked struct {
	t      *testing.T
	c      Config
	p      *Process
	n      *novaBase
	nets   *plugin.Plugin
	nodes  map[string]string // by host
	net    string
	port   string
	claims placement.Resources
}

func newChecked(t *testing.T, connection string) *checked {
	t.Helper()
	w := &checked{t: t, c: Defaults(), nodes: map[string]string{}, claims: placement.Resources{placement.VCPU: 1,
		placement.MemoryMB: 64, placement.DiskGB: 1}}
	err := Load(&w.c, nil, nil, []string{"DEFAULT.host=here", "DEFAULT.state_path=" + t.TempDir(),
		"DEFAULT.compute_driver=fake", "ml2.mechanism_drivers=fake"})
	if err != nil {
		t.Fatal(err)
	}
	if connection != "" {
		w.c.Database.Connection = connection
	}
	if err := SyncDatabases(t.Context(), w.c, func(string) {}); err != nil {
		t.Fatal(err)
	}
	w.p = newProcess(&w.c, Options{})
	t.Cleanup(func() { _ = w.p.Close(context.WithoutCancel(t.Context())) }) // a test may have spoilt the files
	w.n, err = w.p.nova.base(t.Context())
	w.ok(err)
	w.nets, err = w.p.neutron.operations(t.Context())
	w.ok(err)
	w.ok(w.p.openBus(t.Context()))
	nets, err := w.nets.Networks.Create(w.as(), []neutron.Network{{Meta: neutron.Meta{Project: "p"}, Name: "n",
		AdminUp: true}})
	w.ok(err)
	w.net = nets[0].ID
	_, err = w.nets.Subnets.Create(w.as(), []subnets.Wanted{{Meta: neutron.Meta{Project: "p"}, Network: w.net,
		Version: 4, CIDR: netip.MustParsePrefix("10.0.0.0/24")}})
	w.ok(err)
	for _, host := range []string{"h1", "h2", "here"} {
		w.host(host)
		_, err := w.n.group.Join(t.Context(), service.Member{Host: host, Binary: nova.BinaryCompute})
		w.ok(err)
	}
	w.server("sound", "h1", nova.State{VM: nova.Active})
	w.port = w.allocate("sound", "h1")
	w.server("mine", "here", nova.State{VM: nova.Active})
	w.ok(os.MkdirAll(filepath.Join(w.c.Default.StatePath, "fake"), 0o700))
	w.guest("mine")
	return w
}

func (w *checked) ok(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *checked) as() context.Context { return auth.With(w.t.Context(), auth.Service("nova")) }

func (w *checked) host(name string) {
	w.t.Helper()
	var id string
	err := w.n.db.Tx(w.t.Context(), func(tx *db.Tx) (err error) {
		id, err = store.ReportNode(w.t.Context(), tx, nova.Node{Host: name, Name: name, Type: "fake", VCPUs: 8}, w.n.now())
		return err
	})
	w.ok(err)
	w.nodes[name] = id
	pl, err := w.p.placement.operations(w.t.Context())
	w.ok(err)
	at, err := pl.EnsureProvider(w.t.Context(), placement.Provider{ID: id, Name: name})
	w.ok(err)
	inv := placement.Inventory{Total: 1000, MinUnit: 1, MaxUnit: 1000, StepSize: 1, AllocationRatio: 1}
	_, err = pl.SetInventories(w.t.Context(), id, at.Generation, map[string]placement.Inventory{placement.VCPU: inv,
		placement.MemoryMB: inv, placement.DiskGB: inv})
	w.ok(err)
}

func (w *checked) server(id, host string, at nova.State) {
	w.t.Helper()
	now := time.Now().UTC()
	w.ok(store.InsertServers(w.t.Context(), w.n.db,
		[]nova.Server{{ID: id, Project: "p", User: "u", Name: id, VM: at.VM, Task: at.Task, Host: host,
			Node: host, Flavor: &nova.Flavor{ID: "f", VCPUs: 1, RAM: 64, Disk: 1}, Image: &nova.ImageMeta{}, Created: now,
			Updated: now, Launched: now}}))
	if host != "" {
		w.claim(id, host)
	}
}

func (w *checked) claim(server, host string) {
	w.t.Helper()
	pl, err := w.p.placement.operations(w.t.Context())
	w.ok(err)
	w.ok(pl.Claim(w.t.Context(), placement.Allocation{Consumer: server, Project: "p", User: "u", Type: "INSTANCE",
		Providers: map[string]placement.Resources{w.nodes[host]: w.claims}}))
}

func (w *checked) release(server string) {
	w.t.Helper()
	pl, err := w.p.placement.operations(w.t.Context())
	w.ok(err)
	w.ok(pl.Release(w.t.Context(), server))
}

// allocate gives a server a port, as a build does.
func (w *checked) allocate(server, host string) string {
	w.t.Helper()
	ps, err := w.nets.Compute.Allocate(w.as(), neutron.AllocateArgs{Server: server, Project: "p", Host: host,
		Specs: []neutron.PortSpec{{Network: w.net}}})
	w.ok(err)
	if _, err := store.PlacementOf(w.t.Context(), w.n.db, server); err == nil {
		w.ok(store.SetPorts(w.t.Context(), w.n.db, server, network.NICs(ps), w.n.now()))
	}
	return ps[0].ID
}

func (w *checked) guest(id string) {
	w.t.Helper()
	text := fmt.Sprintf(`{"id": %q, "name": %q, "vcpus": 1, "ram": 64, "disk": 1, "power": 1}`, id, id)
	w.ok(os.WriteFile(filepath.Join(w.c.Default.StatePath, "fake", id+".json"), []byte(text), 0o600))
}

func (w *checked) sql(service, text string) {
	w.t.Helper()
	d, err := w.p.databases.open(w.t.Context(), service)
	w.ok(err)
	_, err = db.NewExec(db.NewSet("test"), text).Do(w.t.Context(), d)
	w.ok(err)
}

// found is what a check finds, notes left out: rule and subject of each.
func (w *checked) found() (all []audit.Finding, text string) {
	w.t.Helper()
	all, err := Check(w.t.Context(), w.c, CheckOptions{Patience: time.Minute})
	w.ok(err)
	var lines []string
	for _, f := range all {
		if f.Note {
			continue
		}
		lines = append(lines, f.Rule+" "+f.Subject)
		if f.Cure() == "" {
			w.t.Errorf("%s has no cure", f)
		}
	}
	return all, strings.Join(lines, ", ")
}

// onBoth runs body on a cloud on each engine.
func onBoth(t *testing.T, body func(t *testing.T, w *checked)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { t.Parallel(); body(t, newChecked(t, "")) })
	t.Run("postgresql", func(t *testing.T) {
		t.Parallel()
		server := dbtest.NewServer(t)
		body(t, newChecked(t, strings.Replace(server.URL("NAME"), "NAME", "{service}", 1)))
	})
}

func TestARepairCuresWhatACheckFinds(t *testing.T) {
	t.Parallel()
	const gone = "11111111-2222-3333-4444-555555555555"
	tests := []struct {
		name string
		make func(w *checked) string // and what is found then
		then func(w *checked)        // looks at what the repair did; nil: nothing more
	}{
		{"a reboot that nobody does", func(w *checked) string {
			w.server("stuck", "h1", nova.State{VM: nova.Active, Task: nova.Rebooting})
			return "server-stuck server stuck"
		}, func(w *checked) { w.owes("stuck", "server.power") }},
		{"a deletion that nobody does", func(w *checked) string {
			w.server("stuck", "h1", nova.State{VM: nova.Active, Task: nova.Deleting})
			return "server-stuck server stuck"
		}, func(w *checked) { w.owes("stuck", "server.delete") }},
		{"a build that nobody does", func(w *checked) string {
			w.server("stuck", "", nova.State{VM: nova.Building, Task: nova.Spawning})
			return "server-stuck server stuck"
		}, func(w *checked) { w.is("stuck", nova.State{VM: nova.Error}) }},
		{"an allocation of a server that is gone", func(w *checked) string {
			w.claim(gone, "h1")
			return "allocation-orphaned allocation of " + gone
		}, nil},
		{"an allocation that is not there", func(w *checked) string {
			w.release("sound")
			return "allocation-missing server sound"
		}, func(w *checked) { w.holds("sound", "h1") }},
		{"an allocation elsewhere", func(w *checked) string {
			w.release("sound")
			w.claim("sound", "h2")
			return "allocation-misplaced allocation of sound"
		}, func(w *checked) { w.holds("sound", "h1") }},
		{"a port that was made for a server that is gone", func(w *checked) string {
			return "port-orphaned port " + w.allocate(gone, "h2")
		}, nil},
		{"a port of a user that was bound for a server that is gone", func(w *checked) string {
			id := w.allocate(gone, "h2")
			w.sql("neutron", "UPDATE ports SET made = FALSE WHERE id = '"+id+"'")
			return "port-orphaned port " + id
		}, func(w *checked) { w.free() }},
		{"a port elsewhere", func(w *checked) string {
			w.sql("neutron", "UPDATE ports SET host = 'h2' WHERE id = '"+w.port+"'")
			return "port-misplaced port " + w.port
		}, nil},
		{"a node without a service", func(w *checked) string {
			w.host("h3")
			return "node-orphaned node h3"
		}, nil},
		{"a guest that is not there", func(w *checked) string {
			w.ok(os.Remove(filepath.Join(w.c.Default.StatePath, "fake", "mine.json")))
			return "guest-missing server mine"
		}, func(w *checked) { w.owes("mine", "server.power") }},
	}
	onBoth(t, func(t *testing.T, w *checked) {
		for _, tt := range tests {
			want := tt.make(w)
			all, got := w.found()
			if got != want {
				t.Errorf("%s: found %q, want %q", tt.name, got, want)
			}
			err := Repair(t.Context(), w.c, all, func(f audit.Finding, err error) {
				if err != nil {
					t.Errorf("%s: %s: %v", tt.name, f, err)
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			if _, left := w.found(); left != "" {
				t.Errorf("%s: after the repair there is %q", tt.name, left)
			}
			if tt.then != nil {
				tt.then(w)
			}
		}
	})
}

func (w *checked) owes(server, kind string) {
	w.t.Helper()
	all, err := w.n.queue.List(w.t.Context(), tasks.ListArgs{Key: server})
	if err != nil || len(all) != 1 || all[0].Kind != kind {
		w.t.Errorf("server %s has the tasks %v, %v; want one of kind %s", server, all, err, kind)
	}
	w.sql("nova", "DELETE FROM tasks")
	w.sql("nova", "UPDATE servers SET task_state = '' WHERE id = '"+server+"'")
	if server == "stuck" {
		w.sql("nova", "DELETE FROM servers WHERE id = 'stuck'")
		w.release("stuck")
		return
	}
	w.guest(server)
}

func (w *checked) is(server string, want nova.State) {
	w.t.Helper()
	f, err := store.PlacementOf(w.t.Context(), w.n.db, server)
	if err != nil || f.State != want {
		w.t.Errorf("server %s is %v, %v; want %v", server, f.State, err, want)
	}
}

func (w *checked) holds(server, host string) {
	w.t.Helper()
	pl, err := w.p.placement.operations(w.t.Context())
	w.ok(err)
	a, err := pl.Allocations(w.t.Context(), server)
	if err != nil || len(a.Providers) != 1 || a.Providers[w.nodes[host]][placement.MemoryMB] != 64 {
		w.t.Errorf("server %s holds %v, %v", server, a.Providers, err)
	}
}

// free sees that there is a port of a user that no host and no server has.
func (w *checked) free() {
	w.t.Helper()
	ps, err := w.nets.Ports.List(w.t.Context(), db.ListArgs{Where: []db.Cond{db.EqTo("device_id", ""),
		db.EqTo("device_owner", "")}}, "")
	if err != nil || len(ps) != 1 || ps[0].Host != "" {
		w.t.Errorf("ports that are free: %v, %v", ps, err)
	}
}

// A member may write device_id and device_owner of his ports, and what he writes is no fault of the cloud.
func TestNothingThatAMemberWritesFailsACheck(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w *checked) {
		var wanted []neutronports.Wanted
		for _, device := range []string{"sound", "no-such-server", "11111111-2222-3333-4444-555555555555", ""} {
			wanted = append(wanted, neutronports.Wanted{Meta: neutron.Meta{Project: "p"}, Network: w.net, DeviceID: device,
				DeviceOwner: "compute:nova"})
		}
		_, err := w.nets.Ports.Create(w.as(), wanted)
		w.ok(err)
		for _, device := range []string{"no-such-server", "mine", ""} {
			for _, owner := range []string{"compute:nova", "", "network:dhcp"} {
				_, err := w.nets.Ports.Update(w.as(), w.port, neutronports.Patch{DeviceID: opt.Some(device),
					DeviceOwner: opt.Some(owner)})
				w.ok(err)
				if _, got := w.found(); got != "" {
					t.Errorf("a port that says %q, %q: found %q", device, owner, got)
				}
			}
		}
		// Compute may have noted meanwhile what the port says.
		w.ok(store.SetPorts(t.Context(), w.n.db, "sound", nil, w.n.now()))
		if _, got := w.found(); got != "" {
			t.Errorf("a port that no record names: found %q", got)
		}
	})
}

func TestARepairLeavesAloneWhatAJobHasTaken(t *testing.T) {
	t.Parallel()
	w := newChecked(t, "")
	w.release("sound")
	all, _ := w.found()
	w.ok(w.n.db.Tx(t.Context(), func(tx *db.Tx) error {
		_, err := jobs.Power.Enqueue(t.Context(), tx, w.n.queue, "sound", jobs.PowerArgs{Server: "sound", Op: "stop"})
		return err
	}))
	told := 0
	w.ok(Repair(t.Context(), w.c, all, func(_ audit.Finding, err error) {
		if told++; err == nil {
			t.Error("it was repaired")
		}
	}))
	if told != 1 {
		t.Errorf("%d repairs were told of", told)
	}
}

func TestADamagedDatabaseIsFound(t *testing.T) {
	t.Parallel()
	w := newChecked(t, "")
	for i := range 400 {
		w.server(fmt.Sprintf("s%d", i), "", nova.State{VM: nova.Error})
	}
	w.ok(w.p.Close(t.Context())) // which writes all into the file
	name := filepath.Join(w.c.Default.StatePath, "nova.db")
	text, err := os.ReadFile(name)
	w.ok(err)
	copy(text[len(text)/2:], strings.Repeat("\xff", 64<<10))
	w.ok(os.WriteFile(name, text, 0o600))
	all, err := Check(t.Context(), w.c, CheckOptions{Patience: time.Minute})
	if err != nil || audit.Wrong(all)+audit.Blind(all) == 0 {
		t.Fatalf("found %v, %v", all, err)
	}
	for _, f := range all {
		if f.Rule != "database-damaged" && f.Rule != "not-looked" || !strings.Contains(f.Subject, "nova") ||
			f.Repair != "" || f.Person == "" {
			t.Errorf("found also %s %s: judged from a damaged database", f.Rule, f)
		}
	}
}

func TestWhereACheckCannotLookItSaysSo(t *testing.T) {
	t.Parallel()
	w := newChecked(t, "")
	w.claim("gone", "h1")
	w.ok(w.p.Close(t.Context()))
	w.ok(os.Remove(filepath.Join(w.c.Default.StatePath, "neutron.db")))
	all, got := w.found()
	if want := "allocation-orphaned allocation of gone, not-looked the database of neutron"; got != want ||
		audit.Blind(all) != 1 {
		t.Errorf("found %q, want %q", got, want)
	}
}

func TestARowThatCannotBeReadIsFound(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w *checked) {
		w.sql("nova", "UPDATE servers SET metadata = '{' WHERE id = 'sound'")
		w.sql("glance", `INSERT INTO images (id, name, owner, status, visibility, disk_format, container_format, checksum, hash_algo, hash_value, size, virtual_size,
			min_disk, min_ram, protected, hidden, tags, properties, created_at, updated_at, generation, store, data_key, staged_key, worker, import_method, import_uri, import_plan)
			VALUES ('i', '', '', 'active', 'public', '', '', '', '', '', 0, 0, 0, 0, FALSE, FALSE, '', '', 1, 1, 1, '', '', '', '', '', '', '{')`)
		w.claim("gone", "h1")
		// without it nothing is said of other ports
		w.sql("neutron", "UPDATE ports SET fixed_ips = '[' WHERE id = '"+w.port+"'")
		w.allocate("gone", "h2")
		all, got := w.found()
		if want := "allocation-orphaned allocation of gone, row-unreadable row " + w.port + " of table ports of neutron, " +
			"row-unreadable row i of table images of glance, row-unreadable row sound of table servers of nova"; got != want {
			t.Errorf("found %q, want %q", got, want)
		}
		for _, f := range all {
			if f.Repair != "" && f.Of.Server != "gone" {
				t.Errorf("%s would be repaired: %s", f, f.Repair)
			}
		}
	})
}
