package audit_test

import (
	"strings"
	"testing"
	"time"

	"hypernova/app/audit"
	"hypernova/neutron"
	"hypernova/nova"
	"hypernova/nova/virt"
	"hypernova/oslo/tasks"
)

const port = "11112222-3333-4444-5555-666677778888"

// sound is a cloud in which nothing is wrong: server a on h1.
func sound() audit.Facts {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return audit.Facts{Now: now, Patience: time.Minute, Down: time.Minute,
		Servers: []nova.Server{{ID: "a", VM: nova.Active, Host: "h1"}},
		Services: []nova.Service{{Binary: nova.BinaryCompute, Host: "h1", Seen: now},
			{Binary: nova.BinaryCompute, Host: "h2", Seen: now}},
		Nodes:  []nova.Node{{ID: "n1", Host: "h1", Name: "node-1"}, {ID: "n2", Host: "h2", Name: "node-2"}},
		Agents: []neutron.Agent{{Binary: "agent", Host: "h1", Alive: true}},
		Ports: []neutron.Port{{ID: port, DeviceID: "a", DeviceOwner: "compute:nova", Host: "h1"},
			{ID: "dhcp", DeviceID: "x", DeviceOwner: "network:dhcp"}},
		Claims: map[string][]string{"n1": {"a"}},
		Local:  &audit.Local{Host: "h1", Guests: []virt.Info{{ID: "a"}}, Taps: []string{neutron.Device(port)}},
	}
}

