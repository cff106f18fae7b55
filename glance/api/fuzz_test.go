package api_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode"

	glanceapi "hypernova/glance/api"
)

// ask sends one request of a fuzzer. Whatever it was, the answer is no fault of the service, and a refusal says why.
func ask(t *testing.T, s *service, token, method, target, body string, header http.Header) answer {
	t.Helper()
	req := httptest.NewRequestWithContext(t.Context(), method, "http://image"+target, strings.NewReader(body))
	req.Header = header.Clone()
	req.Header.Set("X-Auth-Token", token)
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, req)
	a := answer{w.Code, w.Header(), w.Body.String()}
	if a.status >= 500 {
		t.Fatalf("%s %.500s: %d %s\nsent: %.1000q, %.500v", method, target, a.status, a.body, body, header)
	}
	if a.status >= 400 && !strings.Contains(a.body, "<title>") {
		t.Fatalf("%s %.500s: %d %q is no refusal", method, target, a.status, a.body)
	}
	return a
}

// sendable tells whether what stands behind the question mark can be sent at all.
func sendable(query string) bool {
	u, err := url.ParseRequestURI("/v2/images?" + query)
	return err == nil && u.Path == "/v2/images" && !strings.ContainsFunc(query,
		func(r rune) bool { return r == '#' || unicode.IsSpace(r) || unicode.IsControl(r) })
}

func FuzzPatch(f *testing.F) {
	for _, seed := range []string{
		`[{"op":"replace","path":"/name","value":"a"}]`,
		`[{"op":"add","path":"/k","value":"v"},{"op":"replace","path":"/k","value":"w"},{"op":"remove","path":"/k"}]`,
		`[{"op":"add","path":"/a~1b~0c","value":"x"}]`, `[{"op":"add","path":"//","value":""}]`,
		`[{"op":"replace","path":"/tags","value":["a","a"]}]`, `[{"op":"add","path":"/id","value":"x"}]`,
		`[{"op":"add","path":"/locations/-","value":{"url":"file:///etc/passwd","metadata":{}}}]`,
		`[{"op":"replace","path":"/locations","value":[{"url":"http://127.0.0.1/"}]}]`,
		`[{"op":"remove","path":"/locations/0"}]`, `[{"op":"replace","path":"/min_ram","value":9223372036854775808}]`,
		`[{"op":"replace","path":"/min_disk","value":-1}]`, `[{"op":"add","path":"/os_glance_x","value":"x"}]`,
		`[{"op":"replace","path":"/visibility","value":"public"}]`, `[{"op":"replace","path":"/owner","value":"q"}]`,
		`[{"op":"add","path":"/kernel_id","value":"x"}]`, `[{"op":"add","path":"k"}]`,
		`[{"add":"/k","value":"v"},{"replace":"/name","value":null},{"remove":"/k"}]`,
		`[{"add":"/k","remove":"/k","value":1}]`, `[{}]`, `[]`, `{}`, `null`, "\xff",
	} {
		for older := range 2 {
			f.Add([]byte(seed), older == 1, "member@p")
		}
	}
	f.Add([]byte(`[{"op":"replace","path":"/owner","value":"q"},{"op":"replace","path":"/visibility","value":"public"}]`),
		false, "admin@p")
	s := startWith(f, func(a *glanceapi.Deps) { a.ShowLocations = true })
	f.Fuzz(func(t *testing.T, patch []byte, older bool, token string) {
		if token != "admin@p" {
			token = "member@p"
		}
		media := "application/openstack-images-v2.1-json-patch"
		if older {
			media = "application/openstack-images-v2.0-json-patch"
		}
		made := ask(t, s, "member@p", "POST", "/v2/images", rawImage,
			http.Header{"Content-Type": {"application/json"}}).json(t)
		at := "/v2/images/" + made["id"].(string)
		before := ask(t, s, "admin@p", "GET", at, "", http.Header{})
		a := ask(t, s, token, "PATCH", at, string(patch), http.Header{"Content-Type": {media}})
		after := ask(t, s, "admin@p", "GET", at, "", http.Header{})
		got := after.json(t)
		for _, name := range []string{"id", "status", "size", "checksum", "created_at", "file", "self", "schema"} {
			if got[name] != made[name] {
				t.Errorf("%s was %v and is %v", name, made[name], got[name])
			}
		}
		if token == "member@p" && (got["owner"] != made["owner"] || got["visibility"] == "public") {
			t.Errorf("a member gave the image to %v, for all: %v", got["owner"], got["visibility"])
		}
		if ls, _ := got["locations"].([]any); len(ls) > 0 {
			t.Errorf("it has locations: %v", ls)
		}
		if a.status != http.StatusOK && after.body != before.body {
			t.Errorf("a patch was refused by %d and has changed the image from %s to %s", a.status, before.body, after.body)
		}
		ask(t, s, "admin@p", "DELETE", at, "", http.Header{})
	})
}

