package servers_test

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"hypernova/glance"
	"hypernova/neutron"
	"hypernova/nova"
	"hypernova/nova/imagetest"
	"hypernova/nova/jobs"
	"hypernova/nova/rpcapi"
	"hypernova/nova/servers"
	"hypernova/nova/store"
	"hypernova/oslo/auth"
	"hypernova/oslo/db"
	"hypernova/oslo/db/dbtest"
	"hypernova/oslo/fault"
	"hypernova/oslo/messaging"
	"hypernova/oslo/messaging/inproc"
	"hypernova/oslo/opt"
	"hypernova/oslo/tasks"

	"github.com/google/go-cmp/cmp"
)

// around is what the verbs meet: tables in memory, and neighbours that answer what the test sets.
type around struct {
	*servers.Servers
	t      *testing.T
	ctx    context.Context
	d      *db.DB
	queue  *tasks.Queue
	bus    *messaging.Bus
	limits nova.Limits
	nets   []neutron.NetworkInfo
	port   neutron.PortInfo
	image  glance.Image
	judged error // what networking says of the wishes
}

var tables = []dbtest.Migrations{{Name: "nova", FS: store.Migrations()}, {Name: "tasks", FS: tasks.Migrations()}}

func newAround(t *testing.T, d *db.DB) *around {
	t.Helper()
	bus, err := messaging.Open(t.Context(), "inproc:", inproc.Scheme)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = bus.Close(context.Background()) })
	a := &around{t: t, d: d, bus: bus, queue: tasks.New(d, tasks.Config{}), limits: nova.Limits{Instances: 10, Cores: 20,
		RAM: 51200, MetadataItems: 2, InjectedFiles: 1, InjectedFileContentBytes: 10, InjectedFilePathBytes: 10},
		nets:  []neutron.NetworkInfo{{ID: "n1", Subnets: []string{"s"}}},
		image: glance.Image{ID: "i1", Status: "active", Size: 1 << 20}}
	a.Servers = servers.New(servers.Deps{DB: d, Queue: a.queue, Bus: bus, Images: a, Store: &imagetest.Images{},
		Networks: a, Flavors: a, Keys: a,
		Quotas: a})
	a.ctx = as(t.Context(), "p1", "member")
	return a
}

func as(ctx context.Context, project string, roles ...string) context.Context {
	return auth.WithRequest(auth.With(ctx, &auth.Caller{UserID: "u1", ProjectID: project, Roles: roles}), "req-1")
}

func (a *around) Flavor(_ context.Context, id string) (nova.Flavor, error) {
	if id == "disabled" {
		return nova.Flavor{ID: id, Name: id, VCPUs: 1, RAM: 1, Disk: 1, Disabled: true}, nil
	}
	if id != "f" {
		return nova.Flavor{}, fault.NotFoundf("Flavor %s could not be found.", id)
	}
	return nova.Flavor{ID: "f", Name: "m1", VCPUs: 2, RAM: 1024, Disk: 1}, nil
}
func (a *around) PublicKey(_ context.Context, _, name string) (string, error) {
	if name != "k" {
		return "", fault.NotFoundf("no key")
	}
	return "ssh-rsa", nil
}
func (a *around) Limits(context.Context, string, string) (nova.Limits, error) { return a.limits, nil }
func (a *around) Image(_ context.Context, id string) (glance.Image, error) {
	if id != a.image.ID {
		return glance.Image{}, fault.NotFoundf("no image")
	}
	return a.image, nil
}
func (a *around) Open(context.Context, string) (glance.Image, io.ReadCloser, error) {
	return a.image, nil, nil
}
func (a *around) Available(context.Context, string) ([]neutron.NetworkInfo, error) {
	return a.nets, nil
}
func (a *around) Network(_ context.Context, id string) (neutron.NetworkInfo, error) {
	for _, n := range a.nets {
		if n.ID == id {
			return n, nil
		}
	}
	return neutron.NetworkInfo{}, fault.NotFoundf("no network")
}
func (a *around) Port(_ context.Context, id string) (neutron.PortInfo, error) {
	if id != a.port.ID {
		return neutron.PortInfo{}, fault.NotFoundf("no port")
	}
	return a.port, nil
}
func (a *around) SecurityGroup(_ context.Context, _, name string) (string, error) {
	if name != "web" {
		return "", fault.NotFoundf("no group")
	}
	return "sg-web", nil
}
func (a *around) Allocate(context.Context, neutron.AllocateArgs) ([]neutron.PortInfo, error) {
	return nil, nil
}
func (a *around) CheckAllocate(context.Context, neutron.AllocateArgs) error   { return a.judged }
func (a *around) PortsOf(context.Context, string) ([]neutron.PortInfo, error) { return nil, nil }
func (a *around) Unbind(context.Context, string) error                        { return nil }
func (a *around) Deallocate(context.Context, string) error                    { return nil }
func (a *around) GroupNames(context.Context, []string) (map[string][]string, error) {
	return map[string][]string{}, nil
}
func (*around) DeallocatePort(context.Context, string, string) error    { return nil }
func (*around) AddGroup(context.Context, string, string) error          { return nil }
func (*around) RemoveGroup(context.Context, string, string) error       { return nil }
func (*around) AddFixedIP(context.Context, string, string) error        { return nil }
func (*around) RemoveFixedIP(context.Context, string, netip.Addr) error { return nil }

