package api

import (
	"bytes"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
)

func TestUnauthenticatedNamesIdentity(t *testing.T) {
	t.Parallel()
	h := serve(t, func(c *Config) { c.AuthURI = "http://keys:5000" })
	w := ask(h, "", "GET /v2.1/things", "")
	if got, want := w.Header().Get("WWW-Authenticate"), `Keystone uri="http://keys:5000"`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if diff := cmp.Diff(`{"error":{"code":401,"message":"The request you have made requires authentication.","title":"Unauthorized"}}`, w.Body.String()); diff != "" {
		t.Error(diff)
	}
}

func TestRequestIsLoggedAndCountedOnce(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	reg := prometheus.NewRegistry()
	h := serve(t, func(c *Config) {
		c.Log = slog.New(slog.NewTextHandler(&log, nil))
		c.Metrics = reg
	})
	const global = "req-01234567-89ab-cdef-0123-456789abcdef"
	w := ask(h, "alice", "GET /v2.1/boom", "", "X-Openstack-Request-Id: "+global)
	if w.Code != http.StatusInternalServerError {
		t.Fatal(w.Code)
	}
	line := log.String()
	for _, want := range []string{"level=ERROR", "global_request=" + global, "user=alice", "project=p1", "secret detail",
		w.Header().Get("X-Openstack-Request-Id")} {
		if !strings.Contains(line, want) {
			t.Errorf("%q not in %s", want, line)
		}
	}
	if n := strings.Count(line, "level="); n != 1 {
		t.Errorf("%d lines: %s", n, line)
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != "hypernova_api_requests_total" {
			continue
		}
		var labels []string
		for _, l := range f.GetMetric()[0].GetLabel() {
			labels = append(labels, l.GetValue())
		}
		if diff := cmp.Diff([]string{"GET /boom", "nova", "500"}, labels); diff != "" {
			t.Error(diff)
		}
		return
	}
	t.Error("no counter")
}

func TestLinksFollowTheClientsView(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, endpoint, want string
		headers              []string
	}{
		{"request", "", "http://example.com/v2.1/things?limit=2&marker=t2", nil},
		{"proxy", "", "https://cloud/v2.1/things?limit=2&marker=t2", []string{"X-Forwarded-Proto: https",
			"X-Forwarded-Host: cloud"}},
		{"configured", "https://public:8774/v2.1", "https://public:8774/v2.1/things?limit=2&marker=t2", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := serve(t, func(c *Config) { c.Endpoint = tc.endpoint })
			w := ask(h, "alice", "GET /v2.1/things?limit=2", "", tc.headers...)
			if !strings.Contains(w.Body.String(), `"`+tc.want+`"`) {
				t.Errorf("%s not in %s", tc.want, w.Body)
			}
		})
	}
}

func TestLinkStyles(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		style LinkStyle
		want  string
	}{
		{LinksObject, `"links":{"self":"http://example.com/v2.1/things?limit=2","previous":null,"next":"http://example.com/v2.1/things?limit=2&marker=t2"}`},
		{LinksFlat, `"next":"/v2.1/things?limit=2&marker=t2","first":"/v2.1/things?limit=2"`},
		{LinksBoth, `"things_links":[{"rel":"next"`},
	} {
		h := serve(t, func(c *Config) { c.Links = tc.style })
		if w := ask(h, "alice", "GET /v2.1/things?limit=2", ""); !strings.Contains(w.Body.String(), tc.want) {
			t.Errorf("%s not in %s", tc.want, w.Body)
		}
	}
}

func TestFieldSelectionAndStrictQuery(t *testing.T) {
	t.Parallel()
	h := serve(t, func(c *Config) { c.FieldSelection = true; c.Links = LinksNone })
	w := ask(h, "alice", "GET /v2.1/things?fields=id&fields=host", "")
	if diff := cmp.Diff(`{"things":[{"id":"t1"},{"id":"t2"}]}`, w.Body.String()); diff != "" {
		t.Error(diff)
	}
}
