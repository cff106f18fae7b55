package api

import (
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"unicode"
)

// FuzzRequests: whatever a request is, it is answered in JSON without a fault, and nobody sees what is another
// project's.
func FuzzRequests(f *testing.F) {
	for _, line := range []string{"GET /v2.1/things",
		"GET /v2.1/things?limit=1&marker=t1&sort_key=name&sort_dir=asc&sort_key=id",
		"GET /v2.1/things?sort=name:asc,,id:up&page_reverse=x", "GET /v2.1/p1/things/t1", "GET /v2.1/p2/things/t2",
		"GET /v2.1/things/t%2F1", "GET /v2.1//things", "GET /v2.1/things/../things", "DELETE /v2.1/things/t2",
		"PUT /v2.1/things/t1/data", "GET /v2.1/open", "GET /v2.1/late", "OPTIONS /v2.1/things",
		"GET /v2.1/things?fields=id&%ff"} {
		f.Add(line, "2.1", "", "")
	}
	for _, body := range []string{`{"thing":{"name":"a","count":"3"}}`, `{"thing":{"name":"a","note":null}}`,
		`{"thing":{"name":"a","name":"b"}}`, `{"kick":null}`, `{"kick":{},"rest":{}}`, `[{"op":"add","path":"/a","value":1}]`,
		`{"things":[{"name":"a"},{"name":""}]}`, `{"thing":` + strings.Repeat("[", 70), "\xef\xbb\xbf{}", ""} {
		for _, line := range []string{"POST /v2.1/things", "POST /v2.1/bulk", "POST /v2.1/things/t1/action",
			"PATCH /v2.1/things/t1"} {
			f.Add(line, "2.96", "application/json", body)
		}
	}
	f.Add("PATCH /v2.1/things/t1", "latest", "application/openstack-images-v2.0-json-patch", `[{"add":"/a","value":1}]`)
	f.Add("POST /v2.1/things", "2.999999999999999999999", "text/plain; charset=\"", "x=1")
	h := serve(f, nil)
	f.Fuzz(func(t *testing.T, line, version, media, body string) {
		method, target, _ := strings.Cut(line, " ")
		u, err := url.ParseRequestURI(target)
		known := map[string]bool{"GET": true, "HEAD": true, "POST": true, "PUT": true, "PATCH": true, "DELETE": true,
			"OPTIONS": true}
		if err != nil || !known[method] || target[0] != '/' || strings.ContainsFunc(target, func(r rune) bool {
			return unicode.IsSpace(r) || unicode.IsControl(r) || r == '#'
		}) || strings.HasSuffix(u.Path, "/boom") {
			return
		}
		r := httptest.NewRequest(method, "http://cloud"+target, strings.NewReader(body))
		r.Header.Set("X-Auth-Token", "alice")
		for name, value := range map[string]string{"OpenStack-API-Version": "compute " + version,
			"X-OpenStack-Nova-API-Version": version, "Content-Type": media} {
			if value != "" {
				r.Header.Set(name, value)
			}
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		text := w.Body.String()
		if w.Code >= 500 {
			t.Fatalf("%q: %d %s", line, w.Code, text)
		}
		if method == "HEAD" || w.Code == 204 || strings.HasSuffix(u.Path, "/data") && w.Code < 300 {
			return
		}
		if text != "" && !json.Valid([]byte(text)) {
			t.Errorf("%q: %d %q is not JSON", line, w.Code, text)
		}
		if w.Code < 300 && strings.Contains(u.Path, "/t2") {
			t.Errorf("%q: another project's: %d %s", line, w.Code, text)
		}
	})
}

func FuzzOrder(f *testing.F) {
	for _, s := range []string{"", "name", "name:asc,id:desc", "name:up", ":asc", "a:b:desc", ",,", "name:"} {
		f.Add(s, "name,id", "asc", true)
		f.Add(s, "", "", false)
		f.Add(s, "name", "asc,desc", false)
	}
	f.Fuzz(func(t *testing.T, sort, keys, dirs string, desc bool) {
		q := PageQuery{Sort: sort, SortKeys: splitComma(keys), SortDirs: splitComma(dirs)}
		out, err := q.Order(desc)
		if err != nil {
			if len(out) > 0 {
				t.Errorf("refused, and yet %v", out)
			}
			return
		}
		want := len(q.SortKeys)
		if want == 0 && sort != "" {
			want = len(splitComma(sort))
		}
		if len(out) != want {
			t.Errorf("%+v gives %v", q, out)
		}
	})
}
