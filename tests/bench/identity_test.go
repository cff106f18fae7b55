package bench

import (
	"fmt"
	"os"
	"sync"
	"testing"
	"time"
)

// peopleCount is the number of users in the lists.
const peopleCount = 10_000

func TestIdentityFigures(t *testing.T) {
	if testing.Short() || os.Getenv("HYPERNOVA_BENCH") == "" && os.Getenv("HYPERNOVA_BINARY") == "" {
		t.Skip("figures take a quiet machine and a minute: make bench prints them")
	}
	// The cheapest password hash, so that creating the users does not take longer than the measurement.
	r := newRig(t, t.TempDir(), "--set", "identity.password_hash_rounds=4")
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for i := worker; i < peopleCount; i += 8 {
				r.call("POST", r.identity+"/users", fmt.Sprintf(`{"user":{"name":"person-%05d","email":"p%d@example.org"}}`, i, i),
					201, nil)
			}
		})
	}
	wg.Wait()
	r.timed("page of 100 of 10,000 users", 300, func(int) string { return "/users?limit=100&sort_key=name" })
	r.timed("one of 10,000 users by name", 1000,
		func(i int) string { return fmt.Sprintf("/users?name=person-%05d", i*7%peopleCount) })
	r.timed("users by part of the name, 10,000 users", 200,
		func(i int) string { return fmt.Sprintf("/users?limit=100&name__contains=n-%03d", i) })
	r.timed("all 10,000 users in one answer", 10, func(int) string { return "/users" })
	r.pages()
	r.tokens()
	r.say("resident memory, 10,000 users", "%.0f MiB", resident(t, r.PID()))
}

// timed measures a GET n times, one after another.
func (r *rig) timed(figure string, n int, path func(i int) string) {
	ds := make([]time.Duration, n)
	for i := range ds {
		began := time.Now()
		r.call("GET", r.identity+path(i), "", 200, nil)
		ds[i] = time.Since(began)
	}
	r.say(figure, "%s", spread(ds))
}

// pages measures following the links from the first page to the last.
func (r *rig) pages() {
	var ds []time.Duration
	users, next := 0, r.identity+"/users?limit=500&sort_key=name"
	for next != "" {
		var doc struct {
			Users []struct{ ID string }
			Links struct{ Next string }
		}
		began := time.Now()
		r.call("GET", next, "", 200, &doc)
		ds = append(ds, time.Since(began))
		users, next = users+len(doc.Users), doc.Links.Next
	}
	if users < peopleCount {
		r.t.Errorf("the pages have %d users", users)
	}
	r.say("each page of 500 through 10,000 users", "%s", spread(ds))
}
