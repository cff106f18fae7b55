package api_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"hypernova/glance/backend/file"
	"hypernova/glance/images"
)

// cached is a service with a cache and a store on the web.
func cached(t *testing.T) *service {
	t.Helper()
	near, err := file.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, func(c *setup) {
		c.Cache = &images.Cache{Backend: near}
		c.Stores = append(c.Stores, images.Store{ID: "web", Type: images.TypeHTTP})
	})
	s.run()
	return s
}

// until asks until an answer has a text.
func (s *service) until(method, path, want string) {
	s.t.Helper()
	last := ""
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); <-time.After(2 * time.Millisecond) {
		if last = s.want(200, "admin@p", method, path, "").body; strings.Contains(last, want) {
			return
		}
	}
	s.t.Fatalf("%s has no %s: %s", path, want, last)
}

func TestStoresByTheAPI(t *testing.T) {
	t.Parallel()
	s := cached(t)
	if b := s.want(200, "member@p", "GET", "/v2/info/stores",
		"").body; b != `{"stores":[{"id":"file","default":"true"},{"id":"ram","description":"volatile"},{"id":"web","read-only":"true"}]}` {
		t.Errorf("stores: %s", b)
	}
	if b := s.want(200, "admin@p", "GET", "/v2/info/stores/detail", "").body; !strings.Contains(b,
		`"type":"file","weight":0,"properties":{}`) {
		t.Errorf("details: %s", b)
	}
	id := s.create("member@p", rawImage)
	s.want(204, "member@p", "PUT", "/v2/images/"+id+"/file", "data")
	s.want(403, "member@p", "POST", "/v2/images/"+id+"/import", `{"method":{"name":"copy-image"},"stores":["ram"]}`)
	s.want(400, "admin@p", "POST", "/v2/images/"+id+"/import", `{"method":{"name":"copy-image"},"stores":["file"]}`)
	s.want(409, "admin@p", "POST", "/v2/images/"+id+"/import", `{"method":{"name":"copy-image"},"stores":["nowhere"]}`)
	s.want(400, "admin@p", "POST", "/v2/images/"+id+"/import",
		`{"method":{"name":"copy-image"},"stores":["ram"],"all_stores":true}`)
	s.want(202, "admin@p", "POST", "/v2/images/"+id+"/import",
		`{"method":{"name":"copy-image"},"stores":["ram"],"all_stores_must_succeed":false}`)
	s.until("GET", "/v2/images/"+id, `"stores":"file,ram"`)
	s.until("GET", "/v2/images/"+id, `"os_glance_importing_to_stores":""`)
	if a := s.want(200, "member@p", "GET", "/v2/images/"+id+"/file?prefer=ram", ""); a.body != "data" {
		t.Errorf("got %q", a.body)
	}
	s.want(400, "member@p", "GET", "/v2/images/"+id+"/file?prefer=nowhere", "")
	s.want(403, "member@p", "DELETE", "/v2/stores/ram/"+id, "")
	s.want(409, "admin@p", "DELETE", "/v2/stores/nowhere/"+id, "")
	s.want(204, "admin@p", "DELETE", "/v2/stores/file/"+id, "")
	s.want(403, "admin@p", "DELETE", "/v2/stores/ram/"+id, "")
	if a := s.want(200, "member@p", "GET", "/v2/images/"+id+"/file", ""); a.body != "data" {
		t.Errorf("got %q", a.body)
	}
}

func TestCacheByTheAPI(t *testing.T) {
	t.Parallel()
	s := cached(t)
	if v := s.want(200, "", "GET", "/versions",
		"").json(t)["versions"].([]any); fmt.Sprint(v[0].(map[string]any)["id"]) != "v2.18" {
		t.Errorf("versions: %v", v[0])
	}
	id := s.create("member@p", rawImage)
	s.want(400, "admin@p", "PUT", "/v2/cache/"+id, "")
	s.want(204, "member@p", "PUT", "/v2/images/"+id+"/file", "data")
	s.want(403, "member@p", "PUT", "/v2/cache/"+id, "")
	s.want(403, "member@p", "GET", "/v2/cache", "")
	s.want(202, "admin@p", "PUT", "/v2/cache/"+id, "")
	s.until("GET", "/v2/cache", `"cached_images":[{"image_id":"`+id+`","hits":0`)
	if b := s.want(200, "admin@p", "GET", "/v2/cache/nodes/"+id, "").body; b != `["glance"]` {
		t.Errorf("nodes: %s", b)
	}
	if b := s.want(200, "admin@p", "POST", "/v2/cache/prune",
		"").body; b != `{"total_files_pruned":0,"total_bytes_pruned":0}` {
		t.Errorf("prune: %s", b)
	}
	s.want(200, "admin@p", "POST", "/v2/cache/clean", "")
	s.want(204, "admin@p", "DELETE", "/v2/cache/"+id, "")
	s.want(404, "admin@p", "DELETE", "/v2/cache/ffffffff-ffff-4fff-8fff-ffffffffffff", "")
	s.want(204, "admin@p", "DELETE", "/v2/cache", "")
	s.until("GET", "/v2/cache", `{"cached_images":[],"queued_images":[]}`)
	without := start(t)
	without.want(404, "admin@p", "GET", "/v2/cache", "")
	without.want(404, "admin@p", "POST", "/v2/cache/prune", "")
}

func TestLocationsByTheAPI(t *testing.T) {
	t.Parallel()
	s := cached(t)
	id := s.create("member@p", rawImage)
	for _, url := range []string{"file:///etc/passwd", "http://169.254.169.254/latest", "http://localhost/", ""} {
		s.want(400, "member@p", "POST", "/v2/images/"+id+"/locations", `{"url":"`+url+`"}`)
	}
	s.want(403, "member@p", "GET", "/v2/images/"+id+"/locations", "")
	if b := s.want(200, "admin@p", "GET", "/v2/images/"+id+"/locations", "").body; b != "[]" {
		t.Errorf("got %s", b)
	}
	s.want(204, "member@p", "PUT", "/v2/images/"+id+"/file", "data")
	if b := s.want(200, "admin@p", "GET", "/v2/images/"+id+"/locations", "").body; !strings.Contains(b,
		`"metadata":{"store":"file"}`) || !strings.Contains(b, `"url":"file:///`) {
		t.Errorf("got %s", b)
	}
	if b := s.want(200, "member@p", "GET", "/v2/images/"+id, "").body; strings.Contains(b, "direct_url") ||
		strings.Contains(b, "locations") {
		t.Errorf("places are shown although nobody asked for that: %s", b)
	}
	s.want(409, "member@p", "POST", "/v2/images/"+id+"/locations", `{"url":"http://8.8.8.8/image"}`)
}
