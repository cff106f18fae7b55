package client_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hypernova/nova"
	"hypernova/nova/client"
	"hypernova/oslo/fault"
	"hypernova/oslo/httpc"
)

func TestExternalEvents(t *testing.T) {
	t.Parallel()
	var got []string
	status := http.StatusOK
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got = append(got, r.Method+" "+r.URL.Path+" "+r.Header.Get("X-Auth-Token")+" "+string(b))
		w.WriteHeader(status)
		_, _ = io.WriteString(w, `{"itemNotFound":{"code":404,"message":"No instances found for any event"}}`)
	}))
	t.Cleanup(s.Close)
	for _, base := range []string{s.URL, s.URL + "/v2.1/"} {
		c := client.New(base, httpc.Static("t"))
		err := c.ExternalEvents(t.Context(), []nova.ExternalEvent{{Name: "network-vif-plugged", Server: "s", Tag: "p",
			Status: "completed"}})
		if err != nil {
			t.Fatal(err)
		}
	}
	line := `POST /v2.1/os-server-external-events t {"events":[{"name":"network-vif-plugged","server_uuid":"s","tag":"p","status":"completed"}]}`
	if diff := cmp.Diff([]string{line, line}, got); diff != "" {
		t.Error(diff)
	}
	status = http.StatusNotFound
	c := client.New(s.URL, httpc.Static("t"))
	if err := c.ExternalEvents(t.Context(), []nova.ExternalEvent{{Name: "network-changed", Server: "s"}}); !fault.Is(err,
		fault.NotFound) {
		t.Errorf("got %v", err)
	}
	if err := c.ExternalEvents(t.Context(), nil); err != nil {
		t.Errorf("no events: %v", err)
	}
}
