package bench

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"hypernova/nova"
	"hypernova/nova/scheduler"
	novastore "hypernova/nova/store"
	"hypernova/oslo/clock"
	"hypernova/oslo/conf"
	"hypernova/oslo/db"
	"hypernova/oslo/db/dbtest"
	"hypernova/oslo/service"
	"hypernova/placement"
	"hypernova/placement/resources"
	"hypernova/placement/store"
)

// decisions measures the scheduler of this process with many hosts: decisions of one client, and decisions with the
// claim of what they chose, of 8 clients. Databases are files in memory, so the disk is not measured.
func decisions(hosts int) func(*costs) figure {
	return func(c *costs) figure {
		if c.server != nil {
			return figure{} // the same on every engine
		}
		ctx := c.t.Context()
		claims := resources.New(dbtest.Memory(c.t, dbtest.Migrations{Name: "placement", FS: store.Migrations()}), nil)
		compute := dbtest.Memory(c.t, dbtest.Migrations{Name: "nova", FS: novastore.Migrations()})
		addHosts(ctx, compute, claims, hosts)
		var options scheduler.Config
		conf.Fill(&options)
		s, err := scheduler.New(options, scheduler.Deps{DB: compute, Placement: claims})
		if err != nil {
			panic(err)
		}
		decide := func() nova.Choice {
			sel, err := s.Select(ctx, nova.Request{Flavor: nova.Flavor{Name: "f", VCPUs: 1, RAM: 64, Disk: 1}, Limit: 3})
			if err != nil {
				panic(err)
			}
			return sel.Hosts[0]
		}
		decide() // takes the snapshot
		const some, clients = 400, 8
		cpu, began := spent(c.t, os.Getpid()), time.Now()
		for range some {
			decide()
		}
		alone := time.Since(began)
		f := figure{cloudCPU: (spent(c.t, os.Getpid()) - cpu).Seconds() * 1e3 / some, waited: alone.Seconds() * 1e3 / some,
			"decisions/s": some / alone.Seconds()}
		var n atomic.Int64
		began = time.Now()
		c.concurrently(clients, some, func(int) {
			h := decide()
			err := claims.Claim(ctx, placement.Allocation{Consumer: fmt.Sprintf("c%d", n.Add(1)), Project: "p", User: "u",
				Type: "INSTANCE", Providers: map[string]placement.Resources{h.Provider: h.Resources}})
			if err != nil {
				panic(err)
			}
		})
		f["with claims/s"] = some / time.Since(began).Seconds()
		return f
	}
}

// addHosts makes compute services with their nodes and providers.
func addHosts(ctx context.Context, compute *db.DB, claims *resources.Service, hosts int) {
	group := novastore.NewGroup(compute, nil)
	for i := range hosts {
		name := fmt.Sprintf("h%05d", i)
		if _, err := group.Join(ctx, service.Member{Host: name, Binary: nova.BinaryCompute}); err != nil {
			panic(err)
		}
		var id string
		err := compute.Tx(ctx, func(tx *db.Tx) (err error) {
			id, err = novastore.ReportNode(ctx, tx, nova.Node{Host: name, Name: name, Type: "QEMU", Version: 7002000,
				CPUInfo: `{"arch":"x86_64"}`}, clock.Real())
			return err
		})
		if err != nil {
			panic(err)
		}
		room := func(n int64) placement.Inventory {
			return placement.Inventory{Total: n, MaxUnit: n, MinUnit: 1, StepSize: 1, AllocationRatio: 1}
		}
		if _, err := claims.Providers.Create(ctx, placement.Provider{ID: id, Name: name}); err != nil {
			panic(err)
		}
		if _, err := claims.SetInventories(ctx, id, 0, map[string]placement.Inventory{placement.VCPU: room(4096),
			placement.MemoryMB: room(1 << 20), placement.DiskGB: room(4000)}); err != nil {
			panic(err)
		}
	}
}
