// Package consoles is the proxies of consoles, nova-novncproxy, nova-spicehtml5proxy and nova-serialproxy: they carry
// the bytes of a console between a websocket and the guest that the client's token names, and nothing else.
package consoles

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"

	"hypernova/nova"
	"hypernova/oslo/clock"
	"hypernova/oslo/conns"
	"hypernova/oslo/fault"
	"hypernova/oslo/log"
)

// spiceChannels is the most connections that one client of SPICE opens: one for each of its channels.
const spiceChannels = 8

// Times and sizes of a session.
const (
	checkTime   = 20 * time.Second // to find out what a token stands for
	dialTime    = 10 * time.Second // to reach a guest's console
	writeTime   = 30 * time.Second // for a client, or a guest, to take what is sent to it
	pingEvery   = 30 * time.Second // a client that does not answer a ping until the next has gone
	bufferBytes = 32 << 10         // in each direction
)

// Config is the settings of a proxy.
type Config struct {
	Type nova.ConsoleType
	Web  string // folder of the pages; empty: none
	// What the pages are, which of Debian's packages has them, and the option that names Web.
	Pages, Package, Option string
	Optional               bool // nobody needs the pages, because such consoles are not enabled
	Origins                []string
	Sessions               int
	PerServer              int
	Enforce                bool // end sessions when their token expires
	Now                    clock.Now
	// Check returns what a token stands for, by its hash; fault.NotFound for one that does not hold.
	Check func(ctx context.Context, hash string) (nova.ConsoleGrant, error)
	Ping  time.Duration // between looks whether the client is there; 0: 30 s
}

// Proxy is a proxy of consoles of one type. It serves websockets at any path, and the pages of Config.Web.
type Proxy struct {
	c     Config
	pages http.Handler

	mu       sync.Mutex
	all      int
	sessions map[string]int // by server
}

// New makes a proxy.
func New(c Config) *Proxy {
	if c.Now == nil {
		c.Now = clock.Real
	}
	if c.Ping <= 0 {
		c.Ping = pingEvery
	}
	if c.Type == nova.ConsoleSPICE {
		c.Sessions, c.PerServer = c.Sessions*spiceChannels, c.PerServer*spiceChannels
	}
	p := &Proxy{c: c, sessions: map[string]int{}}
	if i, err := os.Stat(c.Web); c.Web != "" && err == nil && i.IsDir() {
		p.pages = http.FileServerFS(os.DirFS(c.Web))
	}
	return p
}

// Missing says what the proxy lacks to serve pages, in an operator's words; empty: nothing.
func (p *Proxy) Missing() string {
	if p.c.Web == "" || p.pages != nil {
		return ""
	}
	return fmt.Sprintf("the pages of %s are not in %s: install Debian's package %s, or set %s; "+
		"websockets are served without them", p.c.Pages, p.c.Web, p.c.Package, p.c.Option)
}

// ServeHTTP carries a console, or serves a page.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		p.page(w, r)
		return
	}
	g, err := p.admit(r)
	var leave func()
	if err == nil {
		conns.Proven(r.Context())
		leave, err = p.enter(g.Server)
	}
	if err != nil {
		log.From(r.Context()).InfoContext(r.Context(), "console refused", "console", string(p.c.Type),
			log.Err, fault.Message(err), "client", r.RemoteAddr)
		refuse(w, err)
		return
	}
	defer leave()
	if err := p.session(w, r, &g); err != nil {
		log.From(r.Context()).InfoContext(r.Context(), "console ended", "console", string(p.c.Type), "server", g.Server,
			log.Err, err.Error())
	}
}

func (p *Proxy) page(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "This address serves consoles.", http.StatusMethodNotAllowed)
	case p.pages != nil:
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer") // the URL has the token
		h.Set("Cache-Control", "no-cache")
		p.pages.ServeHTTP(w, r)
	case p.c.Web != "":
		http.Error(w, "This proxy has no pages: "+p.Missing()+".", http.StatusNotFound)
	default:
		http.Error(w, "This address serves websockets of consoles only.", http.StatusNotFound)
	}
}

// admit returns what the token of a request stands for. fault.Forbidden for a token that does not hold, or a page of
// another site.
func (p *Proxy) admit(r *http.Request) (nova.ConsoleGrant, error) {
	token := tokenOf(r)
	if token == "" {
		return nova.ConsoleGrant{}, fault.Forbiddenf("The request has no token.")
	}
	ctx, cancel := context.WithTimeout(r.Context(), checkTime)
	defer cancel()
	g, err := p.c.Check(ctx, nova.HashConsoleToken(token))
	if fault.Is(err, fault.NotFound) || err == nil && g.Type != p.c.Type {
		return g, fault.Forbiddenf("The token does not hold, or not any more.")
	}
	if err != nil {
		return g, err
	}
	return g, p.fromHere(r, &g)
}

// maxToken bounds what is hashed of a request.
const maxToken = 255

// tokenOf returns the token of a request: of the query, or of the cookie that noVNC sets; empty for none.
func tokenOf(r *http.Request) string {
	token := r.URL.Query().Get("token")
	if c, err := r.Cookie("token"); token == "" && err == nil {
		token = c.Value
	}
	if len(token) > maxToken {
		return ""
	}
	return token
}

