package metadata

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"hypernova/neutron"
)

var quiet = slog.New(slog.DiscardHandler)

func network() neutron.HostNetwork {
	return neutron.HostNetwork{Ports: []neutron.PortInfo{
		{DeviceID: "server-1", Project: "project-1", FixedIPs: []neutron.FixedIP{{IP: netip.MustParseAddr("10.0.0.5")},
			{IP: netip.MustParseAddr("2001:db8::5")}}},
		{FixedIPs: []neutron.FixedIP{{IP: netip.MustParseAddr("10.0.0.6")}}},
	}}
}

func ask(t *testing.T, target, from string, change func(*http.Request)) *httptest.ResponseRecorder {
	t.Helper()
	p, err := New(Config{Target: target, Secret: "s3cret"}, func(string) {}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodGet, "http://169.254.169.254/latest/meta-data/?x=1", nil)
	r.RemoteAddr = from
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	p.Handler(network).ServeHTTP(w, r)
	return w
}

func TestWhoAsksIsProven(t *testing.T) {
	t.Parallel()
	var got *http.Request
	nova := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r
		w.Write([]byte("ami-id"))
	}))
	defer nova.Close()
	for _, from := range []string{"10.0.0.5:4321", "[::ffff:10.0.0.5]:4321", "[2001:db8::5]:4321"} {
		w := ask(t, nova.URL, from, func(r *http.Request) {
			for _, h := range []string{"X-Instance-ID", "x-instance-id-signature", "X-Tenant-ID", "X-Forwarded-For",
				"X-Forwarded-Host", "Forwarded", "X_Instance_ID", "X-Metadata-Provider-Signature", "X-Real-IP"} {
				r.Header.Set(h, "forged")
			}
			r.Header.Set("Metadata-Flavor", "kept")
		})
		if w.Code != 200 || w.Body.String() != "ami-id" {
			t.Fatalf("%s: %d %q, want nova's answer", from, w.Code, w.Body)
		}
		for h, values := range got.Header {
			if strings.Contains(strings.Join(values, ""), "forged") {
				t.Errorf("%s: header %s of the guest went through", from, h)
			}
		}
		if got.Header.Get("X-Instance-ID") != "server-1" || got.Header.Get("X-Tenant-ID") != "project-1" ||
			got.Header.Get("Metadata-Flavor") != "kept" ||
			got.Header.Get("X-Instance-ID-Signature") != Sign([]byte("s3cret"), "server-1") {
			t.Errorf("%s: headers %v", from, got.Header)
		}
		if got.URL.String() != "/latest/meta-data/?x=1" {
			t.Errorf("%s: path %s", from, got.URL)
		}
	}
}

func TestSignatureIsNovas(t *testing.T) {
	t.Parallel()
	// Computed with another implementation of HMAC-SHA256.
	const want = "ff4ec5c620a744e2e16e9fda77af83c41b70aee8ea0ce30fc20183b9d12969dd"
	if got := Sign([]byte("s3cret"), "server-1"); got != want {
		t.Errorf("signature %s, want %s", got, want)
	}
}

func TestStrangersGetNothing(t *testing.T) {
	t.Parallel()
	for _, from := range []string{"10.0.0.99:1", "10.0.0.6:1", "nonsense"} {
		if w := ask(t, "http://127.0.0.1:1", from, nil); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d, want 404", from, w.Code)
		}
	}
}

func TestNovaAway(t *testing.T) {
	t.Parallel()
	w := ask(t, "http://127.0.0.1:1", "10.0.0.5:1", nil)
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" || strings.Contains(w.Body.String(),
		"127.0.0.1") {
		t.Errorf("%d %q %v, want 503 that says nothing about the inside", w.Code, w.Body, w.Header())
	}
}

func TestNovasRefusalsPass(t *testing.T) {
	t.Parallel()
	nova := httptest.NewServer(http.NotFoundHandler())
	defer nova.Close()
	if w := ask(t, nova.URL, "10.0.0.5:1", nil); w.Code != http.StatusNotFound {
		t.Errorf("%d, want nova's 404", w.Code)
	}
}

func TestBodiesAreBounded(t *testing.T) {
	t.Parallel()
	nova := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.Copy(w, r.Body) }))
	defer nova.Close()
	post := func(size int) int {
		return ask(t, nova.URL, "10.0.0.5:1", func(r *http.Request) {
			r.Method, r.Body, r.ContentLength = http.MethodPost, io.NopCloser(strings.NewReader(strings.Repeat("x", size))),
				int64(size)
		}).Code
	}
	if got := post(1000); got != 200 {
		t.Errorf("small body: %d, want 200", got)
	}
	if got := post(maxBody + 1); got != http.StatusRequestEntityTooLarge {
		t.Errorf("large body: %d, want 413", got)
	}
}

func TestAddressIsChecked(t *testing.T) {
	t.Parallel()
	for _, u := range []string{"", "controller:8775", "ftp://controller", "http://"} {
		if _, err := New(Config{Target: u, Secret: ""}, func(string) {}, quiet); err == nil {
			t.Errorf("address %q was taken, want an error", u)
		}
	}
}

