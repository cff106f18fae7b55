//go:build linux

package agent

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"hypernova/neutron"
	"hypernova/neutron/agent/metadata"
	"hypernova/oslo/service"
)

var serviceOptions = service.Options{}

func TestGuestsGetLeaseAndMetadata(t *testing.T) {
	t.Parallel()
	nova := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Instance-ID-Signature") != metadata.Sign([]byte("s3cret"), r.Header.Get("X-Instance-ID")) {
			http.Error(w, "forged", http.StatusForbidden)
			return
		}
		w.Write([]byte(r.Header.Get("X-Instance-ID") + " " + r.Header.Get("X-Tenant-ID") + " " + r.Header.Get("X-Forwarded-For") + " " + r.URL.Path))
	}))
	t.Cleanup(nova.Close)
	h := newTestHost(t, newController(), Config{Host: "h1", MetadataURL: nova.URL, MetadataSecret: "s3cret", DNSDomain: "example.org"})
	n := newLAN("local", 0)
	ssh := group(allow("tcp", 22))
	a, b := n.port(ssh.ID), n.port(ssh.ID)
	h.apply(neutron.HostState{Networks: []neutron.HostNetwork{n.HostNetwork}, Groups: []neutron.HostGroup{ssh}})
	if !h.c.up[a.ID] || !h.c.up[b.ID] {
		t.Fatalf("ports up %v down %v, want both up", h.c.up, h.c.down)
	}
	ga, gb := h.power(a), h.power(b)
	ack := lease(t, ga, a.MAC)
	if got, want := ack.YourIPAddr.String(), ip(a).String(); got != want {
		t.Errorf("lease %s, want %s", got, want)
	}
	take(ga, ack)
	take(gb, lease(t, gb, b.MAC))

	status, body, err := get(ga, "http://169.254.169.254/latest/meta-data/", http.Header{"X-Instance-Id": {b.DeviceID}, "X-Forwarded-For": {"10.0.0.11"}})
	if want := a.DeviceID + " " + a.Project + " " + ip(a).String() + " /latest/meta-data/"; err != nil || status != 200 || body != want {
		t.Errorf("metadata %d %q %v, want %q", status, body, err, want)
	}
	serve(t, gb, 22)
	serve(t, gb, 80)
	reaches(t, ga, ip(b), 22)
	refused(t, ga, ip(b), 80)
	_ = netip.Addr{}
}
