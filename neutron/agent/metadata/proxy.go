// Package metadata passes guests' requests to 169.254.169.254 on to nova, with the proof of who asks: the network that the request
// came from and its source address name a port, the port names the server. A guest cannot speak for another, because anti-spoofing
// lets it use its own address only, and whatever it says about itself in headers is dropped.
package metadata

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"hypernova/neutron"
)

// Bounds of what a guest may ask: its requests are a line and a few headers.
const (
	maxHeader  = 16 << 10
	maxBody    = 64 << 10 // a password that a guest posts
	maxOpen    = 256      // connections per network
	readTime   = 10 * time.Second
	answerTime = 60 * time.Second
	idleTime   = 30 * time.Second
)

// Proxy is what is the same for all networks.
type Proxy struct {
	target    *url.URL
	secret    []byte
	transport http.RoundTripper
	log       *slog.Logger
	inFlight  atomic.Int64
	answered  atomic.Int64
}

// InFlight is how many requests are being answered.
func (p *Proxy) InFlight() int64 { return p.inFlight.Load() }

// Answered is how many requests were.
func (p *Proxy) Answered() int64 { return p.answered.Load() }

// New makes a proxy to nova's metadata service, which shares secret.
func New(target, secret string, log *slog.Logger) (*Proxy, error) {
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
	return &Proxy{target: u, secret: []byte(secret), transport: t, log: log}, nil
}

// Serve answers one network's requests until ctx ends. network gives the state of the moment.
func (p *Proxy) Serve(ctx context.Context, l net.Listener, network func() neutron.HostNetwork) error {
	s := &http.Server{
		Handler: p.Handler(network), ReadHeaderTimeout: readTime, ReadTimeout: readTime, WriteTimeout: answerTime + readTime,
		IdleTimeout: idleTime, MaxHeaderBytes: maxHeader, ErrorLog: slog.NewLogLogger(p.log.Handler(), slog.LevelDebug),
	}
	stop := context.AfterFunc(ctx, func() { s.Close() })
	defer stop()
	if err := s.Serve(&bounded{Listener: l, open: make(chan struct{}, maxOpen)}); !errors.Is(err, http.ErrServerClosed) {
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
		port, from, ok := find(network(), r.RemoteAddr)
		if !ok {
			http.Error(w, "404 Not Found: no server has this address.", http.StatusNotFound)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		ctx := context.WithValue(r.Context(), asker{}, askedBy{server: port.DeviceID, project: port.Project, from: from})
		forward.ServeHTTP(w, r.WithContext(ctx))
	})
}

type asker struct{}

type askedBy struct {
	server, project string
	from            netip.Addr
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

// claims names headers by which services are told who asks.
func claims(header string) bool {
	h := strings.ToLower(strings.ReplaceAll(header, "_", "-"))
	for _, prefix := range []string{"x-instance-", "x-tenant-", "x-project-", "x-forwarded", "x-metadata-", "x-real-ip", "x-user-", "x-auth-", "x-service-", "x-openstack-", "forwarded"} {
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

func (p *Proxy) refused(w http.ResponseWriter, r *http.Request, err error) {
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		http.Error(w, "413 Request Entity Too Large", http.StatusRequestEntityTooLarge)
	case r.Context().Err() != nil: // the guest has gone
	default:
		p.log.Warn("metadata service does not answer", "url", p.target.Redacted(), "err", err)
		w.Header().Set("Retry-After", "5")
		http.Error(w, "503 Service Unavailable: the metadata service does not answer; try again in a few seconds.", http.StatusServiceUnavailable)
	}
}

// bounded lets only so many connections of one network be open; further ones wait in the kernel's queue.
type bounded struct {
	net.Listener
	open chan struct{}
}

func (b *bounded) Accept() (net.Conn, error) {
	b.open <- struct{}{}
	c, err := b.Listener.Accept()
	if err != nil {
		<-b.open
		return nil, err
	}
	return &counted{Conn: c, open: b.open}, nil
}

type counted struct {
	net.Conn
	open chan struct{}
	once sync.Once
}

func (c *counted) Close() error {
	err := c.Conn.Close()
	c.once.Do(func() { <-c.open })
	return err
}
