// Package bench measures the performance figures that the project publishes. It asserts no times; people compare the
// figures with earlier ones.
package bench

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hypernova/tests/running"
)

// rig is a cloud with the fake hypervisor, and an authenticated client of its APIs.
type rig struct {
	*running.Cloud
	t        *testing.T
	http     *http.Client
	identity string
	password string
	token    string
	urls     map[string]string // service type to public URL
}

func newRig(t *testing.T, dir string, flags ...string) *rig {
	t.Helper()
	r := &rig{Cloud: running.Up(t, dir, append([]string{"--virt", "fake"}, flags...)...), t: t,
		http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}}
	r.identity, r.password = r.Identity(t), r.Password(t)
	if !strings.HasSuffix(r.identity, "/v3") {
		r.identity += "/v3"
	}
	var doc struct {
		Token struct {
			Catalog []struct {
				Type      string
				Endpoints []struct{ Interface, URL string }
			}
		}
	}
	r.token = r.login(&doc)
	r.urls = map[string]string{}
	for _, s := range doc.Token.Catalog {
		for _, e := range s.Endpoints {
			if e.Interface == "public" {
				r.urls[s.Type] = strings.TrimSuffix(e.URL, "/")
			}
		}
	}
	return r
}

func (r *rig) login(into any) string {
	r.t.Helper()
	body := fmt.Sprintf(`{"auth":{"identity":{"methods":["password"],"password":{"user":{"name":"admin","domain":{"id":"default"},"password":%q}}},
		"scope":{"project":{"name":"admin","domain":{"id":"default"}}}}}`, r.password)
	return r.call("POST", r.identity+"/auth/tokens", body, 201, into).Get("X-Subject-Token")
}

// call sends one request and decodes the answer. Another status than the expected one ends the measurement.
func (r *rig) call(method, url, body string, status int, into any) http.Header {
	req, err := http.NewRequestWithContext(r.t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("OpenStack-API-Version", "compute 2.79")
	if r.token != "" {
		req.Header.Set("X-Auth-Token", r.token)
		req.Header.Set("X-Subject-Token", r.token)
	}
	head, b := r.exchange(req, status)
	if into != nil {
		if err := json.NewDecoder(bytes.NewReader(b)).Decode(into); err != nil {
			panic(err)
		}
	}
	return head
}

// exchange sends a request and returns the answer's header and body. Another status than the expected one ends the
// measurement.
func (r *rig) exchange(req *http.Request, status int) (http.Header, []byte) {
	resp, err := r.http.Do(req)
	if err != nil {
		panic(fmt.Sprintf("%s %s: %v", req.Method, req.URL, err))
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != status {
		panic(fmt.Sprintf("%s %s: %d %v %s", req.Method, req.URL, resp.StatusCode, err, b))
	}
	return resp.Header, b
}

// rate runs fn from n clients for the duration d and returns the calls per second.
func rate(n int, d time.Duration, fn func()) float64 {
	var count atomic.Int64
	var wg sync.WaitGroup
	began := time.Now()
	for range n {
		wg.Go(func() {
			for time.Since(began) < d {
				fn()
				count.Add(1)
			}
		})
	}
	wg.Wait()
	return float64(count.Load()) / time.Since(began).Seconds()
}

// spread returns the median and the maximum of durations, in milliseconds, as text.
func spread(ds []time.Duration) string {
	slices.Sort(ds)
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	return fmt.Sprintf("median %.1f ms, 99th %.1f ms", ms(ds[len(ds)/2]), ms(ds[len(ds)*99/100]))
}

func resident(t *testing.T, pid int) float64 {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Skipf("memory is read from /proc: %v", err)
	}
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, err := strconv.Atoi(strings.Fields(v)[0])
			if err != nil {
				t.Fatal(err)
			}
			return float64(kb) / 1024
		}
	}
	t.Fatal("no VmRSS")
	return 0
}

func (r *rig) say(figure, format string, args ...any) {
	fmt.Printf("figure: %-44s %s\n", figure, fmt.Sprintf(format, args...))
}

func TestFigures(t *testing.T) {
	if testing.Short() || os.Getenv("HYPERNOVA_BENCH") == "" && os.Getenv("HYPERNOVA_BINARY") == "" {
		t.Skip("figures take a quiet machine and a minute: make bench prints them")
	}
	dir := t.TempDir()
	first := newRig(t, dir)
	first.say("first start, with its first content", "%.2f s", first.Took.Seconds())
	first.Stop(t)
	r := newRig(t, dir)
	r.say("start on an existing database", "%.2f s from exec to ready", r.Took.Seconds())
	idle := time.NewTimer(3 * time.Second)
	<-idle.C
	r.say("resident memory, idle", "%.0f MiB", resident(t, r.PID()))
	r.tokens()
	flavor, image, network := r.first("compute", "/flavors#name=m1.nano", "flavors"),
		r.first("image", "/v2/images#name=guest", "images"),
		r.first("network", "/v2.0/networks#name=demo", "networks")
	body := fmt.Sprintf(`{"server":{"name":"bench","flavorRef":%q,"imageRef":%q,"networks":[{"uuid":%q}]}}`, flavor, image,
		network)
	r.builds(body)
	r.lists(flavor, image)
	r.say("resident memory, after all this", "%.0f MiB", resident(t, r.PID()))
}