// fromHere refuses the pages of other sites: a browser says where its page is from, other clients do not.
func (p *Proxy) fromHere(r *http.Request, g *nova.ConsoleGrant) error {
	if len(r.Header.Values("Origin")) == 0 {
		return nil
	}
	origin, err := url.Parse(r.Header.Get("Origin"))
	if err != nil || origin.Hostname() == "" || origin.Scheme == "" {
		return fault.Forbiddenf("Origin header not valid.")
	}
	here := (&url.URL{Host: r.Host}).Hostname()
	if origin.Hostname() != here && !slices.Contains(p.c.Origins, origin.Hostname()) {
		return fault.Forbiddenf("Origin header does not match this host.")
	}
	scheme := origin.Scheme
	if f := r.Header.Get("X-Forwarded-Proto"); f != "" {
		scheme = f
	}
	base, err := url.Parse(g.URL)
	if err != nil || scheme != map[string]string{"ws": "http", "wss": "https"}[base.Scheme] && scheme != base.Scheme {
		return fault.Forbiddenf("Origin header protocol does not match this host.")
	}
	return nil
}

// refuse answers a request for a websocket that is not served, with a status only: to a client of websockets, bytes
// after the header are data of the console. The log has the reason.
func refuse(w http.ResponseWriter, err error) {
	status := http.StatusServiceUnavailable
	if fault.Is(err, fault.Forbidden) {
		status = http.StatusForbidden
	}
	w.WriteHeader(status)
}

// enter counts a session; leave ends it. fault.Unavailable beyond the bounds.
func (p *Proxy) enter(server string) (leave func(), err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.all >= p.c.Sessions || p.sessions[server] >= p.c.PerServer {
		return nil, fault.Unavailablef("Too many consoles are open.")
	}
	p.all++
	p.sessions[server]++
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.all--
		if p.sessions[server]--; p.sessions[server] == 0 {
			delete(p.sessions, server)
		}
	}, nil
}

// session connects to the guest's console and carries bytes until one side ends.
func (p *Proxy) session(w http.ResponseWriter, r *http.Request, g *nova.ConsoleGrant) error {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	ended := make(chan error, 4) // of those who end a session
	if p.c.Enforce {
		t := time.AfterFunc(max(0, g.Expires.Sub(p.c.Now())), func() { ended <- errExpired })
		defer t.Stop()
	}
	guest, err := (&net.Dialer{Timeout: dialTime}).DialContext(ctx, "tcp", net.JoinHostPort(g.Host, strconv.Itoa(g.Port)))
	if err != nil {
		refuse(w, fault.Unavailablef("The console does not answer."))
		return err
	}
	defer guest.Close()
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{}) // sessions last
	client, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"binary"},
		InsecureSkipVerify: true, // of the origin: fromHere looks at it as nova does
		CompressionMode:    websocket.CompressionDisabled})
	if err != nil {
		return err
	}
	defer func() { _ = client.CloseNow() }()
	client.SetReadLimit(-1) // messages are passed on in pieces, so their size takes no memory
	log.From(ctx).InfoContext(ctx, "console opened", "console", string(g.Type), "server", g.Server,
		slog.String("address", guest.RemoteAddr().String()), "client", r.RemoteAddr)
	go func() { ended <- toGuest(ctx, guest, client) }()
	go func() { ended <- p.alive(ctx, client) }()
	go func() { ended <- fromGuest(ctx, client, guest) }()
	err = <-ended
	if errors.Is(err, errGuestEnded) || errors.Is(err, errExpired) {
		_ = client.Close(websocket.StatusNormalClosure, err.Error())
		return err
	}
	if websocket.CloseStatus(err) != -1 || errors.Is(err, io.EOF) {
		return nil // the client went
	}
	return err
}

var (
	errExpired    = errors.New("the console's time is over")
	errGuestEnded = errors.New("the guest's console ended")
)

// toGuest passes on what the client sends.
func toGuest(ctx context.Context, guest net.Conn, client *websocket.Conn) error {
	buf := make([]byte, bufferBytes)
	for {
		_, m, err := client.Reader(ctx)
		if err != nil {
			return err
		}
		for {
			n, err := m.Read(buf)
			if n > 0 {
				if err := guest.SetWriteDeadline(time.Now().Add(writeTime)); err != nil {
					return err
				}
				if _, err := guest.Write(buf[:n]); err != nil {
					return errors.Join(errGuestEnded, err)
				}
			}
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return err
			}
		}
	}
}

// fromGuest passes on what the guest's console says.
func fromGuest(ctx context.Context, client *websocket.Conn, guest net.Conn) error {
	buf := make([]byte, bufferBytes)
	for {
		n, err := guest.Read(buf)
		if n > 0 {
			within, cancel := context.WithTimeout(ctx, writeTime)
			werr := client.Write(within, websocket.MessageBinary, buf[:n])
			cancel()
			if werr != nil {
				return werr
			}
		}
		if err != nil {
			return errGuestEnded
		}
	}
}

// alive returns when the client does not answer pings any more.
func (p *Proxy) alive(ctx context.Context, client *websocket.Conn) error {
	tick := time.NewTicker(p.c.Ping)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		within, cancel := context.WithTimeout(ctx, p.c.Ping)
		err := client.Ping(within)
		cancel()
		if err != nil {
			return fmt.Errorf("the client does not answer: %w", err)
		}
	}
}
