// Package metadata is the metadata proxy: it adds the instance id and its signature to guests' requests to
// 169.254.169.254. A guest cannot speak for another, because anti-spoofing lets it use its own address only, and
// whatever it says about itself in headers is dropped.
package metadata

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"hypernova/neutron"
	"hypernova/neutron/agent/fair"
)

// Bounds of what a guest may ask: its requests are a line and a few headers.
const (
	maxHeader  = 16 << 10
	maxBody    = 64 << 10        // a password that a guest posts
	readTime   = 5 * time.Second // for a request, body included
	answerTime = 60 * time.Second
	idleTime   = 10 * time.Second

	maxOpen   = 32   // connections of one port
	maxAll    = 4096 // of all ports of the host
	perSecond = 20   // requests of one port; a guest's first boot asks for about a hundred things
	burst     = 400
)

// Proxy is what is the same for all networks.
type Proxy struct {
	target    *url.URL
	secret    []byte
	transport http.RoundTripper
	log       *slog.Logger
	conns     *fair.Conns
	rates     *fair.Rates
	away      fair.Seldom // the line that nova does not answer, which guests cause
	count     func(what string)
	inFlight  atomic.Int64
	answered  atomic.Int64
}

// InFlight is how many requests are being answered.
func (p *Proxy) InFlight() int64 { return p.inFlight.Load() }

// Answered is how many requests were.
func (p *Proxy) Answered() int64 { return p.answered.Load() }

// Open is how many connections of guests are open.
func (p *Proxy) Open() int { return p.conns.Open() }

// Config names nova's metadata service.
type Config struct {
	Target string // its URL, like http://controller:8775
	Secret string // which it shares with the proxy
}

// New makes a proxy to nova's metadata service. count is called with the outcome of each request or connection.
func New(c Config, count func(what string), log *slog.Logger) (*Proxy, error) {
	target := c.Target
	u, err := url.Parse(target)
	if err != nil {
		return nil, fmt.Errorf("metadata address: %w", err)
	}
	if u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("metadata address %q: it must be like http://controller:8775", target)
	}
	t := &http.Transport{
		DialContext:           (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		ResponseHeaderTimeout: answerTime,
		MaxIdleConnsPerHost:   16,
		IdleConnTimeout:       90 * time.Second,
	}
	return &Proxy{target: u, secret: []byte(c.Secret), transport: t, log: log, count: count,
		rates: fair.NewRates(perSecond, burst),
		conns: fair.NewConns(maxOpen, maxAll, func() { count("connection_refused") })}, nil
}

// Serve answers one network's requests until ctx ends. network gives the state of the moment.
func (p *Proxy) Serve(ctx context.Context, l net.Listener, network func() neutron.HostNetwork) error {
	s := &http.Server{
		Handler: p.Handler(network), ReadHeaderTimeout: readTime, ReadTimeout: readTime, WriteTimeout: answerTime + readTime,
		IdleTimeout: idleTime, MaxHeaderBytes: maxHeader, ErrorLog: slog.NewLogLogger(p.log.Handler(), slog.LevelDebug),
		BaseContext: func(net.Listener) context.Context { return context.WithValue(ctx, serving{}, ctx) },
	}
	stop := context.AfterFunc(ctx, func() { s.Close() })
	defer stop()
	source := func(a net.Addr) string {
		n := network()
		port, _, _ := find(n, a.String())
		return n.ID + " " + port.ID // strangers are one source
	}
	if err := s.Serve(p.conns.Listener(l, source)); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Handler answers the guests of one network.
func (p *Proxy) Handler(network func() neutron.HostNetwork) http.Handler {
	forward := &httputil.ReverseProxy{
		Transport:    p.transport,
		Rewrite:      p.rewrite,
		ErrorHandler: p.refused,
		ErrorLog:     slog.NewLogLogger(p.log.Handler(), slog.LevelDebug),
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.inFlight.Add(1)
		defer func() { p.inFlight.Add(-1); p.answered.Add(1) }()
		n := network()
		port, from, ok := find(n, r.RemoteAddr)
		if !ok {
			p.count("stranger")
			http.Error(w, "404 Not Found: no server has this address.", http.StatusNotFound)
			return
		}
		if !p.rates.Allow(n.ID+" "+port.ID, time.Now()) {
			p.count("limited")
			w.Header().Set("Retry-After", "1")
			http.Error(w, "429 Too Many Requests: this server asks for its metadata too often.", http.StatusTooManyRequests)
			return
		}
		// A client that has said all and closed its half still wants its answer; to the server of net/http it is gone.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), answerTime)
		defer cancel()
		if life, ok := r.Context().Value(serving{}).(context.Context); ok {
			defer context.AfterFunc(life, cancel)()
		}
		body := &guestBody{ReadCloser: http.MaxBytesReader(w, r.Body, maxBody)}
		r.Body = body
		ctx = context.WithValue(ctx, asker{}, askedBy{server: port.DeviceID, project: port.Project, from: from, body: body})
		forward.ServeHTTP(w, r.WithContext(ctx))
		p.count("answered")
	})
}

