package bus

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"hypernova/cloudtest/scenario"
	"hypernova/tests/layout"
	"hypernova/tests/running"
)

func TestMain(m *testing.M) { layout.Main(m) }

// processes is a cloud of many processes. One of them is the broker.
type processes struct {
	*layout.Cloud
	t *testing.T
}

// The broker is killed during builds and is down for a minute, far longer than service_down_time. Every build succeeds
// in the end.
func TestBrokerIsDownForAMinuteDuringBuilds(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes minutes: the broker of a cloud of processes stays away for one")
	}
	for _, shape := range []struct {
		name string
		of   func(*testing.T) layout.Shape
	}{
		{"nats", func(*testing.T) layout.Shape { return layout.Split() }},
		{"rabbit", func(t *testing.T) layout.Shape { return layout.SplitOnRabbit(layout.Rabbit(t)) }},
	} {
		t.Run(shape.name, func(t *testing.T) {
			t.Parallel()
			c := processes{layout.Start(t, running.Binary(t), shape.of(t), scenario.Options{Computes: 2, Sets: []string{
				"quota.instances=-1", "quota.cores=-1", "quota.ram=-1", "QUOTAS.quota_port=-1", "DEFAULT.max_concurrent_builds=2",
				"fake.delay=0.3"}}), t}
			c.create(builds)
			c.until("some are built, some not", func(by map[string]int) bool { return by["ACTIVE"] > 0 })
			if err := c.RestartBroker(func() { c.away(time.Minute) }); err != nil {
				t.Fatal(err)
			}
			c.until("all are built", func(by map[string]int) bool { return by["ACTIVE"] == builds })
			c.removeAll()
			c.until("all are gone", func(by map[string]int) bool { return len(by) == 0 })
			c.atRest()
		})
	}
}

// away kills the broker for some time and checks the answers of the APIs meanwhile.
func (c processes) away(length time.Duration) {
	end := time.NewTimer(length)
	defer end.Stop()
	tick := time.NewTicker(5 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-end.C:
			by, err := c.statuses()
			if err != nil || by["ERROR"] > 0 || by["BUILD"] == 0 {
				c.t.Errorf("after a minute without the broker the servers are %v, %v: some must wait, none may fail", by, err)
			}
			return
		case <-tick.C:
			if by, err := c.statuses(); err != nil || by["ERROR"] > 0 {
				c.t.Errorf("while the broker is away the servers are %v, %v: none may fail", by, err)
			}
		}
	}
}

func (c processes) create(n int) {
	c.t.Helper()
	vars := c.Vars()
	var wg sync.WaitGroup
	slots := make(chan bool, 8)
	for i := range n {
		wg.Go(func() {
			slots <- true
			defer func() { <-slots }()
			a, err := c.Do(c.t.Context(), "demo", scenario.Request{Method: http.MethodPost, Service: "compute",
				Path: "/servers", Body: fmt.Sprintf(
					`{"server": {"name": "s%d", "imageRef": %q, "flavorRef": %q, "networks": [{"uuid": %q}]}}`, i, vars["image"],
					vars["flavor"], vars["network"])})
			if err != nil || a.Status != http.StatusAccepted {
				c.t.Errorf("create: %d %s %v", a.Status, a.Body, err)
			}
		})
	}
	wg.Wait()
	if c.t.Failed() {
		c.t.FailNow()
	}
}

type listed struct{ ID, Status string }

func (c processes) list() ([]listed, error) {
	a, err := c.Do(c.t.Context(), "demo", scenario.Request{Method: http.MethodGet, Service: "compute",
		Path: "/servers/detail?limit=1000"})
	if err != nil || a.Status != http.StatusOK {
		return nil, fmt.Errorf("list: %d %s %w", a.Status, a.Body, err)
	}
	var doc struct{ Servers []listed }
	return doc.Servers, json.Unmarshal(a.Body, &doc)
}

func (c processes) statuses() (map[string]int, error) {
	all, err := c.list()
	by := map[string]int{}
	for _, s := range all {
		by[s.Status]++
	}
	return by, err
}

// until waits until ok is true for the numbers of servers by status. It fails if nothing changes for long.
func (c processes) until(what string, ok func(map[string]int) bool) {
	c.t.Helper()
	began := time.Now()
	progress(c.t, what, func(context.Context) (string, bool) {
		by, err := c.statuses()
		return fmt.Sprint(by, err), err == nil && ok(by)
	})
	c.t.Logf("%s after %s", what, time.Since(began).Round(time.Second/10))
}

func (c processes) removeAll() {
	c.t.Helper()
	all, err := c.list()
	if err != nil {
		c.t.Fatal(err)
	}
	for _, s := range all {
		a, err := c.Do(c.t.Context(), "demo", scenario.Request{Method: http.MethodDelete, Service: "compute",
			Path: "/servers/" + s.ID})
		if err != nil || a.Status != http.StatusNoContent {
			c.t.Errorf("delete: %d %s %v", a.Status, a.Body, err)
		}
	}
}

// atRest waits until hypernova check finds nothing and nothing is leaked.
func (c processes) atRest() {
	c.t.Helper()
	progress(c.t, "the cloud comes to rest", func(ctx context.Context) (string, bool) {
		wrong, err := c.Audit(ctx, 30*time.Second)
		left, lerr := c.Leaks(ctx)
		return fmt.Sprint(wrong, left, err, lerr), err == nil && lerr == nil && len(wrong) == 0 && len(left) == 0
	})
}

// stuck is the time without any change after which a test fails. It suits a loaded machine.
const stuck = 2 * time.Minute

// progress waits until look returns true. It fails if look's text, the progress, does not change for the time stuck.
func progress(t *testing.T, what string, look func(context.Context) (string, bool)) {
	t.Helper()
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	before, moved := "", time.Now()
	for range tick.C {
		now, ok := look(t.Context())
		switch {
		case ok:
			return
		case now != before:
			before, moved = now, time.Now()
		case time.Since(moved) > stuck:
			t.Fatalf("%s: nothing has moved for %s: %s", what, stuck, now)
		}
	}
}
