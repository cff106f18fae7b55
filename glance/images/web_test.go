package images_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"hypernova/glance/images"
	"hypernova/oslo/fault"
)

func TestAddressesThatAreNotThePublicInternet(t *testing.T) {
	t.Parallel()
	for _, a := range []string{"0.0.0.0", "0.1.2.3", "127.0.0.1", "127.255.255.254", "10.0.0.1", "172.16.0.1",
		"192.168.0.1", "169.254.169.254", "100.64.0.1", "192.0.0.192",
		"192.0.2.1", "192.88.99.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "255.255.255.255", "240.0.0.1",
		"::", "::1", "::127.0.0.1", "::ffff:127.0.0.1",
		"::ffff:169.254.169.254", "::ffff:0:127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::a9fe:a9fe", "100::1", "fe80::1",
		"fe80::1%lo", "fec0::1", "fd00::1", "fd00:ec2::254", "ff02::1",
		"2001::1", "2001:db8::1", "2002:7f00:1::", "3fff::1", "5f00::1"} {
		if images.Reachable(netip.MustParseAddr(a)) {
			t.Errorf("%s is reachable", a)
		}
	}
	for _, a := range []string{"8.8.8.8", "::ffff:8.8.8.8", "2606:4700::1111", "2a00:1450:4001::1", "192.0.1.1",
		"172.32.0.1"} {
		if !images.Reachable(netip.MustParseAddr(a)) {
			t.Errorf("%s is not reachable", a)
		}
	}
	if images.Reachable(netip.Addr{}) {
		t.Error("no address is reachable")
	}
}

func TestAddressesInOtherForms(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]bool{"2130706433": true, "0x7f000001": true, "0x7f.1": true, "127.1": true,
		"0177.0.0.1": true, "127.0.0.1.": true, "a.0X7F": true, "0x": true,
		"017700000001": true, "": true, "127.0.0.1": false, "::1": false, "fe80::1%lo": false, "example.org": false,
		"example.org.": false, "1.example.org": false, "a1": false, "0xyz": false} {
		if got := images.Disguised(host); got != want {
			t.Errorf("%q: got %t", host, got)
		}
	}
}

// What is connected to decides, not what a name meant when it was looked at, nor where a redirect says that it leads.
func TestWhereADownloadReallyGoes(t *testing.T) {
	t.Parallel()
	var secret atomic.Bool
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { secret.Store(true) }))
	t.Cleanup(inside.Close)
	at, _ := url.Parse(inside.URL)
	port, _ := strconv.Atoi(at.Port())
	anywhere := images.WebConfig{Ports: []int{port}}
	for _, uri := range []string{inside.URL, "http://localhost:" + at.Port(), "http://[::ffff:127.0.0.1]:" + at.Port(),
		"http://0.0.0.0:" + at.Port(), "http://[::]:" + at.Port()} {
		if _, _, err := images.Fetch(t.Context(), anywhere, uri); !fault.Is(err, fault.Unavailable) {
			t.Errorf("%s: got %v", uri, err)
		}
	}

	l, err := net.Listen("tcp", "127.0.0.2:0")
	if err != nil {
		t.Skip("there is but one loopback address here")
	}
	to := ""
	outside := &httptest.Server{Listener: l, Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter,
		r *http.Request) {
		if target, ok := strings.CutPrefix(r.URL.Path, "/to/"); ok {
			http.Redirect(w, r, map[string]string{"inside": inside.URL, "file": "file:///etc/passwd",
				"port": "http://127.0.0.2:22/", "round": to + "/to/round",
				"user": "http://a:b@" + strings.TrimPrefix(to,
					"http://"), "number": "http://2130706433:" + at.Port() + "/"}[target], http.StatusFound)
		}
	})}}
	outside.Start()
	t.Cleanup(outside.Close)
	to = outside.URL
	_, own, _ := net.SplitHostPort(l.Addr().String())
	n, _ := strconv.Atoi(own)
	only := images.WebConfig{Ports: []int{port, n}, Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32")}}
	if r, _, err := images.Fetch(t.Context(), only, to+"/"); err != nil {
		t.Errorf("what is allowed: %v", err)
	} else {
		r.Close()
	}
	for _, target := range []string{"inside", "file", "port", "round", "user", "number"} {
		if _, _, err := images.Fetch(t.Context(), only, to+"/to/"+target); !fault.Is(err, fault.Unavailable) {
			t.Errorf("redirected to %s: got %v", target, err)
		}
	}
	if secret.Load() {
		t.Error("what is inside was asked")
	}
}

// A server's word for how long its data is, or for how it packed them, is worth nothing.
func TestWebServersThatLie(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/less":
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write(make([]byte, 10))
		case "/packed": // a bomb stays packed
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write([]byte("\x1f\x8b\x08 not unpacked"))
		case "/negative":
			raw(w, "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nabc")
		case "/two":
			raw(w, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 300000\r\n\r\nabc")
		case "/more":
			w.Header().Set("Content-Range", "bytes 5-7/100")
			w.WriteHeader(http.StatusPartialContent)
			_, _ = w.Write(make([]byte, 1000))
		case "/elsewhere":
			w.Header().Set("Content-Range", "bytes 0-2/100")
			w.WriteHeader(http.StatusPartialContent)
			_, _ = w.Write([]byte("abc"))
		case "/headers":
			raw(w, "HTTP/1.1 200 OK\r\nX: "+strings.Repeat("x", 16<<20)+"\r\n\r\nabc")
		}
	}))
	t.Cleanup(srv.Close)
	at, _ := url.Parse(srv.URL)
	port, _ := strconv.Atoi(at.Port())
	c := images.WebConfig{Ports: []int{port}, Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}}
	read := func(path string) (string, error) {
		r, _, err := images.Fetch(t.Context(), c, srv.URL+path)
		if err != nil {
			return "", err
		}
		defer r.Close()
		b, err := io.ReadAll(r)
		return string(b), err
	}
	for _, path := range []string{"/less", "/negative", "/two", "/headers"} {
		if b, err := read(path); err == nil {
			t.Errorf("%s: got %d bytes", path, len(b))
		}
	}
	if b, err := read("/packed"); err != nil || b != "\x1f\x8b\x08 not unpacked" {
		t.Errorf("got %q, %v", b, err)
	}
	r, err := images.OpenWeb(t.Context(), c, srv.URL+"/more", 5, 3)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if b, err := io.ReadAll(r); err != nil || len(b) != 3 {
		t.Errorf("of 3 bytes: %d, %v", len(b), err)
	}
	if _, err := images.OpenWeb(t.Context(), c, srv.URL+"/elsewhere", 5, 3); !fault.Is(err, fault.Unavailable) {
		t.Errorf("of another range: %v", err)
	}
}

// raw answers without the help of net/http, which would not lie.
func raw(w http.ResponseWriter, text string) {
	c, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	_, _ = io.WriteString(c, text) // the client may have gone
	_ = c.Close()
}