func FuzzList(f *testing.F) {
	for _, seed := range []string{"", "limit=1", "limit=-1", "limit=99999999999999999999", "marker=x",
		"marker=11111111-2222-3333-4444-555555555555&limit=2",
		"sort=name:asc,size", "sort_key=name&sort_dir=asc&sort_key=id", "sort_key=x", "sort_dir=up", "name=in:a,%22b,c%22",
		"name=in:%22", "name=in:\"a\\\"b\"", "id=in:,", "status=eq:x", "status=gt:x",
		"created_at=gte:2026-01-01T00:00:00Z", "created_at=neq:0000", "updated_at=lt:9999-12-31T23:59:59-23:59",
		"size_min=1&size_max=-1", "size_max=9223372036854775808", "tag=a&tag=b", "protected=True",
		"os_hidden=x", "visibility=all", "visibility=shared&member_status=all", "member_status=x", "owner=%00", "k=v&%00=%ff",
		"changes-since=x", "a%27=1%27--", "name=%E2%80%AE&limit=0"} {
		f.Add(seed, "member@p")
		f.Add(seed, "admin@q")
	}
	s := start(f)
	var own []string
	for _, body := range []string{rawImage, `{"name":"b,c","tags":["a","b"],"k":"v"}`,
		`{"name":"a","protected":true,"os_hidden":true}`} {
		own = append(own, s.create("member@p", body))
	}
	s.create("member@q", `{"name":"another's","visibility":"private","k":"v"}`)
	f.Fuzz(func(t *testing.T, query, token string) {
		if !sendable(query) {
			return
		}
		if token != "admin@q" {
			token = "member@p"
		}
		a := ask(t, s, token, "GET", "/v2/images?"+query, "", http.Header{})
		if a.status != http.StatusOK || token != "member@p" {
			return
		}
		for _, i := range a.json(t)["images"].([]any) {
			if id := i.(map[string]any)["id"].(string); !slices.Contains(own, id) {
				t.Errorf("%q shows another's image", query)
			}
		}
		if next, ok := a.json(t)["next"].(string); ok && (!strings.HasPrefix(next, "/v2/images?") || !strings.Contains(next,
			"marker=")) {
			t.Errorf("%q goes on at %q", query, next)
		}
	})
}

// FuzzHeaders uploads with an announced size and reads a range.
func FuzzHeaders(f *testing.F) {
	for _, c := range [][2]string{{"", "bytes=0-3"}, {"10", "bytes=-4"}, {"9", "bytes=9-"}, {"-1", "bytes=10-11"},
		{"18446744073709551616", "bytes=5-2"}, {"+10", "bytes=0-0,1-1"}, {"0x0a", "bytes 0-3/10"},
		{"10", "bytes=18446744073709551615-"}, {"10", "bytes=-9223372036854775807"},
		{"10", "bytes=9223372036854775807-9223372036854775807"}, {"1e1", "items=0-1"}, {" 10", "bytes=--1"}} {
		f.Add(c[0], "", c[1])
		f.Add(c[0], "ram", c[1])
		f.Add(c[0], "../file", c[1])
	}
	const data = "0123456789"
	s := start(f)
	f.Fuzz(func(t *testing.T, size, place, span string) {
		id := ask(t, s, "member@p", "POST", "/v2/images", rawImage,
			http.Header{"Content-Type": {"application/json"}}).json(t)["id"].(string)
		at := "/v2/images/" + id
		h := http.Header{"Content-Type": {"application/octet-stream"}}
		for name, value := range map[string]string{"X-Openstack-Image-Size": size, "X-Image-Meta-Store": place} {
			if value != "" {
				h.Set(name, value)
			}
		}
		up := ask(t, s, "member@p", "PUT", at+"/file", data, h)
		got := ask(t, s, "member@p", "GET", at, "", http.Header{}).json(t)
		if want := map[bool]string{true: "active",
			false: "queued"}[up.status == http.StatusNoContent]; got["status"] != want {
			t.Errorf("the upload was answered with %d, and the image is %v", up.status, got["status"])
		}
		if up.status == http.StatusNoContent {
			if got["size"] != 10.0 {
				t.Errorf("it has %v bytes", got["size"])
			}
			a := ask(t, s, "member@p", "GET", at+"/file", "", http.Header{"Range": {span}})
			switch {
			case a.status == http.StatusOK && a.body != data,
				a.status == http.StatusPartialContent && (a.body == "" || !strings.Contains(data,
					a.body) || !strings.HasPrefix(a.header.Get("Content-Range"), "bytes ")):
				t.Errorf("%q gave %d %v %q", span, a.status, a.header, a.body)
			}
		}
		ask(t, s, "member@p", "DELETE", at, "", http.Header{})
	})
}

// FuzzCreate makes images out of any document.
func FuzzCreate(f *testing.F) {
	for _, seed := range []string{rawImage, `{"id":"11111111-2222-3333-4444-555555555555"}`, `{"id":"../../etc"}`,
		`{"name":"\u0000"}`, `{"name":"\ud800"}`, `{"tags":["a"],"k":"v","protected":true}`,
		`{"size":1}`, `{"locations":[]}`, `{"visibility":"community","owner":"p"}`, `{"min_ram":1e400}`,
		`{"a":"` + strings.Repeat("b", 70000) + `"}`, strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 100),
		`{"a":1,"a":"2"}`} {
		f.Add([]byte(seed))
	}
	s := start(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		a := ask(t, s, "member@p", "POST", "/v2/images", string(body), http.Header{"Content-Type": {"application/json"}})
		if a.status != http.StatusCreated {
			return
		}
		made := a.json(t)
		if made["owner"] != "p" || made["visibility"] == "public" || made["status"] != "queued" {
			t.Errorf("made %v", made)
		}
		at := "/v2/images/" + made["id"].(string)
		again := ask(t, s, "member@p", "GET", at, "", http.Header{}).json(t)
		was, _ := json.Marshal(made)
		if is, _ := json.Marshal(again); !bytes.Equal(was, is) {
			t.Errorf("made %s, kept %s", was, is)
		}
		if made["protected"] == true {
			ask(t, s, "member@p", "PATCH", at, `[{"op":"replace","path":"/protected","value":false}]`,
				http.Header{"Content-Type": {"application/openstack-images-v2.1-json-patch"}})
		}
		if a := ask(t, s, "member@p", "DELETE", at, "", http.Header{}); a.status != http.StatusNoContent {
			t.Errorf("it stays: %d %s", a.status, a.body)
		}
	})
}