// first returns the id of a resource. Its name is in the path after a #, which is not sent.
func (r *rig) first(service, path, list string) string {
	r.t.Helper()
	var doc map[string]json.RawMessage
	base := r.urls[service]
	if service == "network" && strings.HasSuffix(base, "/v2.0") {
		base = strings.TrimSuffix(base, "/v2.0")
	}
	if service == "image" {
		base = strings.TrimSuffix(base, "/v2")
	}
	r.call("GET", base+path, "", 200, &doc)
	var rows []struct{ ID, Name string }
	if err := json.Unmarshal(doc[list], &rows); err != nil || len(rows) == 0 {
		r.t.Fatalf("%s: %v: %s", path, err, doc[list])
	}
	for _, row := range rows {
		if strings.HasSuffix(path, "#name="+row.Name) {
			return row.ID
		}
	}
	r.t.Fatalf("%s is not there", path)
	return ""
}

func (r *rig) tokens() {
	r.say("token issue by password, 8 clients", "%.0f/s", rate(8, 3*time.Second, func() { r.login(nil) }))
	r.say("token check (GET /v3/auth/tokens), 8 clients", "%.0f/s", rate(8, 3*time.Second, func() {
		r.call("GET", r.identity+"/auth/tokens?nocatalog", "", 200, nil)
	}))
}

type status struct {
	Server struct {
		ID, Status string
		Fault      any
	}
}

// build creates a server, waits until it is active, and returns the time that it took.
func (r *rig) build(body string) (string, time.Duration) {
	began := time.Now()
	var s status
	r.call("POST", r.urls["compute"]+"/servers", body, 202, &s)
	id := s.Server.ID
	for {
		r.call("GET", r.urls["compute"]+"/servers/"+id, "", 200, &s)
		switch s.Server.Status {
		case "ACTIVE":
			return id, time.Since(began)
		case "ERROR":
			panic(fmt.Sprintf("the build failed: %v", s.Server.Fault))
		}
	}
}

// gone deletes a server and waits until it does not exist any more.
func (r *rig) gone(id string) {
	r.call("DELETE", r.urls["compute"]+"/servers/"+id, "", 204, nil)
	for {
		req, err := http.NewRequestWithContext(r.t.Context(), "GET", r.urls["compute"]+"/servers/"+id, nil)
		if err != nil {
			panic(err)
		}
		req.Header.Set("X-Auth-Token", r.token)
		resp, err := r.http.Do(req)
		if err != nil {
			panic(err)
		}
		resp.Body.Close()
		if resp.StatusCode == http.StatusNotFound {
			return
		}
	}
}

func (r *rig) unlimited() {
	var who struct {
		Token struct{ Project struct{ ID string } }
	}
	r.call("GET", r.identity+"/auth/tokens?nocatalog", "", 200, &who)
	id := who.Token.Project.ID
	r.call("PUT", r.urls["compute"]+"/os-quota-sets/"+id, `{"quota_set":{"instances":-1,"cores":-1,"ram":-1}}`, 200, nil)
	network := strings.TrimSuffix(r.urls["network"], "/v2.0")
	r.call("PUT", network+"/v2.0/quotas/"+id, `{"quota":{"port":-1}}`, 200, nil)
}

func (r *rig) builds(body string) {
	r.unlimited()
	var took []time.Duration
	for range 20 {
		id, d := r.build(body)
		took = append(took, d)
		r.gone(id)
	}
	r.say("create to ACTIVE, one client", "%s", spread(took))
	r.say("create to ACTIVE and delete to gone, 8 clients", "%.1f servers/s", rate(8, 5*time.Second, func() {
		id, _ := r.build(body)
		r.gone(id)
	}))
}

func (r *rig) lists(flavor, image string) {
	const want = 1000
	for range want / 100 {
		body := fmt.Sprintf(`{"server":{"name":"list","flavorRef":%q,"imageRef":%q,"networks":"none","min_count":100,"max_count":100}}`, flavor, image)
		r.call("POST", r.urls["compute"]+"/servers", body, 202, nil)
	}
	for {
		var doc struct{ Servers []struct{ ID string } }
		r.call("GET", r.urls["compute"]+"/servers?limit=1&status=BUILD", "", 200, &doc)
		if len(doc.Servers) == 0 {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	var doc struct{ Servers []json.RawMessage }
	r.call("GET", r.urls["compute"]+"/servers/detail", "", 200, &doc)
	var took []time.Duration
	for range 50 {
		began := time.Now()
		r.call("GET", r.urls["compute"]+"/servers/detail", "", 200, nil)
		took = append(took, time.Since(began))
	}
	r.say(fmt.Sprintf("GET /servers/detail of %d servers", len(doc.Servers)), "%s", spread(took))
	r.say("the same, 8 clients", "%.0f/s", rate(8, 3*time.Second, func() {
		r.call("GET", r.urls["compute"]+"/servers/detail", "", 200, nil)
	}))
}
