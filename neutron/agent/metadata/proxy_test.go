package metadata

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"hypernova/neutron"
)

var quiet = slog.New(slog.DiscardHandler)

func network() neutron.HostNetwork {
	return neutron.HostNetwork{Ports: []neutron.PortInfo{
		{DeviceID: "server-1", Project: "project-1", FixedIPs: []neutron.FixedIP{{IP: netip.MustParseAddr("10.0.0.5")}, {IP: netip.MustParseAddr("2001:db8::5")}}},
		{FixedIPs: []neutron.FixedIP{{IP: netip.MustParseAddr("10.0.0.6")}}},
	}}
}

func ask(t *testing.T, target, from string, change func(*http.Request)) *httptest.ResponseRecorder {
	t.Helper()
	p, err := New(target, "s3cret", quiet)
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
	nova := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { got = r; w.Write([]byte("ami-id")) }))
	defer nova.Close()
	for _, from := range []string{"10.0.0.5:4321", "[::ffff:10.0.0.5]:4321", "[2001:db8::5]:4321"} {
		w := ask(t, nova.URL, from, func(r *http.Request) {
			for _, h := range []string{"X-Instance-ID", "x-instance-id-signature", "X-Tenant-ID", "X-Forwarded-For", "X-Forwarded-Host", "Forwarded", "X_Instance_ID", "X-Metadata-Provider-Signature", "X-Real-IP"} {
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
		if got.Header.Get("X-Instance-ID") != "server-1" || got.Header.Get("X-Tenant-ID") != "project-1" || got.Header.Get("Metadata-Flavor") != "kept" ||
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
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" || strings.Contains(w.Body.String(), "127.0.0.1") {
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
			r.Method, r.Body, r.ContentLength = http.MethodPost, io.NopCloser(strings.NewReader(strings.Repeat("x", size))), int64(size)
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
		if _, err := New(u, "", quiet); err == nil {
			t.Errorf("address %q was taken, want an error", u)
		}
	}
}
