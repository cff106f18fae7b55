package images

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"hypernova/oslo/fault"
)

// WebConfig restricts the URIs of web-download. Addresses that are not on the public internet are always rejected,
// except for those in Networks.
type WebConfig struct {
	Schemes  []string       // default http, https
	Ports    []int          // default 80, 443
	Networks []netip.Prefix // addresses allowed although they are private
	Timeout  time.Duration  // of a whole download; default 4 h
}

type web struct {
	c      WebConfig
	client *http.Client
}

func newWeb(c WebConfig) *web {
	if c.Schemes == nil {
		c.Schemes = []string{"http", "https"}
	}
	if c.Ports == nil {
		c.Ports = []int{80, 443}
	}
	if c.Timeout <= 0 {
		c.Timeout = 4 * time.Hour
	}
	w := &web{c: c}
	// The check is on the address of the actual connection, because a name may resolve differently later. Redirects are
	// checked too.
	d := &net.Dialer{Timeout: 30 * time.Second, Control: w.control}
	w.client = &http.Client{
		Timeout: c.Timeout,
		Transport: &http.Transport{DialContext: d.DialContext, ResponseHeaderTimeout: time.Minute,
			TLSHandshakeTimeout: 30 * time.Second,
			DisableKeepAlives:   true, DisableCompression: true},
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			if len(via) >= 5 {
				return errors.New("too many redirects")
			}
			return w.form(r.URL)
		},
	}
	return w
}

func filtered(uri string) error {
	return fault.Invalidf("URI for web-download does not pass filtering: %s", uri)
}

// form checks the URI itself: scheme, port, and the form of the host.
func (w *web) form(u *url.URL) error {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	n, err := strconv.Atoi(port)
	if err != nil || disguised(u.Hostname()) || u.Host == "" || u.User != nil || !slices.Contains(w.c.Schemes, u.Scheme) ||
		!slices.Contains(w.c.Ports, n) {
		return filtered(u.Redacted())
	}
	return nil
}

// disguised reports whether a host is an address in a form that only some resolvers accept: 2130706433, 0x7f.1,
// 0177.0.0.1. A name never ends in a number.
func disguised(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return false
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	last := host[strings.LastIndexByte(host, '.')+1:]
	if hex, ok := strings.CutPrefix(last, "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return strings.Trim(last, "0123456789") == ""
}

// allowed checks a URI before an import begins: its form, and that its host has an allowed address. fault.Invalid.
func (w *web) allowed(ctx context.Context, uri string) error {
	u, err := url.Parse(uri)
	if err != nil || uri == "" {
		return filtered(uri)
	}
	if err := w.form(u); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	as, err := net.DefaultResolver.LookupNetIP(ctx, "ip", u.Hostname())
	if err != nil {
		return nil // the name is unknown: the import will fail with that error
	}
	if len(as) == 0 || !slices.ContainsFunc(as, w.reachable) {
		return filtered(u.Redacted())
	}
	return nil
}

func (w *web) control(_, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil || !w.reachable(ap.Addr()) {
		return filtered(address)
	}
	return nil
}

// special are ranges outside of the public internet that netip does not know.
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("240.0.0.0/4"), netip.MustParsePrefix("192.88.99.0/24"),
	netip.MustParsePrefix("2001::/23"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("2002::/16"),
	netip.MustParsePrefix("3fff::/20"),
}

// public6 is the assigned part of IPv6. Other ranges contain translations of IPv4 addresses and other ways into
// private networks.
var public6 = netip.MustParsePrefix("2000::/3")

func (w *web) reachable(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	in := func(p netip.Prefix) bool { return p.Contains(a) }
	if slices.ContainsFunc(w.c.Networks, in) {
		return true
	}
	return a.IsValid() && a.IsGlobalUnicast() && (a.Is4() || public6.Contains(a)) && !a.IsPrivate() &&
		!slices.ContainsFunc(special, in)
}

// open sends a GET. The size is -1 if the server does not announce it. The caller closes the body.
func (w *web) open(ctx context.Context, uri string) (io.ReadCloser, int64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, uri, nil)
	if err != nil {
		return nil, 0, filtered(uri)
	}
	resp, err := w.client.Do(req)
	if err != nil {
		return nil, 0, fault.Unavailablef("the image cannot be fetched").Because(err)
	}
	if resp.StatusCode != http.StatusOK {
		_ = resp.Body.Close() // its content is not used
		return nil, 0, fault.Unavailablef("the image cannot be fetched: status %d", resp.StatusCode)
	}
	return resp.Body, resp.ContentLength, nil
}