func (a *around) PortQuotaFree(context.Context, string) (int, error) { return -1, nil }

func (a *around) create() nova.Server {
	a.t.Helper()
	made, err := a.Create(a.ctx, servers.CreateArgs{Name: "one", Flavor: "f", Image: "i1"})
	if err != nil {
		a.t.Fatal(err)
	}
	return made.Servers[0]
}

// put brings a server to a state as its jobs would.
func (a *around) put(id string, vm nova.VMState, task nova.TaskState) {
	a.t.Helper()
	host := "h1"
	set := db.NewExec(db.NewSet("test"), `UPDATE servers
SET vm_state = ?, task_state = ?, host = ?, launched_at = 1
WHERE id = ?`)
	if _, err := set.Do(a.t.Context(), a.d, string(vm), string(task), host, id); err != nil {
		a.t.Fatal(err)
	}
}

func (a *around) jobs() []string {
	a.t.Helper()
	all, err := a.queue.List(a.t.Context(), tasks.ListArgs{})
	if err != nil {
		a.t.Fatal(err)
	}
	var kinds []string
	for _, i := range all {
		kinds = append(kinds, i.Kind)
	}
	return kinds
}

func TestCreateWritesServersActionsAndJobs(t *testing.T) {
	t.Parallel()
	a := newAround(t, dbtest.Memory(t, tables...))
	made, err := a.Create(a.ctx, servers.CreateArgs{Name: "My server", Flavor: "f", Image: "i1", KeyName: "k", Min: 1,
		Max: 2, Metadata: map[string]string{"a": "b"},
		SecurityGroups: []string{"web"},
		Hints:          []byte(`{"same_host":"5c3f5c1e-0000-4000-8000-000000000000","other":{"y":1}}`)})
	if err != nil || len(made.Servers) != 2 {
		t.Fatal(made, err)
	}
	for i, want := range []string{"My server-1", "My server-2"} {
		v, err := a.Server(a.ctx, made.Servers[i].ID)
		if err != nil || v.Name != want || v.Hostname != strings.ReplaceAll(strings.ToLower(want), " ", "-") ||
			v.VM != nova.Building || v.Task != nova.Scheduling ||
			v.PublicKey != "ssh-rsa" || v.ReservationID != made.ReservationID || v.LaunchIndex != i {
			t.Errorf("%+v, %v", v, err)
		}
		if act, err := a.Action(a.ctx, v.ID, "req-1"); err != nil || act.Name != nova.ActionCreate {
			t.Errorf("%+v, %v", act, err)
		}
	}
	if diff := cmp.Diff([]string{jobs.Build.Name(), jobs.Build.Name()}, a.jobs()); diff != "" {
		t.Error(diff)
	}
}

