package compute_test

import (
	"slices"
	"testing"

	"hypernova/nova"
	"hypernova/nova/compute"
	"hypernova/nova/rpcapi"
	"hypernova/nova/virt"
	"hypernova/oslo/fault"
)

// run runs a periodic task of the agent once.
func (a *agent) run(name string) {
	a.t.Helper()
	for _, p := range a.m.Manager().Periodic {
		if p.Name == name {
			if err := p.Fn(a.t.Context()); err != nil {
				a.t.Fatal(err)
			}
			return
		}
	}
	a.t.Fatalf("there is no periodic task %s", name)
}

func TestAHostWhoseDiskIsAlmostFullTakesNoNewServers(t *testing.T) {
	t.Parallel()
	a := newAgent(t, compute.Config{MinFreeDisk: 1000}, nil)
	a.auto = true
	offered := func(free int64, want bool) {
		t.Helper()
		a.driver.SetFreeDisk(free)
		a.run("watch_disk")
		if got := !slices.Contains(a.state.Traits, "COMPUTE_STATUS_DISABLED"); got != want || (a.trouble == "") != want {
			t.Errorf("with %d bytes free: offered %v, trouble %q; want %v", free, got, a.trouble, want)
		}
	}
	offered(1000, true)
	offered(999, false)
	offered(1100, false) // barely over: it would come and go
	s := spec("a")
	a.driver.SetFreeDisk(999)
	_, err := rpcapi.Prepare.Do(t.Context(), a.bus, "h1", rpcapi.SpecArgs{Spec: s})
	if !fault.Is(err, fault.Unavailable) {
		t.Errorf("a build that comes all the same: got %v, want an Unavailable fault", err)
	}
	offered(1250, true)
	if _, err := rpcapi.Prepare.Do(t.Context(), a.bus, "h1", rpcapi.SpecArgs{Spec: s}); err != nil {
		t.Error(err)
	}
}

func TestGuestsThatWereHaltedForADiskGoOn(t *testing.T) {
	t.Parallel()
	for _, wake := range []bool{true, false} {
		a := newAgent(t, compute.Config{MinFreeDisk: 1 << 30, WakeHalted: wake}, nil)
		a.boot("full")
		a.boot("asked")
		if err := a.driver.Upset("full", nova.PowerPaused, nova.CauseDisk, "paused after an error of a disk",
			"No space left"); err != nil {
			t.Fatal(err)
		}
		if err := a.driver.Pause(t.Context(), "asked"); err != nil {
			t.Fatal(err)
		}
		a.run("sync_power_states")
		reports := map[string]rpcapi.ServerPower{}
		for range 2 {
			r := <-a.reports
			reports[r.Server] = r
		}
		if r := reports["full"]; r.Cause != nova.CauseDisk || r.Why == "" || r.Words != "No space left" {
			t.Errorf("the halted guest is reported as %+v", r)
		}
		if r := reports["asked"]; r.Cause != "" || r.Words != "" {
			t.Errorf("the paused guest is reported as %+v", r)
		}
		power := func(id string, want nova.PowerState) {
			t.Helper()
			if i, err := a.driver.Info(t.Context(), id); err != nil || i.Power != want {
				t.Errorf("guest %s is %+v, %v; want power state %d", id, i, err, want)
			}
		}
		a.driver.SetFreeDisk(1 << 20)
		a.run("watch_disk")
		power("full", nova.PowerPaused)
		a.driver.SetFreeDisk(2 << 30)
		a.run("watch_disk")
		power("asked", nova.PowerPaused)
		if !wake {
			power("full", nova.PowerPaused)
			continue
		}
		power("full", nova.Running)
		if r := <-a.reports; r.Server != "full" || r.Power != nova.Running {
			t.Errorf("after it went on: reported %+v", r)
		}
		// Halted again at once, it is not told to go on at once.
		if err := a.driver.Upset("full", nova.PowerPaused, nova.CauseDisk, "", ""); err != nil {
			t.Fatal(err)
		}
		a.run("sync_power_states")
		a.run("watch_disk")
		power("full", nova.PowerPaused)
	}
}

func TestTheImageCacheIsCleaned(t *testing.T) {
	t.Parallel()
	a := newAgent(t, compute.Config{ImageCache: virt.CachePolicy{}}, nil)
	s := spec("a")
	s.Image.ID = "11111111-2222-4333-8444-555555555555"
	for range 2 {
		if err := a.driver.Prepare(t.Context(), &s, compute.Images(store{})); err != nil {
			t.Fatal(err)
		}
		a.run("manage_image_cache")
		if all, unused := a.m.CachedBytes(); all != 4 || unused != 0 {
			t.Errorf("with a server: %v bytes, %v unused; want 4 and 0", all, unused)
		}
		if err := a.driver.Destroy(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		a.run("manage_image_cache")
		if all, _ := a.m.CachedBytes(); all != 0 {
			t.Errorf("without a server: %v bytes, want none", all)
		}
	}
}
