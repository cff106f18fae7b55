package conductor_test

import (
	"context"
	"testing"

	"hypernova/nova"
	"hypernova/nova/hosts"
	"hypernova/nova/servers"
	"hypernova/oslo/auth"
	"hypernova/oslo/fault"
)

// aggregate makes an aggregate of the hosts.
func aggregate(w *world, names ...string) (*hosts.Hosts, nova.Aggregate) {
	w.t.Helper()
	bus, _ := w.bus()
	h := hosts.New(hosts.Config{}, hosts.Deps{DB: w.d, Bus: bus, Queue: w.queue,
		Image: func(ctx context.Context, id string) (nova.ImageMeta, error) {
			i, err := images{}.Image(ctx, id)
			return servers.ImageMeta(i), err
		}})
	ctx := auth.WithRequest(w.ctx, "req-operator")
	a, err := h.CreateAggregate(ctx, "fast", "")
	if err != nil {
		w.t.Fatal(err)
	}
	for _, name := range names {
		if _, err := h.AddHost(ctx, a.ID, name); err != nil {
			w.t.Fatal(err)
		}
	}
	return h, a
}

// imageStories have images fetched while there is a server.
func imageStories() []story {
	return []story{{"images of an aggregate", []string{"h1", "h2"}, func(w *world) string {
		id := w.create().ID
		w.work()
		h, a := aggregate(w, "h1", "h2")
		if err := h.CacheImages(auth.WithRequest(w.ctx, "req-images"), a.ID, []string{image, image2}); err != nil {
			w.t.Fatal(err)
		}
		w.work()
		return id
	}, func(t *testing.T, w *world, v nova.Server) {
		active(t, w, v)
		for name, h := range w.hosts {
			if found, err := h.driver.CachedImages(w.ctx); err != nil || len(found) != 2 {
				t.Errorf("host %s has the images %v, %v, want 2", name, found, err)
			}
		}
	}}}
}

// Hosts of an aggregate fetch images ahead of servers, once each; a host that does not answer keeps none of the others
// from it, and an image that nobody has is refused at once.
func TestHostsOfAnAggregateFetchImages(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "h1", "h2", "h3")
	h, a := aggregate(w, "h1", "h2")
	ctx := auth.WithRequest(w.ctx, "req-operator")
	if err := h.CacheImages(ctx, a.ID, []string{"00000000-0000-0000-0000-000000000000"}); !fault.Is(err, fault.Invalid) {
		t.Errorf("of an unknown image: %v, want an Invalid fault", err)
	}
	if err := h.CacheImages(ctx, a.ID+1, []string{image}); !fault.Is(err, fault.NotFound) {
		t.Errorf("of an unknown aggregate: %v, want a NotFound fault", err)
	}
	cached := func(host string) int {
		t.Helper()
		found, err := w.hosts[host].driver.CachedImages(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return len(found)
	}
	if err := h.CacheImages(ctx, a.ID, []string{image, image2}); err != nil {
		t.Fatal(err)
	}
	w.work()
	for host, want := range map[string]int{"h1": 2, "h2": 2, "h3": 0} {
		if n := cached(host); n != want {
			t.Errorf("host %s has %d images, want %d", host, n, want)
		}
	}
	if _, err := h.AddHost(ctx, a.ID, "h3"); err != nil {
		t.Fatal(err)
	}
	w.hosts["h1"].kill()
	if err := h.CacheImages(ctx, a.ID, []string{image}); err != nil {
		t.Fatal(err)
	}
	w.work()
	if n := cached("h3"); n != 1 {
		t.Errorf("host h3 has %d images beside a host that does not answer, want 1", n)
	}
}
