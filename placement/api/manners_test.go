package api_test

import (
	"net/http"
	"strings"
	"testing"
)

// send is one request with the headers given, as a service.
func (w *world) send(method, path, body string, header ...string) (int, http.Header) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.url+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("X-Auth-Token", "service")
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil {
		w.t.Fatal(err)
	}
	return resp.StatusCode, resp.Header
}

func TestMediaTypes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, c := range []struct {
		name, method, path, body string
		header                   []string
		want                     int
	}{
		{"plain text wanted", "GET", "/resource_providers", "", []string{"Accept", "text/plain"}, 406},
		{"JSON ruled out", "GET", "/resource_providers", "", []string{"Accept", "text/html, application/json;q=0"}, 406},
		{"as a browser", "GET", "/resource_providers", "", []string{"Accept", "text/html,*/*;q=0.8"}, 200},
		{"nothing said", "GET", "/resource_providers", "", nil, 200},
		{"neither body nor type", "POST", "/resource_providers", "", nil, 415},
		{"another type", "POST", "/resource_providers", "x", []string{"Content-Type", "text/plain"}, 415},
		{"root in another way", "DELETE", "/", "", nil, 405},
		{"a slash too many", "GET", "/resource_providers/", "", nil, 404},
		{"no such version", "GET", "/", "", []string{"OpenStack-API-Version", "placement 0.9"}, 406},
		{"no version at all", "GET", "/", "", []string{"OpenStack-API-Version", "placement pony.horse"}, 400},
	} {
		if got, _ := w.send(c.method, c.path, c.body, c.header...); got != c.want {
			t.Errorf("%s: got %d, want %d", c.name, got, c.want)
		}
	}
	_, head := w.send("GET", "/", "", "OpenStack-API-Version", "placement 1.15")
	if head.Get("Cache-Control") != "no-cache" || head.Get("Last-Modified") == "" ||
		head.Get("OpenStack-API-Version") != "placement 1.15" {
		t.Errorf("headers of the root: %v", head)
	}
}

// What the caller may not do at all is refused before anybody looks at what was sent, and what is not there before
// its body.
func TestPolicyComesFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if a := w.as("member", "1.39", "POST", "/reshaper", `{"cows":"moo"}`); a.status != 403 {
		t.Errorf("got %d %s", a.status, a.body)
	}
	w.want(404, "1.39", "PUT", "/resource_providers/"+id(9)+"/aggregates", `[]`)
	w.host(1)
	w.host(2)
	if n := len(w.want(200, "1.39", "GET", "/allocation_candidates?resources=VCPU:1&limit=2&limit=1",
		"").doc["allocation_requests"].([]any)); n != 2 {
		t.Errorf("%d requests: the first of repeated parameters counts", n)
	}
}

// Generations move as clients of the original expect: with what is taken, not with what is given back at the end.
func TestGenerationsOfAllocations(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b, c := w.host(1), w.host(2), id(50)
	generation := func(p string) float64 {
		return w.want(200, "1.39", "GET", "/resource_providers/"+p, "").doc["generation"].(float64)
	}
	put := func(held, was string) {
		w.want(204, "1.28", "PUT", "/allocations/"+c, `{"allocations":{`+held+
			`},"project_id":"p","user_id":"u","consumer_generation":`+was+`}`)
	}
	was := generation(a)
	put(`"`+a+`":{"resources":{"VCPU":1}}`, "null")
	put(`"`+b+`":{"resources":{"VCPU":1}}`, "1")
	if g := generation(a); g != was+1 {
		t.Errorf("the provider that was left: generation %v, want %v", g, was+1)
	}
	was = generation(b)
	put("", "2")
	if g := generation(b); g != was+1 {
		t.Errorf("all given back by a change: generation %v, want %v", g, was+1)
	}
	put(`"`+b+`":{"resources":{"VCPU":1}}`, "null")
	was = generation(b)
	w.want(204, "1.28", "DELETE", "/allocations/"+c, "")
	if g := generation(b); g != was {
		t.Errorf("all given back by a delete: generation %v, want %v", g, was)
	}
	if used := w.want(200, "1.39", "GET", "/resource_providers/"+b+"/usages",
		"").doc["usages"].(map[string]any)["VCPU"]; used != 0.0 {
		t.Errorf("still used: %v", used)
	}
}