// serve answers the guests of network on 127.0.0.1 until the test ends.
func serve(t *testing.T, p *Proxy) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	local := network()
	for i := range 3 { // guests that this machine can play
		ip := netip.AddrFrom4([4]byte{127, 0, 0, byte(1 + i)})
		port := neutron.PortInfo{ID: ip.String(), DeviceID: "server-" + ip.String(), FixedIPs: []neutron.FixedIP{{IP: ip}}}
		local.Ports = append(local.Ports, port)
	}
	go func() { ended <- p.Serve(ctx, l, func() neutron.HostNetwork { return local }) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return l
}

func dial(t *testing.T, l net.Listener, from string) (net.Conn, error) {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	c, err := d.Dial("tcp4", l.Addr().String())
	if err == nil {
		t.Cleanup(func() { c.Close() })
	}
	return c, err
}

func proxyTo(t *testing.T, target string) (*Proxy, func(string) int) {
	t.Helper()
	var mu sync.Mutex
	counts := map[string]int{}
	p, err := New(Config{Target: target, Secret: "s3cret"}, func(what string) {
		mu.Lock()
		defer mu.Unlock()
		counts[what]++
	}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	return p, func(what string) int {
		mu.Lock()
		defer mu.Unlock()
		return counts[what]
	}
}

// TestClientThatHasSaidAllIsAnswered: one that closes its half still hears the whole answer, also one that takes longer
// than a request may.
func TestClientThatHasSaidAllIsAnswered(t *testing.T) {
	t.Parallel()
	asked, answer := make(chan struct{}), make(chan struct{})
	nova := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(asked)
		<-answer
		w.Write([]byte("ami-id"))
	}))
	defer nova.Close()
	p, _ := proxyTo(t, nova.URL)
	c, err := dial(t, serve(t, p), "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write([]byte("GET /latest/meta-data/ HTTP/1.1\r\nHost: 169.254.169.254\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	<-asked
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	close(answer)
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 || string(body) != "ami-id" {
		t.Errorf("%d %q %v, want nova's answer", resp.StatusCode, body, err)
	}
}

// TestBodyThatEndsTooSoonIsTheGuestsFault and no news for the host's log.
func TestBodyThatEndsTooSoonIsTheGuestsFault(t *testing.T) {
	t.Parallel()
	nova := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.Copy(w, r.Body) }))
	defer nova.Close()
	p, counted := proxyTo(t, nova.URL)
	c, err := dial(t, serve(t, p), "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write([]byte(
		"POST /openstack/2013-10-17/password HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")); err != nil {
		t.Fatal(err)
	}
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusRequestTimeout || counted("request_cut_off") != 1 || counted("unavailable") != 0 {
		t.Errorf("%d, want 408 that is not nova's fault", resp.StatusCode)
	}
}

// TestOneGuestCannotSilenceItsNeighbours: a thousand connections on which a request begins and does not go on.
func TestOneGuestCannotSilenceItsNeighbours(t *testing.T) {
	t.Parallel()
	nova := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Write([]byte("ami-id"))
	}))
	defer nova.Close()
	p, counted := proxyTo(t, nova.URL)
	l := serve(t, p)
	for range 1000 {
		if c, err := dial(t, l, "127.0.0.2"); err == nil { // else it was refused already
			c.Write([]byte("GET /latest/meta-data/ HT")) // likewise
		}
	}
	transport := &http.Transport{
		DialContext: (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 3)}}).DialContext}
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).Get("http://" + l.Addr().String() + "/latest/meta-data/")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != 200 {
		t.Errorf("the neighbour's request: %d, want 200", resp.StatusCode)
	}
	if open := p.Open(); open > maxOpen+1 {
		t.Errorf("%d connections are open, want at most %d of the greedy guest and one of its neighbour", open, maxOpen)
	}
	if counted("connection_refused") == 0 {
		t.Error("nothing was counted as refused")
	}
}

func TestRequestsAreBoundedPerGuest(t *testing.T) {
	t.Parallel()
	nova := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer nova.Close()
	p, _ := proxyTo(t, nova.URL)
	n := network()
	n.Ports[0].ID, n.Ports[1].ID, n.Ports[1].DeviceID = "one", "two", "server-2"
	h := p.Handler(func() neutron.HostNetwork { return n })
	ask := func(from string) int {
		r := httptest.NewRequest(http.MethodGet, "http://169.254.169.254/", nil)
		r.RemoteAddr = from + ":1"
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code
	}
	codes := map[int]int{}
	for codes[http.StatusTooManyRequests] == 0 && codes[200] < 100*burst {
		codes[ask("10.0.0.5")]++
	}
	if codes[200] < burst || codes[http.StatusTooManyRequests] == 0 {
		t.Errorf("answers %v, want %d and then 429", codes, burst)
	}
	if got := ask("10.0.0.6"); got != 200 {
		t.Errorf("the neighbour's request: %d, want 200", got)
	}
}
