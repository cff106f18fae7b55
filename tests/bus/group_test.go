package bus

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"syscall"
	"testing"

	"hypernova/cloudtest/scenario"
	"hypernova/tests/layout"
	"hypernova/tests/running"
)

// Conductors with few workers and a long queue, and a busy database: no running service is shown as down. A suspended
// process is.
func TestBusyServicesAreNotShownDown(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes half a minute: it makes every service of a cloud of processes busy")
	}
	c := processes{layout.Start(t, running.Binary(t), layout.Split(), scenario.Options{Computes: 4, Sets: []string{
		"quota.instances=-1", "quota.cores=-1", "quota.ram=-1", "QUOTAS.quota_port=-1", "conductor.workers=6",
		"fake.delay=0.05",
		"DEFAULT.report_interval=1", "DEFAULT.service_down_time=10"}}), t}
	busy, stop := context.WithCancel(t.Context())
	defer stop()
	var ended sync.WaitGroup
	for range 6 { // large lists, as dashboards request them
		ended.Go(func() {
			for busy.Err() == nil {
				if _, err := c.list(); err != nil && busy.Err() == nil {
					t.Error(err)
				}
			}
		})
	}
	looks := 0
	ended.Go(func() {
		for ; busy.Err() == nil; looks++ {
			for _, s := range c.services() {
				if s.State != "up" {
					t.Errorf("%s on %s is shown %s: %s", s.Binary, s.Host, s.State, s.DisabledReason)
				}
			}
		}
	})
	const many = 150
	c.create(many)
	c.until("all are built", func(by map[string]int) bool { return by["ACTIVE"] == many })
	c.removeAll()
	c.until("all are gone", func(by map[string]int) bool { return len(by) == 0 })
	stop()
	ended.Wait()
	t.Logf("the services were looked at %d times", looks)

	p, err := c.Part("nova-compute-h1")
	if err == nil {
		err = p.Signal(syscall.SIGSTOP)
	}
	if err != nil {
		t.Fatal(err)
	}
	progress(t, "the halted host is shown down", func(context.Context) (string, bool) {
		for _, s := range c.services() {
			if s.Host == "h1" && s.State == "down" {
				return "", true
			}
		}
		return "", false
	})
	if err := p.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	progress(t, "the host is shown up again", func(context.Context) (string, bool) {
		down := 0
		for _, s := range c.services() {
			if s.State != "up" {
				down++
			}
		}
		return fmt.Sprint(down), down == 0
	})
}

type listedService struct {
	Binary, Host, State string
	DisabledReason      string `json:"disabled_reason"`
}

func (c processes) services() []listedService {
	a, err := c.Do(c.t.Context(), "admin", scenario.Request{Method: http.MethodGet,
		Service: "compute", Path: "/os-services"})
	var doc struct{ Services []listedService }
	if err == nil {
		err = json.Unmarshal(a.Body, &doc)
	}
	if err != nil || a.Status != http.StatusOK || len(doc.Services) < 7 {
		c.t.Errorf("services: %d %s %v", a.Status, a.Body, err)
	}
	return doc.Services
}