func TestCreateRefuses(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		name string
		set  func(a *around, c *servers.CreateArgs)
		kind fault.Kind
		text string
	}{
		{"flavor", func(_ *around, c *servers.CreateArgs) { c.Flavor = "x" }, fault.Invalid, "Flavor x could not be found."},
		{"image", func(_ *around, c *servers.CreateArgs) { c.Image = "x" }, fault.Invalid, "Can not find requested image"},
		{"inactive image", func(a *around, _ *servers.CreateArgs) { a.image.Status = "queued" }, fault.Invalid,
			"Image i1 is not active."},
		{"large image", func(a *around, _ *servers.CreateArgs) { a.image.Size = 2 << 30 }, fault.Invalid,
			"Flavor's disk is too small for requested image. Flavor disk is 1073741824 bytes, image is 2147483648 bytes."},
		{"disk larger than its data", func(a *around, _ *servers.CreateArgs) { a.image.VirtualSize = 2 << 30 }, fault.Invalid,
			"Flavor's disk is too small for requested image. Flavor disk is 1073741824 bytes, image is 2147483648 bytes."},
		{"disk that may not grow", func(a *around, c *servers.CreateArgs) {
			a.image.Properties, c.DiskConfig = map[string]string{"auto_disk_config": "Disabled"}, "AUTO"
		}, fault.Invalid, "Requested image i1 has automatic disk resize disabled."},
		{"disabled flavor", func(_ *around, c *servers.CreateArgs) { c.Flavor = "disabled" }, fault.Invalid,
			"Flavor disabled could not be found."},
		{"much memory", func(a *around, _ *servers.CreateArgs) { a.image.MinRAM = 2048 }, fault.Invalid,
			"Flavor's memory is too small for requested image."},
		{"key", func(_ *around, c *servers.CreateArgs) { c.KeyName = "x" }, fault.Invalid, "Invalid key_name provided."},
		{"group", func(_ *around, c *servers.CreateArgs) { c.SecurityGroups = []string{"x"} }, fault.Invalid,
			"Security group x not found for project p1."},
		{"zone", func(_ *around, c *servers.CreateArgs) { c.AZ = "x" }, fault.Invalid,
			"The requested availability zone is not available"},
		{"host", func(_ *around, c *servers.CreateArgs) { c.Host = "x" }, fault.Invalid,
			"Compute host x could not be found."},
		{"several networks", func(a *around, _ *servers.CreateArgs) {
			a.nets = append(a.nets, neutron.NetworkInfo{ID: "n2", Subnets: []string{"s"}})
		}, fault.Conflict,
			"Multiple possible networks found, use a Network ID to be more specific."},
		{"network", func(_ *around, c *servers.CreateArgs) {
			c.Networks, c.NICs = servers.NetworksListed, []nova.NICRequest{{Network: "x"}}
		}, fault.Invalid, "Network x could not be found."},
		{"taken port", func(a *around, c *servers.CreateArgs) {
			a.port = neutron.PortInfo{ID: "po", Project: "p1", DeviceID: "other"}
			c.Networks, c.NICs = servers.NetworksListed, []nova.NICRequest{{Port: "po"}}
		}, fault.Conflict, "Port po is still in use."},
		{"another project's port", func(a *around, c *servers.CreateArgs) {
			a.port = neutron.PortInfo{ID: "po", Project: "p2"}
			c.Networks, c.NICs = servers.NetworksListed, []nova.NICRequest{{Port: "po"}}
		}, fault.Invalid, "Port po not usable for instance one."},
		{"port without address", func(a *around, c *servers.CreateArgs) {
			a.port = neutron.PortInfo{ID: "po", Project: "p1"}
			c.Networks, c.NICs = servers.NetworksListed, []nova.NICRequest{{Port: "po"}}
		}, fault.Invalid, "Port po requires a FixedIP in order to be used."},
		{"port twice", func(a *around, c *servers.CreateArgs) {
			c.Networks, c.NICs = servers.NetworksListed, []nova.NICRequest{{Port: "po"}, {Port: "po"}}
		}, fault.Invalid, "Port po is still in use."},
		{"one port for two", func(a *around, c *servers.CreateArgs) {
			c.Max, c.Networks, c.NICs = 2, servers.NetworksListed, []nova.NICRequest{{Port: "po"}}
		}, fault.Invalid, "Failed to launch instances: Unable to launch multiple instances with a single configured port ID. Please launch your instance one by one with different ports."},
		{"one address for two", func(a *around, c *servers.CreateArgs) {
			c.Max, c.Networks, c.NICs = 2, servers.NetworksListed,
				[]nova.NICRequest{{Network: "n1", FixedIP: netip.MustParseAddr("10.0.0.9")}}
		}, fault.Invalid, "Failed to launch instances: max_count cannot be greater than 1 if an fixed_ip is specified."},
		{"one address for two NICs", func(a *around, c *servers.CreateArgs) {
			nic := nova.NICRequest{Network: "n1", FixedIP: netip.MustParseAddr("10.0.0.9")}
			c.Networks, c.NICs = servers.NetworksListed, []nova.NICRequest{nic, nic}
		}, fault.Invalid, "Fixed IP address 10.0.0.9 is asked for twice."},
		{"one host name for two", func(_ *around, c *servers.CreateArgs) { c.Max, c.Hostname = 2, "web" }, fault.Invalid,
			"Unable to allocate a single hostname to multiple instances"},
		{"taken address", func(a *around, c *servers.CreateArgs) {
			a.judged = neutron.FixedIPInUse(netip.MustParseAddr("10.0.0.9"), "other")
		}, fault.Invalid, "Fixed IP address 10.0.0.9 is already in use on instance other."},
		{"address that he may not choose", func(a *around, c *servers.CreateArgs) { a.judged = fault.Forbiddenf("no") },
			fault.Forbidden, "no"},
		{"network without subnet", func(a *around, c *servers.CreateArgs) {
			a.nets = []neutron.NetworkInfo{{ID: "n1"}}
			c.Networks, c.NICs = servers.NetworksListed, []nova.NICRequest{{Network: "n1"}}
		}, fault.Invalid, "Network n1 requires a subnet in order to boot instances on."},
		{"external network", func(a *around, c *servers.CreateArgs) {
			a.nets[0].External = true
			c.Networks, c.NICs = servers.NetworksListed, []nova.NICRequest{{Network: "n1"}}
		}, fault.Forbidden, "It is not allowed to create an interface on external network n1"},
		{"the only network is external", func(a *around, _ *servers.CreateArgs) { a.nets[0].External = true },
			fault.Forbidden,
			"It is not allowed to create an interface on external network n1"},
		{"nonsense of the image", func(a *around, _ *servers.CreateArgs) {
			a.image.Properties = map[string]string{"hw_disk_bus": "bogus"}
		}, fault.Invalid,
			"Invalid image metadata. Error: Field value bogus is invalid: hw_disk_bus"},
		{"what the image asks for and nobody gives", func(a *around, _ *servers.CreateArgs) {
			a.image.Properties = map[string]string{"hw_tpm_version": "2.0"}
		},
			fault.Invalid, "Image property hw_tpm_version=2.0 is not supported in this cloud."},
		{"impossible topology", func(a *around, _ *servers.CreateArgs) {
			a.image.Properties = map[string]string{"hw_cpu_max_sockets": "1", "hw_cpu_max_cores": "1", "hw_cpu_max_threads": "1"}
		}, fault.Invalid, "Image vCPU topology is impossible: no number of sockets, cores and threads within the bounds makes 2 CPUs."},
		{"group that is no id", func(_ *around, c *servers.CreateArgs) { c.Hints = []byte(`{"group":"web"}`) }, fault.Invalid,
			"Invalid input for field/attribute group. Value: web. 'web' is not a 'uuid'"},
		{"group that is not there", func(_ *around, c *servers.CreateArgs) {
			c.Hints = []byte(`{"group":"5c3f5c1e-0000-4000-8000-000000000000"}`)
		}, fault.Invalid,
			"Instance group 5c3f5c1e-0000-4000-8000-000000000000 could not be found."},
		{"near what is no id", func(_ *around, c *servers.CreateArgs) { c.Hints = []byte(`{"same_host":["web"]}`) },
			fault.Invalid,
			"Invalid input for field/attribute same_host. Value: web. 'web' is not a 'uuid'"},
		{"metadata", func(_ *around, c *servers.CreateArgs) { c.Metadata = map[string]string{"a": "", "b": "", "c": ""} },
			fault.OverQuota, "Maximum number of metadata items exceeds 2"},
		{"files", func(_ *around, c *servers.CreateArgs) { c.Files = []nova.File{{Path: "a"}, {Path: "b"}} }, fault.OverQuota,
			"Personality file limit exceeded"},
		{"quotas", func(a *around, c *servers.CreateArgs) { a.limits.Instances, a.limits.Cores, c.Min, c.Max = 1, 3, 2, 2 },
			fault.OverQuota,
			"Quota exceeded for cores, instances: Requested 4, 2, but already used 0, 0 of 3, 1 cores, instances"},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			a := newAround(t, dbtest.Memory(t, tables...))
			before := dbtest.Snapshot(t, a.d, "servers", "actions", "tasks")
			args := servers.CreateArgs{Name: "one", Flavor: "f", Image: "i1"}
			x.set(a, &args)
			_, err := a.Create(a.ctx, args)
			if err == nil || fault.KindOf(err) != x.kind || fault.Message(err) != x.text {
				t.Errorf("got %v, want %v: %s", err, x.kind, x.text)
			}
			if diff := dbtest.Diff(before, dbtest.Snapshot(t, a.d, "servers", "actions", "tasks")); diff != "" {
				t.Errorf("a refused request left\n%s", diff)
			}
		})
	}
}

