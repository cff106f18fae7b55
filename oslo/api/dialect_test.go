package api

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"hypernova/oslo/fault"
)

var anyID = regexp.MustCompile(`req-[0-9a-f-]{36}`)

func TestDialects(t *testing.T) {
	t.Parallel()
	errs := map[string]error{
		"missing": fault.NotFoundf("No thing."),
		"quota":   fault.OverQuotaf("Too many."),
		"coded":   fault.Conflictf("Moved on.").Coded("placement.concurrent_update"),
		"bug":     context.DeadlineExceeded,
		"odd":     WithStatus(422, fault.Invalidf("Odd.")),
	}
	failing := Resource[map[string]error]{Name: "x", Plural: "xs", Ops: Ops[map[string]error]{
		Do("GET /{which}", nil, 200, func(errs map[string]error, _ context.Context, r *Request, _ *None) (None, error) {
			return None{}, errs[r.Param("which")]
		}, NoAuth()),
	}}
	placed := &Versions{Service: "placement", Min: Version{1, 0}, Max: Version{1, 39}}
	for _, tc := range []struct {
		name     string
		dialect  Dialect
		versions *Versions
		path     string
		headers  []string
		status   int
		want     string
	}{
		{"nova missing", Nova, nil, "/missing", nil, 404, `{"itemNotFound":{"code":404,"message":"No thing."}}`},
		{"nova quota", Nova, nil, "/quota", nil, 403, `{"forbidden":{"code":403,"message":"Too many."}}`},
		{"nova bug", Nova, nil, "/bug", nil, 500,
			`{"computeFault":{"code":500,"message":"Unexpected API Error. An unexpected error prevented the server from fulfilling your request."}}`},
		{"nova odd", Nova, nil, "/odd", nil, 422, `{"computeFault":{"code":422,"message":"Odd."}}`},
		{"cinder quota", Cinder, nil, "/quota", nil, 413, `{"overLimit":{"code":413,"message":"Too many.","retryAfter":"0"}}`},
		{"keystone", Keystone, nil, "/missing", nil, 404, `{"error":{"code":404,"message":"No thing.","title":"Not Found"}}`},
		{"neutron", Neutron, nil, "/missing", nil, 404, `{"NeutronError":{"type":"HTTPNotFound","message":"No thing.","detail":""}}`},
		{"neutron quota", Neutron, nil, "/quota", nil, 409, `{"NeutronError":{"type":"OverQuota","message":"Too many.","detail":""}}`},
		{"placement old", Placement, placed, "/coded", nil, 409,
			`{"errors":[{"status":409,"title":"Conflict","detail":"Moved on.","request_id":"ID"}]}`},
		{"placement coded", Placement, placed, "/coded", []string{"OpenStack-API-Version: placement 1.23"}, 409,
			`{"errors":[{"status":409,"title":"Conflict","detail":"Moved on.","request_id":"ID","code":"placement.concurrent_update"}]}`},
		{"placement range", Placement, placed, "/coded", []string{"OpenStack-API-Version: placement 1.99"}, 406,
			`{"errors":[{"status":406,"title":"Not Acceptable","detail":"Version 1.99 is not supported by the API. Minimum is 1.0 and maximum is 1.39.",` +
				`"request_id":"ID","max_version":"1.39","min_version":"1.0"}]}`},
		{"glance json", Glance, nil, "/missing", []string{"Accept: application/json"}, 404, `{"message":"No thing.","code":"404 Not Found","title":"Not Found"}`},
		{"glance page", Glance, nil, "/missing", nil, 404,
			"<html>\n <head>\n  <title>404 Not Found</title>\n </head>\n <body>\n  <h1>404 Not Found</h1>\n  No thing.<br /><br />\n\n\n </body>\n</html>"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := New(Config{Name: "x", Dialect: tc.dialect, Versions: tc.versions}, errs, failing)
			w := ask(h, "", "GET "+tc.path, "", tc.headers...)
			if w.Code != tc.status {
				t.Errorf("status %d, want %d", w.Code, tc.status)
			}
			if diff := cmp.Diff(tc.want, anyID.ReplaceAllString(w.Body.String(), "ID")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

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
	for _, want := range []string{"level=ERROR", "global_request=" + global, "user=alice", "project=p1", "secret detail", w.Header().Get("X-Openstack-Request-Id")} {
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
		{"proxy", "", "https://cloud/v2.1/things?limit=2&marker=t2", []string{"X-Forwarded-Proto: https", "X-Forwarded-Host: cloud"}},
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
		{LinksKeystone, `"links":{"self":"http://example.com/v2.1/things?limit=2","previous":null,"next":"http://example.com/v2.1/things?limit=2&marker=t2"}`},
		{LinksGlance, `"next":"/v2.1/things?limit=2&marker=t2","first":"/v2.1/things?limit=2"`},
		{LinksNeutron, `"things_links":[{"rel":"next"`},
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