// serving is the key of the context in which a network is served.
type serving struct{}

// guestBody remembers that it was the guest's body that could not be read.
type guestBody struct {
	io.ReadCloser
	failed atomic.Bool
}

// Read is a body's.
func (b *guestBody) Read(to []byte) (int, error) {
	n, err := b.ReadCloser.Read(to)
	if err != nil && !errors.Is(err, io.EOF) {
		b.failed.Store(true)
	}
	return n, err
}

type asker struct{}

type askedBy struct {
	server, project string
	from            netip.Addr
	body            *guestBody
}

// find names the port by the address that a request came from.
func find(n neutron.HostNetwork, remote string) (neutron.PortInfo, netip.Addr, bool) {
	from, err := netip.ParseAddrPort(remote)
	if err != nil {
		return neutron.PortInfo{}, netip.Addr{}, false
	}
	ip := from.Addr().Unmap().WithZone("")
	for _, p := range n.Ports {
		for _, f := range p.FixedIPs {
			if f.IP.Unmap() == ip && p.DeviceID != "" {
				return p, ip, true
			}
		}
	}
	return neutron.PortInfo{}, ip, false
}

func (p *Proxy) rewrite(r *httputil.ProxyRequest) {
	by, _ := r.In.Context().Value(asker{}).(askedBy)
	r.SetURL(p.target)
	r.Out.Host = p.target.Host
	for name := range r.Out.Header {
		if claims(name) {
			delete(r.Out.Header, name)
		}
	}
	r.Out.Header.Set("X-Forwarded-For", by.from.String())
	r.Out.Header.Set("X-Instance-ID", by.server)
	r.Out.Header.Set("X-Tenant-ID", by.project)
	r.Out.Header.Set("X-Instance-ID-Signature", Sign(p.secret, by.server))
}

// claims names headers by which services learn the caller.
func claims(header string) bool {
	h := strings.ToLower(strings.ReplaceAll(header, "_", "-"))
	for _, prefix := range []string{"x-instance-", "x-tenant-", "x-project-", "x-forwarded", "x-metadata-", "x-real-ip",
		"x-user-", "x-auth-", "x-service-", "x-openstack-", "forwarded"} {
		if strings.HasPrefix(h, prefix) {
			return true
		}
	}
	return false
}

// Sign is the proof that a server id was set by someone who knows the secret.
func Sign(secret []byte, server string) string {
	m := hmac.New(sha256.New, secret)
	m.Write([]byte(server))
	return hex.EncodeToString(m.Sum(nil))
}

// refused answers what nova did not. Each way out answers or breaks the connection off: to return alone would be an
// empty 200.
func (p *Proxy) refused(w http.ResponseWriter, r *http.Request, err error) {
	by, _ := r.Context().Value(asker{}).(askedBy)
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		http.Error(w, "413 Request Entity Too Large", http.StatusRequestEntityTooLarge)
	case by.body != nil && by.body.failed.Load():
		p.count("request_cut_off")
		w.Header().Set("Connection", "close")
		http.Error(w, "408 Request Timeout: the rest of the request did not come.", http.StatusRequestTimeout)
	case errors.Is(r.Context().Err(), context.Canceled): // the network is not served any more
		panic(http.ErrAbortHandler)
	default:
		p.count("unavailable")
		if left, ok := p.away.Now(time.Now()); ok {
			p.log.Warn("metadata service does not answer", "url", p.target.Redacted(), "not_logged", left, "error", err)
		}
		w.Header().Set("Retry-After", "5")
		http.Error(w, "503 Service Unavailable: the metadata service does not answer; try again in a few seconds.",
			http.StatusServiceUnavailable)
	}
}
