package hosts_test

import (
	"context"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"hypernova/nova"
	"hypernova/nova/hosts"
	"hypernova/oslo/fault"
)

// A request for the uptimes of very many hosts asks a bounded number of them at a time, and each of them once.
func TestUptimesAsksABoundedNumberOfHostsAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const n, bound = 100, 16
		var now, asked atomic.Int64
		answer := make(chan struct{})
		h := hosts.New(hosts.Config{}, hosts.Deps{Uptime: func(_ context.Context, host string) (string, error) {
			now.Add(1)
			asked.Add(1)
			defer now.Add(-1)
			<-answer
			if host == "h7" {
				return "", fault.Unavailablef("no answer")
			}
			return "up " + host, nil
		}})
		nodes := make([]hosts.Node, n)
		for i := range nodes {
			name := "h" + strconv.Itoa(i)
			nodes[i] = hosts.Node{Node: nova.Node{ID: name, Host: name}, Service: hosts.Service{Up: name != "h8"}}
		}
		got := make(chan map[string]string)
		go func() { got <- h.Uptimes(t.Context(), nodes) }()
		for range n - 1 { // one is down and is not asked
			synctest.Wait()
			if now.Load() > bound {
				t.Fatalf("%d hosts are asked at once, at most %d", now.Load(), bound)
			}
			answer <- struct{}{}
		}
		found := <-got
		if len(found) != n-2 || asked.Load() != n-1 || found["h9"] != "up h9" {
			t.Errorf("%d uptimes of %d asked, h9: %q", len(found), asked.Load(), found["h9"])
		}
		if _, ok := found["h7"]; ok {
			t.Error("a host that does not answer has an uptime")
		}
	})
}
