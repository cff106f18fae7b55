package bench

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// placement sends a request to placement with its latest microversion and returns the status and the body.
func (r *rig) placement(method, path, body string) (int, []byte) {
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.urls["placement"]+path, strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("OpenStack-API-Version", "placement 1.39")
	req.Header.Set("X-Auth-Token", r.token)
	resp, err := r.http.Do(req)
	if err != nil {
		panic(fmt.Sprintf("%s %s: %v", method, path, err))
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		panic(err)
	}
	return resp.StatusCode, b
}

// provider creates a provider with an inventory and returns its id.
func (r *rig) provider(n, cpus int) string {
	id := fmt.Sprintf("00000000-0000-4000-8000-%012d", n)
	if status, b := r.placement("POST", "/resource_providers", fmt.Sprintf(`{"name":"bench-%d","uuid":%q}`, n,
		id)); status != http.StatusOK {
		panic(fmt.Sprintf("%d %s", status, b))
	}
	body := fmt.Sprintf(`{"resource_provider_generation":0,"inventories":{"VCPU":{"total":%d},"MEMORY_MB":{"total":1048576},"DISK_GB":{"total":10000}}}`, cpus)
	if status, b := r.placement("PUT", "/resource_providers/"+id+"/inventories", body); status != http.StatusOK {
		panic(fmt.Sprintf("%d %s", status, b))
	}
	return id
}

func TestPlacementFigures(t *testing.T) {
	if testing.Short() || os.Getenv("HYPERNOVA_BENCH") == "" && os.Getenv("HYPERNOVA_BINARY") == "" {
		t.Skip("figures take a quiet machine and a minute: make bench prints them")
	}
	r := newRig(t, t.TempDir())
	made := 0
	for _, n := range []int{1000, 10000} {
		r.providers(&made, n)
		took := make([]time.Duration, 50)
		size := 0
		for i := range took {
			began := time.Now()
			status, b := r.placement("GET", "/allocation_candidates?resources=VCPU:1,MEMORY_MB:512,DISK_GB:1&limit=1000", "")
			if took[i] = time.Since(began); status != http.StatusOK {
				t.Fatal(status, string(b))
			}
			size = len(b)
		}
		r.say(fmt.Sprintf("allocation candidates, %d providers, limit 1000", n), "%s (%d KiB of answer)",
			spread(took), size>>10)
	}
	r.claims(t, made)
}

// providers creates the missing providers with 8 clients.
func (r *rig) providers(made *int, want int) {
	var next atomic.Int64
	next.Store(int64(*made))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for n := next.Add(1); n <= int64(want); n = next.Add(1) {
				r.provider(int(n), 64)
			}
		})
	}
	wg.Wait()
	*made = want
}

// claims has 8 clients claim from one provider. The usage at the end must be the sum of the accepted claims.
func (r *rig) claims(t *testing.T, made int) {
	const cpus = 1 << 20
	hot := r.provider(made+1, cpus)
	var granted, refused, number atomic.Int64
	perSecond := rate(8, 5*time.Second, func() {
		consumer := fmt.Sprintf("00000000-0000-4000-9000-%012d", number.Add(1))
		body := fmt.Sprintf(`{"allocations":{%q:{"resources":{"VCPU":1}}},"consumer_generation":null,"consumer_type":"INSTANCE",
			"project_id":"00000000000040008000000000000001","user_id":"00000000000040008000000000000002"}`, hot)
		switch status, b := r.placement("PUT", "/allocations/"+consumer, body); status {
		case http.StatusNoContent:
			granted.Add(1)
		case http.StatusConflict:
			refused.Add(1)
		default:
			panic(fmt.Sprintf("%d %s", status, b))
		}
	})
	r.say("claims on one provider, 8 clients", "%.0f/s, %d granted, %d to try again", perSecond,
		granted.Load(), refused.Load())
	// VCPU is the last member, because names are sorted.
	if status, b := r.placement("GET", "/resource_providers/"+hot+"/usages", ""); status != http.StatusOK ||
		!strings.Contains(string(b), fmt.Sprintf(`"VCPU":%d}`, granted.Load())) {
		t.Errorf("%d were granted, but placement counts %s", granted.Load(), b)
	}
}
