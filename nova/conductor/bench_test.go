package conductor_test

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"hypernova/nova"
	"hypernova/nova/servers"
	"hypernova/oslo/auth"
	"hypernova/oslo/db/dbtest"
)

// BenchmarkCreateToActive is one server after another, from the request to ACTIVE, on a database on disk.
func BenchmarkCreateToActive(b *testing.B) {
	for _, clients := range []int{1, 8} {
		b.Run(fmt.Sprintf("%d clients", clients), func(b *testing.B) {
			w := newWorldOn(b, dbtest.Open(b, "sqlite:///"+filepath.Join(b.TempDir(), "nova.db"), novaTables, taskTables), "h1")
			w.limits.Instances, w.limits.Cores, w.limits.RAM = -1, -1, -1
			w.hosts["h1"].driver.SetFaults()
			ctx, cancel := context.WithCancel(b.Context())
			ran := make(chan struct{})
			go func() { defer close(ran); _ = w.queue.Run(ctx, func() {}) }()
			defer func() { cancel(); <-ran }()
			work := make(chan int)
			var all sync.WaitGroup
			for range clients {
				all.Go(func() {
					for i := range work {
						w.oneServer(b, i)
					}
				})
			}
			b.ResetTimer()
			for i := range b.N {
				work <- i
			}
			close(work)
			all.Wait()
		})
	}
}

func (w *world) oneServer(b *testing.B, i int) {
	ctx := auth.WithRequest(w.ctx, fmt.Sprintf("req-%d", i))
	made, err := w.verbs.Create(ctx, servers.CreateArgs{Name: "one", Flavor: "nano", Image: image})
	if err != nil {
		b.Error(err)
		return
	}
	id := made.Servers[0].ID
	for {
		v, err := w.verbs.Server(ctx, id)
		if err != nil {
			b.Error(err)
			return
		}
		switch v.VM {
		case nova.Active:
			return
		case nova.Error:
			b.Errorf("%+v", v.Fault)
			return
		case nova.Building, nova.Stopped, nova.Paused, nova.Deleted:
			time.Sleep(time.Millisecond)
		}
	}
}
