//go:build linux

package agent

import (
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"hypernova/neutron"
)

// TestFloodOfOneGuestIsItsOwn: one guest asks for addresses and opens connections as fast as it can; its neighbour gets
// its address and its metadata.
func TestFloodOfOneGuestIsItsOwn(t *testing.T) {
	t.Parallel()
	nova := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Write([]byte("ami-id"))
	}))
	t.Cleanup(nova.Close)
	h := newTestHost(t, newController(), Config{Host: "h1", MetadataURL: nova.URL, MetadataSecret: "s3cret"})
	g := group()
	n := newLAN("local", 0)
	greedy, neighbour := n.port(g.ID), n.port(g.ID)
	h.apply(neutron.HostState{Networks: []neutron.HostNetwork{n.HostNetwork}, Groups: []neutron.HostGroup{g}})
	gg, gn := h.power(greedy), h.power(neighbour)
	ack := lease(t, gg, greedy.MAC)
	take(gg, ack)
	answered := h.agent.host.(*linux).leases.Load()

	const tries = 600
	gg.Must(func() error {
		c, err := net.DialUDP("udp4", &net.UDPAddr{IP: ip(greedy).AsSlice(), Port: 68},
			&net.UDPAddr{IP: n.DHCPIP[0].IP.AsSlice(), Port: 67})
		if err != nil {
			return err
		}
		defer c.Close()
		discover := ack.ToBytes()
		discover[0] = 1                 // a request
		discover[8], discover[9] = 0, 0 // no address of its own
		for at := 240; at+2 < len(discover); at += 2 + int(discover[at+1]) {
			if discover[at] == 53 {
				discover[at+2] = 1 // DISCOVER
				break
			}
		}
		for range tries {
			if _, err := c.Write(discover); err != nil {
				return err
			}
		}
		return nil
	})
	opened := 0
	gg.Must(func() error {
		d := net.Dialer{Timeout: 50 * time.Millisecond}
		for range 80 {
			c, err := d.Dial("tcp4", "169.254.169.254:80")
			if err != nil {
				continue
			}
			t.Cleanup(func() { c.Close() })
			opened++
			if _, err := c.Write([]byte("GET / HT")); err != nil {
				continue // refused already
			}
		}
		return nil
	})
	take(gn, lease(t, gn, neighbour.MAC))
	status, body, err := get(gn, "http://169.254.169.254/latest/meta-data/", nil)
	if err != nil || status != 200 || body != "ami-id" {
		t.Errorf("the neighbour's metadata: %d %q %v", status, body, err)
	}
	x := h.agent.host.(*linux)
	if got := x.leases.Load() - answered; got < 3 || got > tries/4 { // two are the neighbour's
		t.Errorf("%d of %d DHCP requests were answered, want few, but some", got, tries)
	}
	if opened <= 40 || x.proxy.Open() > 40 {
		t.Errorf("%d connections were opened, %d are open, want more than a guest may have, and no more than that", opened,
			x.proxy.Open())
	}
}
