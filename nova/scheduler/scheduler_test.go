package scheduler_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"hypernova/nova"
	"hypernova/nova/scheduler"
	"hypernova/nova/store"
	"hypernova/oslo/db"
	"hypernova/oslo/db/dbtest"
	"hypernova/oslo/fault"
	"hypernova/oslo/metric"
	"hypernova/oslo/service"
	"hypernova/placement"
)

// cloud has hosts and the records that snapshots are made from.
type cloud struct {
	placement.API // what the scheduler does not ask stays unanswered
	t             *testing.T
	now           time.Time
	db            *db.DB
	states        []placement.ProviderState
	asked         int
}

func newCloud(t *testing.T, hosts int) *cloud {
	t.Helper()
	c := &cloud{t: t, now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	d := dbtest.Memory(t, dbtest.Migrations{Name: "nova", FS: store.Migrations()})
	c.db = d
	for i := range hosts {
		c.host(fmt.Sprintf("h%d", i+1), int64(1024*(i+1)))
	}
	return c
}

func (c *cloud) clock() time.Time { return c.now }

func (c *cloud) host(name string, ram int64) {
	c.t.Helper()
	if _, err := store.NewGroup(c.db, c.clock).Join(c.t.Context(),
		service.Member{Host: name, Binary: nova.BinaryCompute}); err != nil {
		c.t.Fatal(err)
	}
	var id string
	err := c.db.Tx(c.t.Context(), func(tx *db.Tx) (err error) {
		id, err = store.ReportNode(c.t.Context(), tx, nova.Node{Host: name, Name: name + ".example", Type: "QEMU",
			Version: 7002000, CPUInfo: `{"arch":"x86_64"}`}, c.now)
		return err
	})
	if err != nil {
		c.t.Fatal(err)
	}
	c.states = append(c.states, placement.ProviderState{Provider: placement.Provider{ID: id, Name: name},
		Used: placement.Resources{},
		Inventories: map[string]placement.Inventory{placement.MemoryMB: {Total: ram, MaxUnit: ram, MinUnit: 1,
			StepSize: 1, AllocationRatio: 1},
			placement.VCPU:   {Total: 4, MaxUnit: 4, MinUnit: 1, StepSize: 1, AllocationRatio: 4},
			placement.DiskGB: {Total: 100, MaxUnit: 100, MinUnit: 1, StepSize: 1, AllocationRatio: 1}}})
}

func (c *cloud) States(context.Context) ([]placement.ProviderState, error) {
	c.asked++
	return c.states, nil
}

func (c *cloud) scheduler(enabled ...string) *scheduler.Scheduler {
	c.t.Helper()
	s, err := scheduler.New(scheduler.Config{Filters: scheduler.Filters{Enabled: enabled},
		Weighers: scheduler.Weighers{RAM: 1}}, scheduler.Deps{DB: c.db, Now: c.clock, Placement: c})
	if err != nil {
		c.t.Fatal(err)
	}
	return s
}

func flavor(ram int) nova.Flavor { return nova.Flavor{Name: "f", VCPUs: 1, RAM: ram, Disk: 1} }

func TestBestHostFirstAndDecisionsCount(t *testing.T) {
	t.Parallel()
	c := newCloud(t, 3)
	s := c.scheduler("ComputeFilter")
	var got []string
	for range 4 {
		sel, err := s.Select(t.Context(), nova.Request{Flavor: flavor(1024), Limit: 3})
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("%s of %d", sel.Hosts[0].Host, len(sel.Hosts)))
	}
	if want := "h3 of 3, h2 of 3, h3 of 3, h1 of 3"; strings.Join(got, ", ") != want {
		t.Errorf("got %v, want %s", got, want)
	}
	if c.asked != 1 {
		t.Errorf("placement was asked %d times", c.asked)
	}
}

func TestNoValidHostOnlyWithANewSnapshot(t *testing.T) {
	t.Parallel()
	c := newCloud(t, 1)
	s := c.scheduler("ComputeFilter")
	if _, err := s.Select(t.Context(), nova.Request{Flavor: flavor(1024)}); err != nil {
		t.Fatal(err)
	}
	c.now = c.now.Add(time.Millisecond) // well within the snapshot's life
	if _, err := s.Select(t.Context(), nova.Request{Flavor: flavor(1024)}); err != nil {
		t.Errorf("what the first decision did not claim is not free again: %v", err)
	}
}