func TestAsManyAsFitAreMade(t *testing.T) {
	t.Parallel()
	a := newAround(t, dbtest.Memory(t, tables...))
	a.limits.Cores = 7
	made, err := a.Create(a.ctx, servers.CreateArgs{Name: "one", Flavor: "f", Image: "i1", Min: 2, Max: 5})
	if err != nil || len(made.Servers) != 3 {
		t.Errorf("made %d, %v", len(made.Servers), err)
	}
}

func TestQuotasHoldForRequestsAtTheSameTime(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		a := newAround(t, d)
		a.limits.Instances = 3
		var all sync.WaitGroup
		var mu sync.Mutex
		made, over := 0, 0
		for range 12 {
			all.Go(func() {
				_, err := a.Create(a.ctx, servers.CreateArgs{Name: "one", Flavor: "f", Image: "i1"})
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					made++
				case fault.Is(err, fault.OverQuota):
					over++
				default:
					t.Errorf("create: %v", err)
				}
			})
		}
		all.Wait()
		if made != 3 || over != 9 {
			t.Errorf("made %d, refused %d", made, over)
		}
	}, tables...)
}

func TestPowerVerbsTakeTheServer(t *testing.T) {
	t.Parallel()
	a := newAround(t, dbtest.Memory(t, tables...))
	id := a.create().ID
	for _, x := range []struct {
		name string
		vm   nova.VMState
		task nova.TaskState
		do   func() error
		want nova.TaskState
		text string // of the refusal
	}{
		{"stop", nova.Active, nova.Idle, func() error { return a.Act(a.ctx, id, nova.StopServer) }, nova.PoweringOff, ""},
		{"stop again", nova.Active, nova.PoweringOff, func() error { return a.Act(a.ctx, id, nova.StopServer) }, "",
			"Cannot 'stop' instance " + id + " while it is in task_state powering-off"},
		{"start", nova.Stopped, nova.Idle, func() error { return a.Act(a.ctx, id, nova.StartServer) }, nova.PoweringOn, ""},
		{"start active", nova.Active, nova.Idle, func() error { return a.Act(a.ctx, id, nova.StartServer) }, "",
			"Cannot 'start' instance " + id + " while it is in vm_state active"},
		{"soft reboot", nova.Active, nova.Idle, func() error { return a.Act(a.ctx, id, nova.RebootServer) }, nova.Rebooting,
			""},
		{"soft reboot stopped", nova.Stopped, nova.Idle, func() error { return a.Act(a.ctx, id, nova.RebootServer) }, "",
			"Cannot 'reboot' instance " + id + " while it is in vm_state stopped"},
		{"hard reboot", nova.Error, nova.Idle, func() error { return a.Act(a.ctx, id, nova.HardRebootServer) },
			nova.RebootingHard, ""},
		{"pause", nova.Active, nova.Idle, func() error { return a.Act(a.ctx, id, nova.PauseServer) }, nova.Pausing, ""},
		{"unpause", nova.Paused, nova.Idle, func() error { return a.Act(a.ctx, id, nova.UnpauseServer) }, nova.Unpausing, ""},
	} {
		a.put(id, x.vm, x.task)
		jobsBefore := len(a.jobs())
		err := x.do()
		v, _ := a.Server(a.ctx, id)
		switch {
		case x.text == "" && (err != nil || v.Task != x.want || len(a.jobs()) != jobsBefore+1):
			t.Errorf("%s: %v; task state %q", x.name, err, v.Task)
		case x.text != "" && (!fault.Is(err, fault.Conflict) || fault.Message(err) != x.text || len(a.jobs()) != jobsBefore):
			t.Errorf("%s: got %v, want %s", x.name, err, x.text)
		}
	}
}

