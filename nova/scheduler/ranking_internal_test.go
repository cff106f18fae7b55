package scheduler

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"hypernova/nova"
	"hypernova/nova/scheduler/filters"
	"hypernova/nova/scheduler/snapshot"
	"hypernova/nova/store"
	"hypernova/oslo/conf"
	"hypernova/oslo/db"
	"hypernova/oslo/db/dbtest"
	"hypernova/oslo/service"
	"hypernova/placement"
)

// states answers what snapshots ask placement.
type states struct {
	placement.API
	all []placement.ProviderState
}

func (s states) States(context.Context) ([]placement.ProviderState, error) { return s.all, nil }

// A scheduler with rankings decides as one that visits every host: for requests of many forms in turn, while hosts fill
// up and fall silent, and with every filter.
func TestRankingsDecideAsCompleteVisits(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	draw := rand.New(rand.NewPCG(7, 7))
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	d := dbtest.Memory(t, dbtest.Migrations{Name: "nova", FS: store.Migrations()})
	var clouds states
	for i := range 60 {
		name := fmt.Sprintf("h%02d", i)
		seen := now.Add(-time.Duration(draw.IntN(50)) * time.Second)
		if _, err := store.NewGroup(d, func() time.Time { return seen }).Join(ctx,
			service.Member{Host: name, Binary: nova.BinaryCompute}); err != nil {
			t.Fatal(err)
		}
		var id string
		err := d.Tx(ctx, func(tx *db.Tx) (err error) {
			id, err = store.ReportNode(ctx, tx, nova.Node{Host: name, Name: name, Type: "QEMU",
				CPUInfo: fmt.Sprintf(`{"arch":%q}`, []string{"x86_64", "aarch64"}[i%2])}, now)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		room := func(n int64) placement.Inventory {
			return placement.Inventory{Total: n, MaxUnit: n, MinUnit: 1, StepSize: 1, AllocationRatio: 1}
		}
		p := placement.ProviderState{Provider: placement.Provider{ID: id, Name: name}, Used: placement.Resources{},
			Inventories: map[string]placement.Inventory{placement.VCPU: room(int64(4 + 4*(i%3))),
				placement.MemoryMB: room(int64(1024 * (1 + i%4))), placement.DiskGB: room(100)}}
		if i%5 == 0 {
			p.Traits = []string{"CUSTOM_FAST"}
		}
		clouds.all = append(clouds.all, p)
	}
	var c Config
	conf.Fill(&c)
	c.Enabled = filters.Known()
	c.MaxIOOpsPerHost = 50
	var both [2]*Scheduler
	for i := range both {
		s, err := New(c, Deps{DB: d, Now: func() time.Time { return now }, Placement: clouds,
			Snapshot: snapshot.Config{TTL: time.Hour}})
		if err != nil {
			t.Fatal(err)
		}
		both[i] = s
	}
	both[1].ranks.off = true
	ranked, refused := 0, 0
	for step := range 1500 {
		if step%100 == 99 {
			now = now.Add(2 * time.Second)
		}
		r := nova.Request{Server: fmt.Sprint(step), Project: fmt.Sprintf("p%d", draw.IntN(2)), Limit: draw.IntN(4),
			Flavor: nova.Flavor{Name: "f", VCPUs: 1 + draw.IntN(2), RAM: 64 << draw.IntN(3), Disk: draw.IntN(2)}}
		switch draw.IntN(6) {
		case 0:
			r.Flavor.ExtraSpecs = map[string]string{"trait:CUSTOM_FAST": []string{"required", "forbidden"}[draw.IntN(2)]}
		case 1:
			r.Image.Properties = map[string]string{"hw_architecture": "aarch64"}
		case 2:
			r.AZ = []string{"nova", "elsewhere"}[draw.IntN(2)]
		case 3:
			r.Exclude = []string{fmt.Sprintf("h%02d", draw.IntN(60))}
		case 4:
			r.Flavor.ExtraSpecs = map[string]string{"capabilities:num_instances": "<= 3"}
		}
		got, err := both[0].Select(ctx, r)
		want, werr := both[1].Select(ctx, r)
		if fmt.Sprint(err) != fmt.Sprint(werr) {
			t.Fatalf("step %d: got %v, want %v", step, err, werr)
		}
		if fmt.Sprint(got.Hosts) != fmt.Sprint(want.Hosts) {
			t.Fatalf("step %d: got %v, want %v", step, got.Hosts, want.Hosts)
		}
		if err != nil {
			refused++
		}
		if k := both[0].ranks; len(k.known) > 0 {
			ranked = max(ranked, len(k.known))
		}
	}
	if ranked < 10 || refused == 0 {
		t.Errorf("%d rankings and %d refusals: the test compares nothing", ranked, refused)
	}
}
