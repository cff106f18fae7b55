// Package chaos is a stress test of a cloud of many processes: requests run while processes, the broker and the
// database are killed. Afterwards no work may be stuck and nothing leaked, and the state must match every answer that a
// client got.
//
//	HYPERNOVA_CHAOS=10m   duration (default 2m)
//	HYPERNOVA_CHAOS_SEED  random seed; each run prints its own
//	HYPERNOVA_CHAOS_BUS   nats (the default) or rabbit
package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"hypernova/cloudtest/scenario"
	"hypernova/tests/layout"
	"hypernova/tests/running"
)

const (
	clients  = 6
	monkeys  = 3
	computes = 2
	// rest is the time without progress after which the test fails: several leases and pauses on a slow machine.
	rest = 3 * time.Minute
	// patience is the delay after which hypernova check reports work as stuck: several leases.
	patience = 30 * time.Second
)

func TestMain(m *testing.M) { layout.Main(m) }

func TestStorm(t *testing.T) {
	if testing.Short() {
		t.Skip("takes minutes: a storm over a cloud of processes")
	}
	t.Parallel()
	length := 2 * time.Minute
	if text := os.Getenv("HYPERNOVA_CHAOS"); text != "" {
		d, err := time.ParseDuration(text)
		if err != nil {
			t.Fatalf("HYPERNOVA_CHAOS: %v", err)
		}
		length = d
	}
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("HYPERNOVA_CHAOS_SEED"); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("HYPERNOVA_CHAOS_SEED: %v", err)
		}
		seed = n
	}
	t.Logf("a storm of %s; HYPERNOVA_CHAOS_SEED=%d", length, seed)
	shape := layout.Split()
	if os.Getenv("HYPERNOVA_CHAOS_BUS") == "rabbit" {
		shape = layout.SplitOnRabbit(layout.Rabbit(t))
	}
	cloud := layout.Start(t, running.Binary(t), shape, scenario.Options{Computes: computes,
		Sets: []string{"quota.instances=-1", "quota.cores=-1", "quota.ram=-1", "QUOTAS.quota_port=-1",
			"fake.delay=0.3"}}) // so that most killed processes have running work
	s := &storm{t: t, cloud: cloud, began: time.Now()}
	s.blow(length, seed)
	s.calm()
	s.verify()
}

// storm is one run of the test.
type storm struct {
	t       *testing.T
	cloud   *layout.Cloud
	began   time.Time
	ledgers []*client
	troop   *troop
}

// blow runs the clients and the troop for a time.
func (s *storm) blow(length time.Duration, seed uint64) {
	ctx, stop := context.WithTimeout(s.t.Context(), length)
	defer stop()
	var clientsDone, monkeysDone sync.WaitGroup
	for i := range clients {
		c := newClient(s.t, s.cloud, i, rand.New(rand.NewPCG(seed, uint64(i))))
		s.ledgers = append(s.ledgers, c)
		clientsDone.Go(func() { c.run(ctx) })
	}
	s.troop = newTroop(s.t, s.cloud)
	for i := range monkeys {
		r := rand.New(rand.NewPCG(seed, uint64(1000+i)))
		monkeysDone.Go(func() { s.troop.run(ctx, r) })
	}
	clientsDone.Wait()
	monkeysDone.Wait() // each repairs what it broke
	s.troop.done()
	for _, c := range s.ledgers {
		s.t.Logf("client %d: %v", c.n, c.counts)
	}
	s.t.Logf("broken: %v", s.troop.counts)
}

// calm waits until the cloud is idle.
func (s *storm) calm() {
	s.t.Helper()
	began := time.Now()
	s.eventually("the cloud to come to rest", func(ctx context.Context) ([]string, error) {
		wrong, err := s.cloud.Audit(ctx, patience)
		if err != nil {
			return nil, err
		}
		busy, err := s.cloud.Command("tasks", "list", "--state=queued", "--format=json", "--set=DEFAULT.host=controller")
		if err != nil {
			return nil, err
		}
		running, err := s.cloud.Command("tasks", "list", "--state=running", "--format=json", "--set=DEFAULT.host=controller")
		if err != nil {
			return nil, err
		}
		for _, list := range []string{busy, running} {
			left, err := tasksOf(list)
			if err != nil {
				return nil, err
			}
			wrong = append(wrong, left...)
		}
		return wrong, nil
	})
	s.t.Logf("at rest %s after the storm", time.Since(began).Round(100*time.Millisecond))
}