func TestEachThingThatIsWrongIsFound(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(*audit.Facts)
		want   string // rule and subject of every finding, notes in brackets
	}{
		{"nothing", func(*audit.Facts) {}, ""},
		{"a state without a task", func(f *audit.Facts) { f.Servers[0].Task = nova.Rebooting }, "server-stuck server a"},
		{"a build without a task", func(f *audit.Facts) { f.Servers[0].VM = nova.Building }, "server-stuck server a"},
		{"a state with a task", func(f *audit.Facts) {
			f.Servers[0].Task = nova.Rebooting
			f.Tasks = []tasks.Info{{ID: "t", Key: "a", State: "running", Due: f.Now}}
		}, ""},
		{"a task that was given up owns nothing", func(f *audit.Facts) {
			f.Servers[0].Task = nova.Rebooting
			f.Tasks = []tasks.Info{{ID: "t", Key: "a", State: "dead", Due: f.Now}}
		}, "server-stuck server a, [task-dead task t]"},
		{"a lease that ended long ago", func(f *audit.Facts) {
			f.Tasks = []tasks.Info{{ID: "t", Key: "a", State: "running", Due: f.Now.Add(-2 * time.Minute)}}
		}, "task-stuck task t"},
		{"a task that nobody takes, and one behind it", func(f *audit.Facts) {
			f.Tasks = []tasks.Info{{ID: "t", Key: "a", State: "running", Due: f.Now},
				{ID: "u", Key: "a", State: "queued", Due: f.Now.Add(-time.Hour)},
				{ID: "v", Key: "b", State: "queued", Due: f.Now.Add(-time.Hour)}}
		}, "task-stuck task v"},
		{"a server that is gone", func(f *audit.Facts) { f.Servers = nil },
			"allocation-orphaned allocation of a, guest-orphaned guest a, port-orphaned port " + port},
		{"a server that is being deleted", func(f *audit.Facts) {
			f.Servers = nil
			f.Tasks = []tasks.Info{{ID: "t", Key: "a", State: "queued", Due: f.Now}}
		}, ""},
		{"a guest whose removal is owed", func(f *audit.Facts) {
			f.Servers, f.Claims, f.Ports, f.Local.Taps = nil, nil, nil, nil
			f.Tasks = []tasks.Info{{ID: "t", Kind: "host.cleanup", Key: "cleanup:h1:a", Args: `{"Server": "a", "Host": "h1"}`,
				State: "queued", Due: f.Now}}
		}, ""},
		{"an allocation that is not there", func(f *audit.Facts) { f.Claims = nil }, "allocation-missing server a"},
		{"an allocation elsewhere", func(f *audit.Facts) { f.Claims = map[string][]string{"n2": {"a"}} },
			"allocation-misplaced allocation of a"},
		{"a failed build that holds something", func(f *audit.Facts) {
			f.Servers[0].VM, f.Servers[0].Host, f.Ports, f.Local = nova.Error, "", nil, nil
		}, "allocation-orphaned allocation of a"},
		{"a port elsewhere", func(f *audit.Facts) { f.Ports[0].Host = "h2" }, "port-misplaced port " + port +
			", tap-orphaned device tap11112222-33"},
		{"ports of routers and floating IPs that are gone", func(f *audit.Facts) {
			f.Ports = append(f.Ports, neutron.Port{ID: "i", DeviceID: "r", DeviceOwner: "network:router_interface"},
				neutron.Port{ID: "g", DeviceID: "q", DeviceOwner: "network:router_gateway"},
				neutron.Port{ID: "o", DeviceID: "f", DeviceOwner: "network:floatingip"},
				neutron.Port{ID: "p", DeviceID: "e", DeviceOwner: "network:floatingip"})
			f.Routers = []neutron.Router{{ID: "r"}}
			f.Floating = []neutron.FloatingIP{{ID: "f", OuterPort: "o", Port: "i", Router: "r"}}
		}, "floating-port-orphaned port p, router-port-orphaned port g"},
		{"floating IPs that stand for nothing", func(f *audit.Facts) {
			f.Ports = append(f.Ports, neutron.Port{ID: "o", DeviceID: "f", DeviceOwner: "network:floatingip"})
			f.Floating = []neutron.FloatingIP{{ID: "f", OuterPort: "o", Port: "gone"}, {ID: "h", OuterPort: "x"}}
		}, "floating-ip-broken floating IP f, floating-ip-broken floating IP h"},
		{"a host that is gone", func(f *audit.Facts) { f.Services = f.Services[1:]; f.Local = nil },
			"node-orphaned node node-1, port-misplaced port " + port},
		{"a guest that is not there", func(f *audit.Facts) { f.Local.Guests = nil }, "guest-missing server a"},
		{"a guest that was halted", func(f *audit.Facts) {
			f.Local.Guests[0].Power, f.Local.Guests[0].Cause = nova.PowerPaused, nova.CauseDisk
		}, "guest-halted guest a"},
		{"a guest that was paused on request", func(f *audit.Facts) { f.Local.Guests[0].Power = nova.PowerPaused }, ""},
		{"a shelved server whose image is there", func(f *audit.Facts) {
			f.Servers[0].VM, f.Shelved, f.Images = nova.Shelved, map[string]string{"a": "i"}, map[string]string{"i": "active"}
		}, ""},
		{"a shelved server whose image is gone", func(f *audit.Facts) {
			f.Servers[0].VM, f.Shelved = nova.Shelved, map[string]string{"a": "i"}
		}, "image-missing server a"},
		{"a shelved server whose image has no data", func(f *audit.Facts) {
			f.Servers[0].VM, f.Shelved, f.Images = nova.Shelved, map[string]string{"a": "i"}, map[string]string{"i": "queued"}
		}, "image-missing server a"},
		{"images that nobody could look at", func(f *audit.Facts) {
			f.Servers[0].VM, f.Shelved, f.NoImages = nova.Shelved, map[string]string{"a": "i"}, true
		}, ""},
		{"a copy of a disk that nobody makes", func(f *audit.Facts) {
			f.Local.Leftovers = []virt.Leftover{{ID: "a", Snapshots: []string{"i"}}}
		}, "snapshot-orphaned guest a"},
		{"a copy of a disk that a job makes", func(f *audit.Facts) {
			f.Local.Leftovers = []virt.Leftover{{ID: "a", Snapshots: []string{"i"}}}
			f.Servers[0].Task = nova.ImageSnapshot
			f.Tasks = []tasks.Info{{ID: "t", Key: "a", State: "running", Due: f.Now}}
		}, ""},
		{"disks of a rebuild", func(f *audit.Facts) {
			f.Local.Leftovers = []virt.Leftover{{ID: "a", OldDisks: true}}
		}, "rebuild-orphaned guest a"},
		{"a rescue disk that nobody uses", func(f *audit.Facts) {
			f.Local.Leftovers = []virt.Leftover{{ID: "a", RescueDisk: true}}
		}, "rescue-orphaned guest a"},
		{"a guest that is rescued against its state", func(f *audit.Facts) {
			f.Local.Leftovers = []virt.Leftover{{ID: "a", RescueDisk: true, Rescued: true}}
		}, "rescue-orphaned guest a"},
		{"a guest that is rescued", func(f *audit.Facts) {
			f.Servers[0].VM, f.Local.Leftovers = nova.Rescued, []virt.Leftover{{ID: "a", RescueDisk: true, Rescued: true}}
		}, ""},
		{"what the hypervisor knows", func(f *audit.Facts) {
			f.Local.Troubles = []virt.Trouble{{Rule: "disk-low", Subject: "folder x", Cure: "make room"},
				{Rule: "image-cache", Subject: "folder y", Note: true}}
		}, "disk-low folder x, [image-cache folder y]"},
		{"silence", func(f *audit.Facts) {
			f.Services[0].Seen, f.Services[1].Seen, f.Agents[0].Alive = f.Now.Add(-time.Hour), time.Time{}, false
		}, "[service-down agent on h1], [service-down nova-compute on h1], [service-down nova-compute on h2]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := sound()
			tt.change(&f)
			var got []string
			for _, x := range audit.Findings(f) {
				line := x.Rule + " " + x.Subject
				if x.Note {
					line = "[" + line + "]"
				}
				got = append(got, line)
			}
			if s := strings.Join(got, ", "); s != tt.want {
				t.Errorf("got %s\nwant %s", s, tt.want)
			}
		})
	}
}

func TestWhatIsSeenOnceDoesNotCount(t *testing.T) {
	t.Parallel()
	a, b, c := audit.Finding{Rule: "r", Subject: "a", Text: "for 1s"}, audit.Finding{Rule: "r",
		Subject: "b"}, audit.Finding{Rule: "r", Subject: "c"}
	later := a
	later.Text = "for 3s"
	got := audit.Again([]audit.Finding{a, b}, []audit.Finding{later, c})
	if len(got) != 1 || got[0] != later {
		t.Errorf("got %v, want %v", got, later)
	}
}
