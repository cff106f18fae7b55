package api_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"hypernova/glance"
	"hypernova/neutron"
	"hypernova/nova"
	novaapi "hypernova/nova/api"
	"hypernova/nova/api/proxies"
	"hypernova/nova/flavors"
	"hypernova/nova/hosts"
	"hypernova/nova/imagetest"
	"hypernova/nova/keypairs"
	nics "hypernova/nova/network"
	"hypernova/nova/quota"
	"hypernova/nova/servergroups"
	"hypernova/nova/servers"
	"hypernova/nova/store"
	"hypernova/oslo/api"
	"hypernova/oslo/auth"
	"hypernova/oslo/clock"
	"hypernova/oslo/db"
	"hypernova/oslo/db/dbtest"
	"hypernova/oslo/fault"
	"hypernova/oslo/messaging"
	"hypernova/oslo/messaging/inproc"
	"hypernova/oslo/policy"
	"hypernova/oslo/service"
	"hypernova/oslo/tasks"
)

const (
	image   = "11111111-1111-1111-1111-111111111111"
	network = "22222222-2222-2222-2222-222222222222"
	port    = "33333333-3333-3333-3333-333333333333"
	nobody  = "44444444-4444-4444-4444-444444444444"
)

var people = map[string]*auth.Caller{
	"alice":   {UserID: "alice", ProjectID: "p1", Roles: []string{"member", "reader"}},
	"bob":     {UserID: "bob", ProjectID: "p2", Roles: []string{"member", "reader"}},
	"reader":  {UserID: "eve", ProjectID: "p1", Roles: []string{"reader"}},
	"plain":   {UserID: "paul", ProjectID: "p1"},
	"service": {UserID: "neutron", ProjectID: "services", Roles: []string{"service"}},
	"root":    {UserID: "root", ProjectID: "p0", Roles: []string{"admin", "manager", "member", "reader"}},
}

// world is the API on a real database, with nobody who works the jobs: servers stay as the test puts them.
type world struct {
	t       testing.TB
	db      *db.DB
	deps    novaapi.Deps
	handler http.Handler
}

// serve makes the handler with the services that operations of old versions ask.
func (w *world) serve(s proxies.Services) {
	w.t.Helper()
	w.deps.Proxied = s
	w.rules(nil)
}

// rules makes the handler with an operator's rules.
func (w *world) rules(overrides map[string]string) {
	w.t.Helper()
	e, err := policy.New(novaapi.Rules(), overrides)
	if err != nil {
		w.t.Fatal(err)
	}
	w.handler = novaapi.Handler(api.Config{Policy: e, Validator: auth.ValidatorFunc(func(_ context.Context,
		token string) (*auth.Caller, error) {
		if c, ok := people[token]; ok {
			return c, nil
		}
		return nil, fault.New(fault.Unauthorized, "unknown")
	})}, w.deps)
}