func TestOneOfManyStopsWins(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		a := newAround(t, d)
		id := a.create().ID
		a.put(id, nova.Active, nova.Idle)
		var all sync.WaitGroup
		won := make(chan bool, 8)
		for range 8 {
			all.Go(func() {
				err := a.Act(a.ctx, id, nova.StopServer)
				if err != nil && !fault.Is(err, fault.Conflict) {
					t.Errorf("stop: %v", err)
				}
				won <- err == nil
			})
		}
		all.Wait()
		close(won)
		n := 0
		for w := range won {
			if w {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%d requests won", n)
		}
	}, tables...)
}

func TestLockedServersObeyAdministratorsOnly(t *testing.T) {
	t.Parallel()
	a := newAround(t, dbtest.Memory(t, tables...))
	id := a.create().ID
	a.put(id, nova.Active, nova.Idle)
	if err := a.Lock(a.ctx, id, "mine"); err != nil {
		t.Fatal(err)
	}
	for name, do := range map[string]func(context.Context) error{
		"stop":     func(ctx context.Context) error { return a.Act(ctx, id, nova.StopServer) },
		"delete":   func(ctx context.Context) error { return a.Delete(ctx, id) },
		"metadata": func(ctx context.Context) error { _, err := a.SetMetadata(ctx, id, nil, false); return err },
	} {
		if err := do(a.ctx); !fault.Is(err, fault.Conflict) || fault.Message(err) != "Instance "+id+" is locked" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if v, _ := a.Server(a.ctx, id); v.LockedBy != "owner" || v.LockedReason != "mine" {
		t.Errorf("%+v", v)
	}
	if err := a.Act(as(t.Context(), "admins", "admin"), id, nova.StopServer); err != nil {
		t.Errorf("administrator: %v", err)
	}
}

func TestDeleteIsAlwaysTakenAndOnce(t *testing.T) {
	t.Parallel()
	a := newAround(t, dbtest.Memory(t, tables...))
	id := a.create().ID
	for range 3 {
		if err := a.Delete(a.ctx, id); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{jobs.Build.Name(), jobs.Delete.Name()}, a.jobs()); diff != "" {
		t.Error(diff)
	}
	if err := a.Delete(a.ctx, "unknown"); !fault.Is(err, fault.NotFound) {
		t.Errorf("unknown: %v", err)
	}
}

func TestMetadataAndTags(t *testing.T) {
	t.Parallel()
	a := newAround(t, dbtest.Memory(t, tables...))
	id := a.create().ID
	if _, err := a.SetMetadata(a.ctx, id, nil, false); !fault.Is(err, fault.Conflict) {
		t.Errorf("while building: %v", err)
	}
	a.put(id, nova.Active, nova.Idle)
	if _, err := a.SetMetadata(a.ctx, id, map[string]string{"a": "1"}, false); err != nil {
		t.Fatal(err)
	}
	m, err := a.SetMetadata(a.ctx, id, map[string]string{"b": "2"}, true)
	if diff := cmp.Diff(map[string]string{"a": "1", "b": "2"}, m); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	if _, err := a.SetMetadata(a.ctx, id, map[string]string{"c": "3"}, true); !fault.Is(err, fault.OverQuota) {
		t.Errorf("a third item: %v", err)
	}
	if err := a.DeleteMetadata(a.ctx, id, "a"); err != nil {
		t.Error(err)
	}
	if err := a.DeleteMetadata(a.ctx, id, "a"); !fault.Is(err, fault.NotFound) {
		t.Errorf("again: %v", err)
	}
	if grew, err := a.AddTag(a.ctx, id, "red"); !grew || err != nil {
		t.Error(grew, err)
	}
	if grew, err := a.AddTag(a.ctx, id, "red"); grew || err != nil {
		t.Error(grew, err)
	}
	v, err := a.Update(a.ctx, id, servers.UpdateArgs{Name: opt.Some("new"), Description: opt.Null[string]()})
	if err != nil || v.Name != "new" || v.Description != nil || len(v.Tags) != 1 {
		t.Errorf("%+v, %v", v, err)
	}
	var many []string
	for i := range servers.MaxTags + 1 {
		many = append(many, fmt.Sprint(i))
	}
	if err := a.SetTags(a.ctx, id, many); !fault.Is(err, fault.Invalid) {
		t.Errorf("too many tags: %v", err)
	}
}

func TestList(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		a := newAround(t, d)
		var ids []string
		for _, tags := range [][]string{{"red"}, {"red", "blue"}, nil} {
			made, err := a.Create(a.ctx, servers.CreateArgs{Name: fmt.Sprintf("web%d", len(ids)), Flavor: "f", Image: "i1",
				Tags: tags})
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, made.Servers[0].ID)
		}
		a.put(ids[2], nova.Stopped, nova.Idle)
		yes := true
		for _, x := range []struct {
			name string
			q    servers.Query
			want []string
		}{
			{"all, latest first", servers.Query{Project: "p1"}, []string{ids[2], ids[1], ids[0]}},
			{"page", servers.Query{Marker: ids[2], Limit: 1}, []string{ids[1]}},
			{"another project", servers.Query{Project: "p2"}, nil},
			{"tags", servers.Query{Tags: []string{"red", "blue"}}, []string{ids[1]}},
			{"any tag", servers.Query{AnyTags: []string{"blue", "green"}}, []string{ids[1]}},
			{"not all tags", servers.Query{NotAllTags: []string{"red", "blue"}}, []string{ids[2], ids[0]}},
			{"not any tag", servers.Query{NotAnyTags: []string{"red"}}, []string{ids[2]}},
			{"state", servers.Query{VM: []nova.VMState{nova.Stopped}}, []string{ids[2]}},
			{"name", servers.Query{Where: []db.Cond{{Column: "display_name", Op: db.Regexp, Values: []any{"b[01]"}}}},
				[]string{ids[1], ids[0]}},
			{"host", servers.Query{Where: []db.Cond{db.EqTo("host", "h1")}}, []string{ids[2]}},
			{"deleted", servers.Query{Deleted: &yes}, nil},
			{"changed since", servers.Query{ChangedSince: time.Now().Add(time.Hour)}, nil},
		} {
			vs, err := a.List(a.ctx, x.q)
			var got []string
			for _, v := range vs {
				got = append(got, v.ID)
			}
			if diff := cmp.Diff(x.want, got); err != nil || diff != "" {
				t.Errorf("%s: %v\n%s", x.name, err, diff)
			}
		}
	}, tables...)
}