// tasksOf parses the output of hypernova tasks list.
func tasksOf(list string) ([]string, error) {
	var rows []map[string]any
	if err := json.Unmarshal([]byte(list), &rows); err != nil {
		return nil, fmt.Errorf("tasks list: %w: %s", err, list)
	}
	var out []string
	for _, r := range rows {
		out = append(out, fmt.Sprintf("task %v of %v: %v, attempt %v, due %v, by %q: %v", r["kind"], r["server"], r["state"],
			r["attempt"], r["due"], r["owner"], r["reason"]))
	}
	return out, nil
}

// verify compares the state with the answers that clients got, and then deletes everything.
func (s *storm) verify() {
	s.t.Helper()
	ctx := s.t.Context()
	for _, c := range s.ledgers {
		for _, text := range c.wrong {
			s.t.Error(text)
		}
		for _, v := range c.servers {
			if err := c.verify(ctx, v); err != nil {
				s.t.Errorf("server %s (%s): %v\n%s", v.id, v.name, err, v.history())
			}
		}
	}
	for _, c := range s.ledgers {
		for _, why := range c.failed {
			s.t.Logf("in ERROR: %s", why)
		}
		if err := c.removeAll(ctx); err != nil {
			s.t.Error(err)
		}
	}
	s.eventually("nothing to be left over", func(ctx context.Context) ([]string, error) {
		left, err := s.left(ctx)
		if err != nil {
			return nil, err
		}
		wrong, err := s.cloud.Audit(ctx, patience)
		return append(left, wrong...), err
	})
	s.images(ctx)
}

// images checks that each image of a snapshot is whole, or gone with its failure.
func (s *storm) images(ctx context.Context) {
	s.t.Helper()
	a, err := s.cloud.Do(ctx, "demo", scenario.Request{Method: http.MethodGet, Service: "image",
		Path: "/v2/images?limit=1000&name=storm"})
	var doc struct{ Images []struct{ ID, Status string } }
	if err != nil || json.Unmarshal(a.Body, &doc) != nil {
		s.t.Errorf("images: %d %s %v", a.Status, a.Body, err)
	}
	for _, i := range doc.Images {
		if i.Status != "active" {
			s.t.Errorf("the image of a snapshot, %s, is %s", i.ID, i.Status)
		}
	}
	s.t.Logf("%d snapshots were taken", len(doc.Images))
}

// left returns the servers that still exist, and resources without a server.
func (s *storm) left(ctx context.Context) ([]string, error) {
	left, err := s.cloud.Leaks(ctx)
	if err != nil {
		return nil, err
	}
	ids, err := s.ledgers[0].list(ctx)
	for name, id := range ids {
		left = append(left, fmt.Sprintf("server %s (%s)", id, name))
	}
	return left, err
}

// eventually waits until look returns nothing. It fails if its result does not change for the time rest.
func (s *storm) eventually(what string, look func(context.Context) ([]string, error)) {
	s.t.Helper()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	before, moved := "", time.Now()
	for {
		ctx, cancel := context.WithTimeout(s.t.Context(), rest)
		found, err := look(ctx)
		cancel()
		if err == nil && len(found) == 0 {
			return
		}
		if now := fmt.Sprint(found, err); now != before {
			before, moved = now, time.Now()
			s.t.Logf("%7.3fs %s: %d to go, first %.300q %v", time.Since(s.began).Seconds(), what, len(found), first(found), err)
		}
		if time.Since(moved) > rest {
			for _, f := range found {
				s.t.Error(f)
			}
			for _, c := range s.ledgers {
				c.tell(found)
			}
			s.t.Fatalf("%s: nothing has moved for %s: %d found, %v", what, rest, len(found), err)
		}
		<-tick.C
	}
}

func first(found []string) string {
	if len(found) == 0 {
		return ""
	}
	return found[0]
}