func newWorld(t testing.TB) *world {
	t.Helper()
	d := dbtest.Memory(t, dbtest.Migrations{Name: "nova", FS: store.Migrations()}, dbtest.Migrations{Name: "tasks",
		FS: tasks.Migrations()})
	bus, err := messaging.New(t.Context(), inproc.NewBroker().Connect())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = bus.Close(context.Background()) })
	fl := flavors.New(d, nil)
	qs := quota.New(d, nova.Limits{Instances: 10, Cores: 20, RAM: 51200, MetadataItems: 5, InjectedFiles: 5,
		InjectedFileContentBytes: 10240,
		InjectedFilePathBytes:    255, KeyPairs: 3, ServerGroups: 10, ServerGroupMembers: 10})
	keys := keypairs.New(d, nil, qs)
	queue := tasks.New(d, tasks.Config{Owner: "api"})
	verbs := servers.New(servers.Deps{DB: d, Queue: queue, Bus: bus, Images: images{}, Store: &imagetest.Images{},
		Networks: networks{},
		Flavors:  fl, Keys: keys, Quotas: qs, MaxLocalDevices: &[]int{3}[0]})
	w := &world{t: t, db: d, deps: novaapi.Deps{Servers: verbs, Flavors: fl, Keys: keys, Quotas: qs,
		ServerGroups: servergroups.New(d, nil, qs), Hosts: hosts.New(hosts.Config{}, hosts.Deps{DB: d, Bus: bus,
			Queue: queue, Uptime: uptime, Image: func(ctx context.Context, id string) (nova.ImageMeta, error) {
				i, err := images{}.Image(ctx, id)
				return servers.ImageMeta(i), err
			}}),
		Networks: networks{}, Groups: networks{}}}
	w.serve(proxied(t))
	for _, f := range []nova.Flavor{{ID: "1", Name: "m1.tiny", VCPUs: 1, RAM: 512, Disk: 1, Public: true},
		{ID: "2", Name: "m1.zero", VCPUs: 1, RAM: 512, Public: true}, {ID: "3", Name: "m1.secret", VCPUs: 1, RAM: 512,
			Disk: 1}} {
		if _, err := fl.Create(t.Context(), f); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// host makes a compute host that is up.
func (w *world) host(name string) {
	w.t.Helper()
	if _, err := store.NewGroup(w.db, nil).Join(w.t.Context(), service.Member{Host: name, Binary: nova.BinaryCompute,
		Topic: "compute"}); err != nil {
		w.t.Fatal(err)
	}
	err := w.db.Tx(w.t.Context(), func(tx *db.Tx) error {
		_, err := store.ReportNode(w.t.Context(), tx, nova.Node{Host: name, Name: name + ".example.org", HostIP: "10.9.0.1",
			Type: "QEMU", Version: 7002009,
			CPUInfo: `{"arch":"x86_64"}`, VCPUs: 8, MemoryMB: 16384, DiskGB: 100, DiskFreeGB: 90}, clock.Real())
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// settle puts a server where it would be once its build is done.
func (w *world) settle(id string) {
	w.t.Helper()
	host, up := "h1", nova.Running
	found, _ := networks{}.PortsOf(w.t.Context(), id)
	ports := nics.NICs(found)
	for _, m := range []nova.Move{nova.MovePlace, nova.MoveSpawn, nova.MoveBuilt} {
		err := w.db.Tx(w.t.Context(), func(tx *db.Tx) error {
			now := clock.Real()
			_, refusal, err := store.Move(w.t.Context(), tx, id, m, store.Change{Host: &host, Node: &host,
				Zone: &[]string{"nova"}[0], Power: &up,
				Launched: &now, Ports: &ports}, clock.Real())
			if err == nil && refusal != nil {
				err = refusal.Fault(m.Name, id)
			}
			return err
		})
		if err != nil {
			w.t.Fatal(err)
		}
	}
}

// reply is an answer, parsed.
type reply struct {
	code   int
	header http.Header
	text   string
	body   map[string]any
}

// at follows a path of members and indexes.
func (r reply) at(path ...any) any {
	var v any = r.body
	for _, p := range path {
		switch k := p.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[k]
		case int:
			l, _ := v.([]any)
			if k >= len(l) {
				return nil
			}
			v = l[k]
		}
	}
	return v
}

// has reports whether an object has a member.
func (r reply) has(path ...any) bool {
	m, _ := r.at(path[:len(path)-1]...).(map[string]any)
	_, ok := m[path[len(path)-1].(string)]
	return ok
}

func (w *world) ask(who, version, line, body string) reply {
	w.t.Helper()
	method, path, _ := strings.Cut(line, " ")
	r := httptest.NewRequest(method, "/v2.1"+path, strings.NewReader(body))
	if who != "" {
		r.Header.Set("X-Auth-Token", who)
	}
	if version != "" {
		r.Header.Set("OpenStack-API-Version", "compute "+version)
	}
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, r)
	out := reply{code: rec.Code, header: rec.Header(), text: rec.Body.String()}
	if len(out.text) > 0 && json.Unmarshal([]byte(out.text), &out.body) != nil {
		w.t.Errorf("%s: not an object: %s", line, out.text)
	}
	return out
}

// want asks and checks the status.
func (w *world) want(status int, who, version, line, body string) reply {
	w.t.Helper()
	r := w.ask(who, version, line, body)
	if r.code != status {
		w.t.Fatalf("%s (%s) %s: got %d %s, want %d", line, version, body, r.code, r.text, status)
	}
	return r
}

// server makes one of alice's and answers its id.
func (w *world) server(name string) string {
	w.t.Helper()
	r := w.want(202, "alice", "2.1", "POST /servers",
		`{"server":{"name":"`+name+`","flavorRef":"1","imageRef":"`+image+`"}}`)
	return r.at("server", "id").(string)
}

func uptime(_ context.Context, host string) (string, error) {
	if host == "h2" {
		return "", fault.Unavailablef("it does not answer")
	}
	return " 12:00:00 up 1 day,  2 users,  load average: 0.10, 0.20, 0.30", nil
}

type images struct{}

func (images) Image(_ context.Context, id string) (glance.Image, error) {
	if id != image {
		return glance.Image{}, fault.NotFoundf("No image %s.", id)
	}
	return glance.Image{ID: id, Name: "guest", Status: "active", Size: 1 << 20, Properties: map[string]string{
		"os_distro": "debian", "vm_mode": "hvm", "colour": "red"}}, nil
}

func (images) Open(context.Context, string) (glance.Image, io.ReadCloser, error) {
	return glance.Image{}, nil, fault.NotFoundf("no data")
}

type networks struct{}

func (networks) Available(context.Context, string) ([]neutron.NetworkInfo, error) {
	return []neutron.NetworkInfo{{ID: network, Name: "demo", Subnets: []string{"s"}}}, nil
}

func (networks) Network(_ context.Context, id string) (neutron.NetworkInfo, error) {
	if id != network {
		return neutron.NetworkInfo{}, fault.NotFoundf("no network")
	}
	return neutron.NetworkInfo{ID: id, Name: "demo", Subnets: []string{"s"}}, nil
}

func (networks) Port(_ context.Context, id string) (neutron.PortInfo, error) {
	return neutron.PortInfo{}, fault.NotFoundf("no port %s", id)
}

func (networks) SecurityGroup(_ context.Context, _, name string) (string, error) {
	if name == "web" {
		return "g1", nil
	}
	return "", fault.NotFoundf("no group")
}

func (networks) Show(_ context.Context, id string) (neutron.SecurityGroup, error) {
	return neutron.SecurityGroup{ID: id, Name: "web", Meta: neutron.Meta{Project: "p1"},
		Rules: []neutron.SecurityGroupRule{{ID: "r1", Ingress: true, Protocol: "tcp", RemotePrefix: "10.0.0.0/8"},
			{ID: "r2"}}}, nil
}

func (networks) Allocate(context.Context, neutron.AllocateArgs) ([]neutron.PortInfo, error) {
	return nil, fault.Conflictf("nobody builds here")
}

func (networks) CheckAllocate(context.Context, neutron.AllocateArgs) error { return nil }
func (networks) PortsOf(context.Context, string) ([]neutron.PortInfo, error) {
	return []neutron.PortInfo{{ID: port, Network: network, NetworkName: "demo", MAC: "fa:16:3e:00:00:01", Status: "ACTIVE",
		SecurityGroups: []string{"g1"},
		FixedIPs:       []neutron.FixedIP{{Subnet: "s", IP: netip.MustParseAddr("10.0.0.5")}}}}, nil
}

func (networks) Deallocate(context.Context, string) error { return nil }
func (networks) Unbind(context.Context, string) error     { return nil }

func (networks) GroupNames(_ context.Context, servers []string) (map[string][]string, error) {
	out := map[string][]string{}
	for _, s := range servers {
		out[s] = []string{"web", "web"}
	}
	return out, nil
}

func (networks) DeallocatePort(context.Context, string, string) error    { return nil }
func (networks) AddGroup(context.Context, string, string) error          { return nil }
func (networks) RemoveGroup(context.Context, string, string) error       { return nil }
func (networks) AddFixedIP(context.Context, string, string) error        { return nil }
func (networks) RemoveFixedIP(context.Context, string, netip.Addr) error { return nil }

func (networks) PortQuotaFree(context.Context, string) (int, error) { return -1, nil }

// removeServer ends a deletion that nobody works, so that the next server finds its quota free.
func removeServer(w *world, id string) func(*db.Tx) error {
	return func(tx *db.Tx) error {
		_, _, err := store.Move(w.t.Context(), tx, id, nova.DeleteServer.Done, store.Change{}, clock.Real())
		return err
	}
}

// failServer ends a build that nobody works with a fault.
func failServer(w *world, id string, f *nova.Fault) func(*db.Tx) error {
	return func(tx *db.Tx) error {
		_, _, err := store.Move(w.t.Context(), tx, id, nova.MoveUnbuilt, store.Change{Fault: f}, clock.Real())
		return err
	}
}
