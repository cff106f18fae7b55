package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// What is too long or too many is refused, or answered; it is never a fault of the service.
func TestOversizeRequests(t *testing.T) {
	t.Parallel()
	s := start(t)
	id := s.create("member@p", rawImage)
	many := func(part string, n int) string { return strings.Repeat(part, n) }
	member := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `,"k%d":"v"`, i)
		}
		return b.String()
	}
	patch := http.Header{"Content-Type": {"application/openstack-images-v2.1-json-patch"}}
	body := http.Header{"Content-Type": {"application/json"}}
	for _, c := range []struct {
		name, method, path, body string
		header                   http.Header
		status                   int // 0: any that is no fault
	}{
		{"sort keys", "GET", "/v2/images?sort=" + many("name:asc,", 5000) + "id", "", http.Header{}, 0},
		{"sort keys of the old form", "GET", "/v2/images?" + many("sort_key=name&", 3000) + "sort_dir=asc", "", http.Header{},
			0},
		{"tags", "GET", "/v2/images?" + many("tag=a&", 5000), "", http.Header{}, 0},
		{"values", "GET", "/v2/images?name=in:" + many("a,", 40000), "", http.Header{}, 0},
		{"properties in a list", "GET", "/v2/images?" + strings.NewReplacer(`,"`, "&", `":"`, "=", `"`,
			"").Replace(member(4000)), "", http.Header{}, 0},
		{"a long property in a list", "GET", "/v2/images?" + many("k", 60000) + "=v", "", http.Header{}, 0},
		{"a long marker", "GET", "/v2/images?marker=" + many("a", 60000), "", http.Header{}, 0},
		{"a long path", "GET", "/v2/images/" + many("a/", 30000), "", http.Header{}, 404},
		{"a long id", "GET", "/v2/images/" + many("a", 60000), "", http.Header{}, 404},
		{"a long tag", "PUT", "/v2/images/" + id + "/tags/" + many("t", 300), "", http.Header{}, 400},
		{"a long name", "POST", "/v2/images", `{"name":"` + many("n", 256) + `"}`, body, 400},
		{"a long property", "POST", "/v2/images", `{"` + many("k", 256) + `":"v"}`, body, 400},
		{"a long value", "POST", "/v2/images", `{"k":"` + many("v", 70000) + `"}`, body, 400},
		{"properties", "POST", "/v2/images", `{"name":"n"` + member(5000) + `}`, body, 413},
		{"tags of an image", "POST", "/v2/images", `{"tags":["a"` + many(`,"a"`, 100000) + `]}`, body, 0},
		{"depth", "POST", "/v2/images", `{"k":` + many("[", 100000) + many("]", 100000) + `}`, body, 400},
		{"a long body", "POST", "/v2/images", `{"name":"` + many("n", 2<<20) + `"}`, body, 413},
		{"changes", "PATCH", "/v2/images/" + id, "[" + many(`{"op":"add","path":"/k","value":"v"},`,
			10000) + `{"op":"remove","path":"/k"}]`, patch, 0},
		{"a long pointer", "PATCH", "/v2/images/" + id, `[{"op":"add","path":"/` + many("k", 5000) + `","value":"v"}]`, patch,
			400},
		{"members", "POST", "/v2/images/" + id + "/members", `{"member":"` + many("m", 300) + `"}`, body, 400},
		{"stores", "POST", "/v2/images/" + id + "/import", `{"method":{"name":"copy-image"},"stores":["a"` + many(`,"a"`,
			50000) + `]}`, body, 0},
		{"a long address", "POST", "/v2/images/" + id + "/import",
			`{"method":{"name":"web-download","uri":"http://` + many("a", 100000) + `"}}`, body, 400},
		{"a size", "PUT", "/v2/images/" + id + "/file", "data", http.Header{"Content-Type": {"application/octet-stream"},
			"X-Openstack-Image-Size": {many("9", 5000)}}, 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			if a := ask(t, s, "member@p", c.method, c.path, c.body, c.header); c.status != 0 && a.status != c.status {
				t.Errorf("got %d, want %d: %.300s", a.status, c.status, a.body)
			}
		})
	}
}
