package middleware_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hypernova/oslo/middleware"
)

// ask sends a request with headers, "Name: value", to h.
func ask(h http.Handler, method, path string, headers ...string) *http.Response {
	r := httptest.NewRequest(method, path, nil)
	for _, x := range headers {
		name, value, _ := strings.Cut(x, ": ")
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func api(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method == http.MethodOptions && r.URL.Path == "/own":
		w.Header().Set("Allow", "GET")
		w.WriteHeader(http.StatusNoContent)
	case r.Method == http.MethodOptions:
		w.Header().Set("X-Mine", "yes")
		http.Error(w, "no", http.StatusMethodNotAllowed)
	default:
		w.Header().Set("Vary", "X-Auth-Token")
		_, _ = io.WriteString(w, "body")
	}
}

func TestCORS(t *testing.T) {
	t.Parallel()
	site, other := "Origin: https://dash.example.org", "Origin: https://evil.example.org"
	put, get := "Access-Control-Request-Method: PUT", "Access-Control-Request-Method: GET"
	listed := middleware.CORS{Origins: []string{"https://dash.example.org"}, Credentials: true, MaxAge: time.Hour}
	any := middleware.CORS{Origins: []string{"*"}}
	plain := map[string]string{}
	allowed := map[string]string{"Vary": "Origin", "Access-Control-Allow-Origin": "https://dash.example.org",
		"Access-Control-Allow-Credentials": "true", "Access-Control-Max-Age": "3600", "Access-Control-Allow-Methods": "PUT",
		"Access-Control-Allow-Headers": "x-auth-token,content-type"}
	for _, tt := range []struct {
		name, method, path string
		c                  middleware.CORS
		headers            []string
		status             int
		body               string
		want               map[string]string
	}{
		{"preflight", "OPTIONS", "/x", listed,
			[]string{site, put, "Access-Control-Request-Headers: x-auth-token, content-type"}, 200, "", allowed},
		{"preflight of a stranger", "OPTIONS", "/x", listed, []string{other, put}, 200, "", plain},
		{"preflight without an origin", "OPTIONS", "/x", listed, []string{put}, 200, "", plain},
		{"preflight without a method", "OPTIONS", "/x", listed, []string{site}, 200, "", plain},
		{"preflight for a method that is not allowed", "OPTIONS", "/x", listed,
			[]string{site, "Access-Control-Request-Method: TRACE"}, 200, "", plain},
		{"preflight for a header that is not allowed", "OPTIONS", "/x", listed,
			[]string{site, put, "Access-Control-Request-Headers: x-other"}, 200, "", plain},
		{"preflight where the API answers itself", "OPTIONS", "/own", any, []string{site, get}, 204, "", map[string]string{
			"Allow": "GET", "Vary": "Origin", "Access-Control-Allow-Origin": "*", "Access-Control-Allow-Methods": "GET"}},
		{"actual request", "GET", "/x", listed, []string{site}, 200, "body", map[string]string{"Vary": "X-Auth-Token,Origin",
			"Access-Control-Allow-Origin": "https://dash.example.org", "Access-Control-Allow-Credentials": "true",
			"Access-Control-Expose-Headers": "X-Own"}},
		{"actual request of a stranger", "GET", "/x", listed, []string{other}, 200, "body",
			map[string]string{"Vary": "X-Auth-Token"}},
		{"actual request where anybody may", "GET", "/x", any, []string{other}, 200, "body",
			map[string]string{"Vary": "X-Auth-Token,Origin",
				"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "X-Own"}},
		{"nobody is allowed", "OPTIONS", "/x", middleware.CORS{}, []string{site, put}, 200, "", plain},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := tt.c.For(middleware.CORS{Headers: []string{"X-Auth-Token"},
				Expose: []string{"X-Own"}}).Handler(http.HandlerFunc(api))
			r := ask(h, tt.method, tt.path, tt.headers...)
			body, err := io.ReadAll(r.Body)
			if err != nil || r.StatusCode != tt.status || string(body) != tt.body {
				t.Errorf("got %d %q (%v), want %d %q", r.StatusCode, body, err, tt.status, tt.body)
			}
			got := map[string]string{}
			for name := range r.Header {
				if name != "Content-Type" && name != "Content-Length" {
					got[name] = r.Header.Get(name)
				}
			}
			if diff := cmp.Diff(got, tt.want); diff != "" {
				t.Errorf("headers (got, want):\n%s", diff)
			}
		})
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	here := filepath.Join(t.TempDir(), "here")
	if err := os.WriteFile(here, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	byFile := []string{"disable_by_file"}
	for _, tt := range []struct {
		name, method string
		c            middleware.Health
		headers      []string
		status       int
		kind, body   string
	}{
		{"well", "GET", middleware.Health{Backends: byFile}, nil, 200, "text/plain", "OK"},
		{"head", "HEAD", middleware.Health{Backends: byFile}, nil, 204, "text/plain", ""},
		{"JSON", "GET", middleware.Health{Backends: byFile}, []string{"Accept: application/json"}, 200, "application/json",
			"{\n    \"detailed\": false,\n    \"reasons\": [\n        \"OK\"\n    ]\n}"},
		{"JSON is second best", "GET", middleware.Health{Backends: byFile},
			[]string{"Accept: application/json;q=0.5, text/*"}, 200, "text/plain", "OK"},
		{"no form fits", "GET", middleware.Health{Backends: byFile}, []string{"Accept: image/png"}, 200, "text/plain", "OK"},
		{"disabled", "GET", middleware.Health{Backends: byFile, DisableFile: here}, nil, 503,
			"text/plain", "DISABLED BY FILE"},
		{"disabled, head", "HEAD", middleware.Health{Backends: byFile, DisableFile: here}, nil, 503, "text/plain", ""},
		{"another port disabled", "GET", middleware.Health{Backends: []string{"disable_by_files_ports"},
			Disable: []string{"9696:" + here}}, nil, 200, "text/plain", "OK"},
		{"this port disabled", "GET", middleware.Health{Backends: []string{"disable_by_files_ports"},
			Disable: []string{"5000:" + here}}, nil, 503, "text/plain", "DISABLED BY FILE"},
		{"enabled", "GET", middleware.Health{Backends: []string{"enable_by_files"}, Enable: []string{here}}, nil,
			200, "text/plain", "OK"},
		{"not enabled", "GET", middleware.Health{Backends: []string{"enable_by_files"}, Enable: []string{here, here + "2"}},
			nil, 503, "text/plain", "FILE PATH MISSING"},
		{"no checks", "GET", middleware.Health{}, nil, 200, "text/plain", ""},
		{"a stranger's network", "GET", middleware.Health{Sources: []string{"10.0.0.0/8"}}, nil, 418, "", ""},
		{"a known network", "GET", middleware.Health{Backends: byFile, Sources: []string{"192.0.2.0/24"}}, nil,
			200, "text/plain", "OK"},
		{"through a proxy", "GET", middleware.Health{Unproxied: true}, []string{"X-Forwarded-For: 10.0.0.1"}, 418, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h, err := tt.c.Handler(5000, http.HandlerFunc(func(w http.ResponseWriter,
				_ *http.Request) {
				w.WriteHeader(http.StatusTeapot)
			}))
			if err != nil {
				t.Fatal(err)
			}
			r := ask(h, tt.method, "/healthcheck", tt.headers...)
			body, err := io.ReadAll(r.Body)
			kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
			if err != nil || r.StatusCode != tt.status || kind != tt.kind || string(body) != tt.body {
				t.Errorf("got %d %s %q (%v), want %d %s %q", r.StatusCode, kind, body, err, tt.status, tt.kind, tt.body)
			}
		})
	}
}

func TestHealthDetails(t *testing.T) {
	t.Parallel()
	h, err := middleware.Health{Detailed: true, Backends: []string{"disable_by_file"}, DisableFile: "/nowhere"}.Handler(1,
		http.NotFoundHandler())
	if err != nil {
		t.Fatal(err)
	}
	for accept, want := range map[string]string{"application/json": `"details": "Path '/nowhere' was not found"`,
		"text/html": "Path &#39;/nowhere&#39; was not found"} {
		body, err := io.ReadAll(ask(h, "GET", "/healthcheck", "Accept: "+accept).Body)
		if err != nil || !strings.Contains(string(body), want) {
			t.Errorf("%s: got %s (%v), want %s in it", accept, body, err, want)
		}
	}
}

func TestHealthRejectsBadConfiguration(t *testing.T) {
	t.Parallel()
	for _, c := range []middleware.Health{{Sources: []string{"x"}}, {Disable: []string{"/path"}},
		{Backends: []string{"disable_by_file", "enable_by_files"}}} {
		if _, err := c.Handler(1, http.NotFoundHandler()); err == nil {
			t.Errorf("%+v was taken", c)
		}
	}
}