func TestWhyNoHost(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		name string
		set  func(c *cloud)
		r    nova.Request
		want string
	}{
		{"no hosts", func(c *cloud) { c.states = nil }, nova.Request{Flavor: flavor(1)},
			"No valid host was found. There are no hosts."},
		{"memory", func(*cloud) {}, nova.Request{Flavor: flavor(4096)}, "has 1024 MiB of memory free, 4096 asked"},
		{"disabled", func(c *cloud) {
			v, _ := store.ServiceOf(c.t.Context(), c.db, "h1", nova.BinaryCompute)
			v.Disabled, v.DisabledReason = true, "repair"
			if err := store.SaveService(c.t.Context(), c.db, &v, c.now); err != nil {
				c.t.Fatal(err)
			}
		}, nova.Request{Flavor: flavor(1)}, "is disabled: repair"},
		{"silent", func(c *cloud) { c.now = c.now.Add(time.Hour) }, nova.Request{Flavor: flavor(1)}, "is down"},
		{"zone", func(*cloud) {}, nova.Request{Flavor: flavor(1), AZ: "east"}, "is in availability zone nova, not east"},
		{"tried", func(*cloud) {}, nova.Request{Flavor: flavor(1), Exclude: []string{"h1"}}, "was tried already"},
		{"another host", func(*cloud) {}, nova.Request{Flavor: flavor(1), Host: "h9"},
			"is not the host h9 that was asked for"},
		{"trait", func(*cloud) {}, nova.Request{Flavor: nova.Flavor{RAM: 1,
			ExtraSpecs: map[string]string{"trait:HW_X": "required"}}}, "lacks the trait HW_X"},
		{"forbidden trait", func(c *cloud) { c.states[0].Traits = []string{"HW_X"} },
			nova.Request{Flavor: nova.Flavor{RAM: 1, ExtraSpecs: map[string]string{"trait:HW_X": "forbidden"}}},
			"has the forbidden trait HW_X"},
		{"class", func(*cloud) {}, nova.Request{Flavor: nova.Flavor{RAM: 1,
			ExtraSpecs: map[string]string{"resources:CUSTOM_GOLD": "1"}}}, "offers no CUSTOM_GOLD"},
		{"architecture", func(*cloud) {}, nova.Request{Flavor: flavor(1),
			Image: nova.ImageMeta{Properties: map[string]string{"hw_architecture": "aarch64"}}},
			"runs x86_64, the image is for aarch64"},
		{"hypervisor", func(*cloud) {}, nova.Request{Flavor: flavor(1),
			Image: nova.ImageMeta{Properties: map[string]string{"img_hv_type": "xen"}}},
			"is a qemu hypervisor, the image is for xen"},
		{"capability", func(*cloud) {}, nova.Request{Flavor: nova.Flavor{RAM: 1,
			ExtraSpecs: map[string]string{"capabilities:hypervisor_version": ">= 8000000"}}},
			`has hypervisor_version 7002000, ">= 8000000" asked`},
		{"near a server elsewhere", func(*cloud) {},
			nova.Request{Flavor: flavor(1), Hints: map[string][]string{"same_host": {"s1"}}}, "does not run the servers s1"},
		{"aggregate", func(*cloud) {}, nova.Request{Flavor: nova.Flavor{RAM: 1,
			ExtraSpecs: map[string]string{"aggregate_instance_extra_specs:ssd": "true"}}}, "is in no aggregate with ssd"},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			c := newCloud(t, 1)
			x.set(c)
			s := c.scheduler("ComputeFilter", "AvailabilityZoneFilter", "ImagePropertiesFilter", "ComputeCapabilitiesFilter",
				"SameHostFilter", "AggregateInstanceExtraSpecsFilter")
			_, err := s.Select(t.Context(), x.r)
			if !fault.Is(err, fault.NoValidHost) || !strings.HasPrefix(err.Error(), "No valid host was found. ") ||
				!strings.Contains(err.Error(), x.want) {
				t.Errorf("got %v, want %s", err, x.want)
			}
		})
	}
}

