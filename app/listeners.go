package app

import (
	"context"
	"errors"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"hypernova/oslo/log"
	"hypernova/oslo/service"
)

// apiPulse is where a process answers for its services beside the bus.
const apiPulse = "pulse"

// linger is how long an API that hands over its clients to another process answers on open connections.
const linger = 500 * time.Millisecond

// listeners are those of this process's APIs.
type listeners struct {
	p      *Process
	open   map[string]net.Listener
	shared map[string]bool // APIs whose listener another process may have too
	pulse  string          // URL beside the bus; empty: none
}

func newListeners(p *Process) *listeners {
	return &listeners{p: p, open: map[string]net.Listener{}, shared: map[string]bool{}}
}

// listen opens an API's listener unless it is open already. An API whose links need its own address calls it before
// Process.serve.
func (n *listeners) listen(ctx context.Context, api string) error {
	if n.open[api] != nil {
		return nil
	}
	l, err := n.obtain(ctx, api)
	if err != nil {
		return err
	}
	n.open[api] = l
	return nil
}

// close closes all listeners; it may be called again.
func (n *listeners) close() error {
	var errs []error
	for _, l := range n.open {
		if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// obtain gives an API its listener: the one that systemd opened for it, the one of the process before, or a new one.
func (n *listeners) obtain(ctx context.Context, api string) (net.Listener, error) {
	p := n.p
	if p.o.Listen != nil {
		return p.o.Listen(ctx, api)
	}
	if ls := p.o.Sockets[api]; len(ls) > 0 {
		p.o.Sockets[api] = ls[1:]
		n.shared[api] = true
		log.From(ctx).Info("API uses the socket that systemd opened", "api", api, "address", ls[0].Addr().String())
		return ls[0], nil
	}
	if !n.handsOver() || p.c.Listen.portOf(api) == 0 {
		return p.c.listen(ctx, api)
	}
	n.shared[api] = true
	address := net.JoinHostPort(p.c.Listen.Host, strconv.Itoa(p.c.Listen.portOf(api)))
	l, pid, err := service.TakeOver(ctx, n.dir(), api, address)
	switch {
	case err != nil:
		log.From(ctx).Warn("the listener of another process could not be taken over", "api", api, log.Err, err.Error())
	case l != nil:
		log.From(ctx).Info("API shares the listener of another process; end that one when this one is ready", "api", api,
			"address", address, "process", pid)
		return l, nil
	}
	return p.c.listen(ctx, api)
}

// handsOver reports whether a process that is started beside this one may share its APIs. It may not where each would
// have a bus of its own and work the same jobs.
func (n *listeners) handsOver() bool {
	p := n.p
	return p.c.Listen.Handover && p.o.Listen == nil && !(p.inprocBus() && p.has(RoleConductor))
}

func (p *Process) inprocBus() bool { return strings.HasPrefix(p.c.Default.TransportURL, "inproc:") }

// dir is the folder of the sockets over which listeners are handed to the next process.
func (n *listeners) dir() string { return filepath.Join(n.p.c.Default.StatePath, "handover") }

// offers are the services that hand the APIs' listeners to the process that follows.
func (n *listeners) offers() []service.Service {
	var out []service.Service
	if !n.handsOver() {
		return nil
	}
	for _, x := range ports() {
		if l, ok := n.open[x.api].(*net.TCPListener); ok && n.p.c.Listen.portOf(x.api) != 0 {
			out = append(out, service.Offer(n.dir(), x.api, l))
		}
	}
	return out
}

// openPulse opens the listener beside the bus, where the bus is not within the process, and remembers its address for
// the service records.
func (n *listeners) openPulse(ctx context.Context) error {
	p := n.p
	c := &p.c.Listen
	if p.inprocBus() || p.o.Listen != nil || c.PulsePort < 0 {
		return nil
	}
	host := c.PulseHost
	if host == "" {
		host = p.c.Default.MyIP
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(c.PulsePort)))
	if err != nil {
		// Not fatal: without it a host that lost the bus cannot be told from a dead one.
		log.From(ctx).Warn("health endpoint not started; set [listen] pulse_host and pulse_port", log.Err, err.Error())
		return nil
	}
	n.open[apiPulse] = l
	public, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return err
	}
	if l.Addr().(*net.TCPAddr).IP.IsUnspecified() {
		public = p.c.Default.MyIP
	}
	n.pulse = "http://" + net.JoinHostPort(public, port)
	return nil
}

// pulseService serves what openPulse opened.
func (n *listeners) pulseService() []service.Service {
	p, l := n.p, n.open[apiPulse]
	if l == nil {
		return nil
	}
	var h http.Handler = service.Pulses(func() []service.Service { return p.services })
	return []service.Service{service.HTTP(apiPulse, l, h, service.HTTPOptions{Timeout: 10 * time.Second,
		Grace: time.Second, Bounds: p.bounds,
		Metrics: prometheus.Gatherers{p.metrics.Gatherer(), p.apiMetrics}})}
}