func TestConsoleLogCutsLines(t *testing.T) {
	t.Parallel()
	a := newAround(t, dbtest.Memory(t, tables...))
	srv := messaging.NewServer(a.bus, rpcapi.Compute, "h1")
	rpcapi.ConsoleLog.Handle(srv, func(context.Context, rpcapi.ConsoleLogArgs) (rpcapi.ConsoleLogReply, error) {
		return rpcapi.ConsoleLogReply{Data: []byte("one\ntwo\nthree\n")}, nil
	})
	if err := srv.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	v := nova.Server{ID: "x", Host: "h1"}
	for lines, want := range map[int]string{-1: "one\ntwo\nthree\n", 0: "", 1: "", 2: "three\n", 3: "two\nthree\n",
		9: "one\ntwo\nthree\n"} {
		if b, err := a.ConsoleLog(a.ctx, &v, lines); err != nil || string(b) != want {
			t.Errorf("%d lines: %q, %v", lines, b, err)
		}
	}
	if _, err := a.ConsoleLog(a.ctx, &nova.Server{ID: "y"}, 1); !fault.Is(err, fault.Conflict) {
		t.Errorf("without a host: %v", err)
	}
}

func TestHostnames(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"My Server_1": "my-server-1", "Ünïcode": "ünïcode", "Łódź": "ód",
		"..": "other", "a.b-": "a-b", "web.example.com": "web-example-com",
		"foo..bar": "foo--bar", "-a-": "a", "日本": "other", "a/b!c": "abc", strings.Repeat("x", 80): strings.Repeat("x", 63),
		strings.Repeat("é", 80):        strings.Repeat("é", 63),
		strings.Repeat("x", 62) + ".y": strings.Repeat("x", 62)} {
		if got := servers.Hostname(name, "other"); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}

func TestHintsNeedNoListener(t *testing.T) {
	t.Parallel()
	a := newAround(t, dbtest.Memory(t, tables...))
	for _, name := range []string{"network-changed", "network-vif-deleted", "network-vif-plugged"} {
		if err := a.ExternalEvents(a.ctx,
			[]nova.ExternalEvent{{Name: name, Server: a.create().ID, Status: "completed"}}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnImageMayWantAConfigDrive(t *testing.T) {
	t.Parallel()
	a := newAround(t, dbtest.Memory(t, tables...))
	a.image.Properties = map[string]string{"img_config_drive": "mandatory"}
	if v := a.create(); !v.ConfigDrive {
		t.Error("no config drive")
	}
	a.image.Properties = map[string]string{"img_config_drive": "optional"}
	if v := a.create(); v.ConfigDrive {
		t.Error("a config drive")
	}
}