func TestZonesAndHints(t *testing.T) {
	t.Parallel()
	c := newCloud(t, 3)
	ctx := t.Context()
	err := c.db.Tx(ctx, func(tx *db.Tx) error {
		_, err := store.SaveAggregate(ctx, tx, nova.Aggregate{Name: "a", Hosts: []string{"h1"},
			Metadata: map[string]string{"availability_zone": "east", "ssd": "true"}}, c.now)
		if err != nil {
			return err
		}
		return store.InsertServers(ctx, tx, []nova.Server{{ID: "s1", Host: "h3", Flavor: &nova.Flavor{},
			Image: &nova.ImageMeta{}, Created: c.now, Updated: c.now}})
	})
	if err != nil {
		t.Fatal(err)
	}
	s := c.scheduler("AvailabilityZoneFilter", "SameHostFilter", "DifferentHostFilter",
		"AggregateInstanceExtraSpecsFilter")
	for _, x := range []struct {
		name string
		r    nova.Request
		want string
	}{
		{"zone", nova.Request{Flavor: flavor(1), AZ: "east"}, "h1 in east"},
		{"same host", nova.Request{Flavor: flavor(1), Hints: map[string][]string{"same_host": {"s1"}}}, "h3 in nova"},
		{"different host", nova.Request{Flavor: flavor(1), AZ: "nova", Hints: map[string][]string{"different_host": {"s1"}}},
			"h2 in nova"},
		{"aggregate", nova.Request{Flavor: nova.Flavor{RAM: 1,
			ExtraSpecs: map[string]string{"aggregate_instance_extra_specs:ssd": "true"}}}, "h1 in east"},
		{"forced past the filters", nova.Request{Flavor: flavor(1), AZ: "east", Host: "h2", Force: true}, "h2 in nova"},
	} {
		sel, err := s.Select(ctx, x.r)
		if err != nil || fmt.Sprintf("%s in %s", sel.Hosts[0].Host, sel.Hosts[0].Zone) != x.want {
			t.Errorf("%s: %+v, %v", x.name, sel, err)
		}
	}
}

func TestUnknownFilterIsRejected(t *testing.T) {
	t.Parallel()
	_, err := scheduler.New(scheduler.Config{Filters: scheduler.Filters{Enabled: []string{"NoFilter"}}},
		scheduler.Deps{DB: newCloud(t, 0).db})
	if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "ComputeFilter") {
		t.Errorf("got %v", err)
	}
}

func TestOperatorsRulesAreExplainedAndTimed(t *testing.T) {
	t.Parallel()
	c := newCloud(t, 2)
	with := func(e scheduler.Expressions) *scheduler.Scheduler {
		s, err := scheduler.New(scheduler.Config{Filters: scheduler.Filters{Enabled: []string{"ComputeFilter"}},
			Expressions: e}, scheduler.Deps{DB: c.db, Now: c.clock, Placement: c})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	m := metric.New()
	ctx := metric.With(t.Context(), m)
	_, err := with(scheduler.Expressions{Filters: []string{"gold: host.name == 'h2' ? 'is not gold' : ''",
		"silver: host.servers > 7"}}).Select(ctx, nova.Request{Flavor: flavor(1)})
	const want = "No valid host was found. 2 hosts; gold dropped 1 (is not gold: h2); " +
		"silver dropped 1 (does not pass the rule silver: h1)."
	if !fault.Is(err, fault.NoValidHost) || fault.Message(err) != want {
		t.Errorf("got %v, want %s", err, want)
	}
	_, err = with(scheduler.Expressions{Filters: []string{"broken: 1 / host.servers > 0"}}).Select(ctx,
		nova.Request{Flavor: flavor(1)})
	if !fault.Is(err, fault.NoValidHost) || !strings.Contains(fault.Message(err), "operator's rule broken") ||
		!strings.Contains(fault.Message(err), "division by zero") {
		t.Errorf("got %v", err)
	}
	sel, err := with(scheduler.Expressions{Weighers: []string{"first 2: host.name == 'h1' ? 1 : 0"}}).Select(ctx,
		nova.Request{Flavor: flavor(1)})
	if err != nil || sel.Hosts[0].Host != "h1" {
		t.Errorf("got %+v, %v", sel, err)
	}
	b := httptest.NewRecorder()
	metric.Handler(m.Gatherer()).ServeHTTP(b, httptest.NewRequest(http.MethodGet, "/", nil))
	for _, line := range []string{`name="gold",outcome="ok",sort="filter"`,
		`name="broken",outcome="no_valid_host",sort="filter"`, `name="first",outcome="ok",sort="weigher"`,
		`name="ComputeFilter",outcome="ok",sort="filter"`} {
		if !strings.Contains(b.Body.String(), "hypernova_operation_seconds_count{"+line) {
			t.Errorf("no metric %s", line)
		}
	}
	if _, err := scheduler.New(scheduler.Config{
		Expressions: scheduler.Expressions{Filters: []string{"ComputeFilter: true"}}},
		scheduler.Deps{DB: c.db, Now: c.clock, Placement: c}); !fault.Is(err, fault.Invalid) {
		t.Errorf("a rule with the name of a filter: %v", err)
	}
}
