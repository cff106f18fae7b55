package api_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"hypernova/glance/images"
)

// webAt lets imports fetch from a server of the test.
func webAt(t *testing.T, data string) (string, func(*setup)) {
	t.Helper()
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_,
			_ = io.WriteString(w, data)
	}))
	t.Cleanup(web.Close)
	u, err := url.Parse(web.URL)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		t.Fatal(err)
	}
	return web.URL, func(c *setup) {
		c.Web = images.WebConfig{Ports: []int{port}, Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
	}
}

// run carries imports until the test ends.
func (s *service) run() {
	ctx, cancel := context.WithCancel(s.t.Context())
	ended, ready := make(chan error, 1), make(chan struct{})
	go func() { ended <- s.images.Run(ctx, func() { close(ready) }) }()
	<-ready // what a crash left is mended first, and an upload would look like that
	s.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			s.t.Error(err)
		}
	})
}

// ended waits for the newest task of an image to end.
func (s *service) ended(token, image string) map[string]any {
	s.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; {
		ts := s.want(200, token, "GET", "/v2/images/"+image+"/tasks", "").json(s.t)["tasks"].([]any)
		if len(ts) > 0 {
			if v := ts[0].(map[string]any); v["status"] == "success" || v["status"] == "failure" {
				return v
			}
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("no task of %s ended: %v", image, ts)
		}
	}
}

func TestImportsTellOfThemselves(t *testing.T) {
	t.Parallel()
	from, web := webAt(t, "data")
	s := start(t, web)
	s.run()
	id := s.create("member@p", rawImage)
	if got := s.want(200, "member@p", "GET", "/v2/images/"+id+"/tasks", "").body; got != `{"tasks":[]}` {
		t.Errorf("before an import: %s", got)
	}
	s.want(202, "member@p", "POST", "/v2/images/"+id+"/import", `{"method":{"name":"web-download","uri":"`+from+`"}}`)
	task := s.ended("member@p", id)
	if task["status"] != "success" || task["type"] != "api_image_import" || task["image_id"] != id ||
		task["owner"] != "p" || task["expires_at"] == nil {
		t.Errorf("task: %v", task)
	}
	if !strings.HasPrefix(task["request_id"].(string), "req-") || task["user_id"] != "u-p" {
		t.Errorf("who began it: %v", task)
	}
	input := task["input"].(map[string]any)
	if input["image_id"] != id ||
		input["import_req"].(map[string]any)["method"].(map[string]any)["name"] != "web-download" {
		t.Errorf("input: %v", input)
	}
	s.want(403, "member@p", "GET", "/v2/tasks/"+task["id"].(string), "")
	s.want(404, "member@q", "GET", "/v2/images/"+id+"/tasks", "")
	if got := s.want(200, "admin@a", "GET", "/v2/tasks/"+task["id"].(string), "").json(t); got["status"] != "success" ||
		got["schema"] != "/v2/schemas/task" {
		t.Errorf("as an administrator: %v", got)
	}
}

func TestAFailedImportSaysWhy(t *testing.T) {
	t.Parallel()
	from, web := webAt(t, "QFI\xfb nonsense")
	s := start(t, web)
	s.run()
	id := s.create("member@p", rawImage)
	s.want(202, "member@p", "POST", "/v2/images/"+id+"/import", `{"method":{"name":"web-download","uri":"`+from+`"}}`)
	if task := s.ended("member@p", id); task["status"] != "failure" ||
		!strings.Contains(task["message"].(string), "qcow2") {
		t.Errorf("task: %v", task)
	}
}

func TestTasksAPI(t *testing.T) {
	t.Parallel()
	from, web := webAt(t, "data")
	s := start(t, web)
	s.run()
	s.want(403, "member@p", "GET", "/v2/tasks", "")
	s.want(403, "member@p", "POST", "/v2/tasks", `{"type":"import","input":{}}`)
	body := func(uri string) string {
		return `{"type":"import","input":{"import_from":"` + uri +
			`","import_from_format":"raw","image_properties":{"container_format":"bare","name":"n"}}}`
	}
	for name, c := range map[string]string{"no input": `{"type":"import"}`, "no type": `{"input":{}}`,
		"another type":        `{"type":"export","input":{}}`,
		"an import of images": `{"type":"api_image_import","input":{}}`, "a file": body("file:///etc/passwd"),
		"a scheme":          body("swift://x"),
		"a private address": body("http://127.0.0.2:1/x"),
		"no source":         `{"type":"import","input":{"import_from_format":"raw","image_properties":{}}}`} {
		if a := s.do("admin@a", "POST", "/v2/tasks", c); a.status != 400 {
			t.Errorf("%s: got %d %s", name, a.status, a.body)
		}
	}
	a := s.want(201, "admin@a", "POST", "/v2/tasks", body(from))
	task := a.json(t)
	if !strings.HasSuffix(a.header.Get("Location"), "/v2/tasks/"+task["id"].(string)) {
		t.Errorf("location: %v", a.header)
	}
	image := task["image_id"].(string)
	if got := s.ended("admin@a", image); got["id"] != task["id"] || got["status"] != "success" ||
		got["result"].(map[string]any)["image_id"] != image {
		t.Errorf("ended: %v", got)
	}
	if got := s.want(200, "admin@a", "GET", "/v2/images/"+image, "").json(t); got["status"] != "active" ||
		got["name"] != "n" || got["disk_format"] != "raw" {
		t.Errorf("image: %v", got)
	}
	failed := s.want(201, "admin@a", "POST", "/v2/tasks", `{"type":"import","input":{"import_from":"`+from+`"}}`).json(t)
	if failed["status"] != "failure" || !strings.Contains(failed["message"].(string), "import_from_format") {
		t.Errorf("incomplete: %v", failed)
	}
	page := s.want(200, "admin@a", "GET", "/v2/tasks?limit=1&sort_key=created_at&sort_dir=asc", "").json(t)
	one := page["tasks"].([]any)[0].(map[string]any)
	if _, whole := one["input"]; whole || one["id"] != task["id"] || page["schema"] != "/v2/schemas/tasks" {
		t.Errorf("page: %v", page)
	}
	page = s.want(200, "admin@a", "GET", page["next"].(string), "").json(t)
	if got := page["tasks"].([]any)[0].(map[string]any)["id"]; got != failed["id"] || page["next"] != nil {
		t.Errorf("next page: %v", page)
	}
	for path, status := range map[string]int{"?status=success": 200, "?status=done": 400, "?type=export": 400,
		"?marker=x": 400, "?sort_dir=up": 400, "?limit=-1": 400, "/none": 404} {
		s.want(status, "admin@a", "GET", "/v2/tasks"+path, "")
	}
	if a := s.want(405, "admin@a", "DELETE", "/v2/tasks/"+task["id"].(string), ""); a.header.Get("Allow") != "GET" {
		t.Errorf("delete: %v", a.header)
	}
	for _, name := range []string{"task", "tasks"} {
		s.want(200, "member@p", "GET", "/v2/schemas/"+name, "")
	}
}
