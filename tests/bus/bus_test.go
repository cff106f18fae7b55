// Package bus tests that lost, repeated and delayed messages cause no wrong state. Whatever messages a bus loses,
// repeats or delays, and however long the broker is down, every requested server is active in the end, and nothing is
// leaked.
package bus

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"hypernova/cloudtest"
	"hypernova/oslo/messaging/faulty"
)

const builds = 50

// cloud returns a cloud with the usual service_down_time. cloudtest's default of seconds is too short if a third of the
// heartbeats is lost.
func cloud(t *testing.T, n *faulty.Network) *cloudtest.Cloud {
	t.Helper()
	if testing.Short() {
		t.Skip("takes a minute: a third of all messages is lost on a bus of a whole cloud")
	}
	return cloudtest.New(t, cloudtest.Computes(3), cloudtest.Through(n.Wrap), cloudtest.Set("DEFAULT.report_interval=5",
		"DEFAULT.service_down_time=60",
		"quota.instances=-1", "quota.cores=-1", "quota.ram=-1", "QUOTAS.quota_port=-1",
		"DEFAULT.graceful_shutdown_timeout=20"))
}

// create creates servers, several at the same time.
func create(t *testing.T, c *cloudtest.Cloud, n int) []string {
	t.Helper()
	ids := make([]string, n)
	var wg sync.WaitGroup
	slots := make(chan bool, 8)
	for i := range n {
		wg.Go(func() {
			slots <- true
			defer func() { <-slots }()
			status, doc := c.Do("demo", http.MethodPost, "compute", "/servers", fmt.Sprintf(
				`{"server": {"name": "s%d", "imageRef": %q, "flavorRef": %q, "networks": [{"uuid": %q}]}}`, i, c.Var("image"),
				c.Var("flavor"), c.Var("network")))
			server, ok := doc["server"].(map[string]any)
			if status != http.StatusAccepted || !ok {
				t.Errorf("create: %d %v", status, doc)
				return
			}
			ids[i], _ = server["id"].(string)
		})
	}
	wg.Wait()
	if t.Failed() {
		t.FailNow()
	}
	return ids
}

// statuses returns the number of servers by status.
func statuses(c *cloudtest.Cloud) map[string]int {
	_, doc := c.Do("demo", http.MethodGet, "compute", "/servers/detail?limit=1000", nil)
	all, _ := doc["servers"].([]any)
	by := map[string]int{}
	for _, s := range all {
		if row, ok := s.(map[string]any); ok {
			by[fmt.Sprint(row["status"])]++
		}
	}
	return by
}

// until waits until ok is true for the numbers of servers by status.
func until(t *testing.T, c *cloudtest.Cloud, what string, ok func(map[string]int) bool) {
	t.Helper()
	began := time.Now()
	progress(t, what, func(context.Context) (string, bool) {
		by := statuses(c)
		return fmt.Sprint(by), ok(by)
	})
	t.Logf("%s after %s", what, time.Since(began).Round(time.Second/10))
}

func unleaked(t *testing.T, c *cloudtest.Cloud) {
	t.Helper()
	progress(t, "nothing is left over", func(ctx context.Context) (string, bool) {
		leaks, err := c.Leaks(ctx)
		return fmt.Sprint(leaks, err), err == nil && len(leaks) == 0
	})
}

func remove(t *testing.T, c *cloudtest.Cloud, ids []string) {
	t.Helper()
	for _, id := range ids {
		if status, doc := c.Do("demo", http.MethodDelete, "compute", "/servers/"+id, nil); status != http.StatusNoContent {
			t.Errorf("delete: %d %v", status, doc)
		}
	}
}

func TestAThirdOfAllMessagesIsLost(t *testing.T) {
	t.Parallel()
	n := new(faulty.Network)
	c := cloud(t, n)
	n.Set(faulty.Faults{Drop: 0.3, Duplicate: 0.05, Delay: 0.05, MaxDelay: 500 * time.Millisecond})
	ids := create(t, c, builds)
	until(t, c, "all built", func(by map[string]int) bool { return by["ACTIVE"] == builds })
	remove(t, c, ids)
	until(t, c, "all deleted", func(by map[string]int) bool { return len(by) == 0 })
	sent, dropped := n.Counts()
	t.Logf("%d of %d messages were lost", dropped, sent)
	if dropped < sent/5 {
		t.Errorf("%d of %d messages were lost, want a third", dropped, sent)
	}
	n.Set(faulty.Faults{})
	unleaked(t, c)
}
