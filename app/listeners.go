package app

import (
	"context"
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

// open gives an API its listener: the one that systemd opened for it, the one of the process before, or a new one.
func (p *Process) open(ctx context.Context, api string) (net.Listener, error) {
	if p.o.Listen != nil {
		return p.o.Listen(ctx, api)
	}
	if ls := p.o.Sockets[api]; len(ls) > 0 {
		p.o.Sockets[api] = ls[1:]
		p.shared[api] = true
		log.From(ctx).Info("API uses the socket that systemd opened", "api", api, "address", ls[0].Addr().String())
		return ls[0], nil
	}
	if !p.handsOver() || p.c.Listen.portOf(api) == 0 {
		return p.c.listen(ctx, api)
	}
	p.shared[api] = true
	address := net.JoinHostPort(p.c.Listen.Host, strconv.Itoa(p.c.Listen.portOf(api)))
	l, pid, err := service.TakeOver(ctx, p.handoverDir(), api, address)
	switch {
	case err != nil:
		log.From(ctx).Warn("the listener of another process could not be taken over", "api", api, log.Err, err.Error())
	case l != nil:
		log.From(ctx).Info("API shares the listener of another process; end that one when this one is ready", "api", api, "address", address, "process", pid)
		return l, nil
	}
	return p.c.listen(ctx, api)
}

// handsOver says whether a process that is started beside this one may share its APIs. It may not where each would have a bus of its own
// and work the same jobs.
func (p *Process) handsOver() bool {
	return p.c.Listen.Handover && p.o.Listen == nil && !(p.inprocBus() && p.has(RoleConductor))
}

func (p *Process) inprocBus() bool { return strings.HasPrefix(p.c.Default.TransportURL, "inproc:") }

func (p *Process) handoverDir() string { return filepath.Join(p.c.Default.StatePath, "handover") }

// offers are the services that hand the APIs' listeners to the process that follows.
func (p *Process) offers() []service.Service {
	var out []service.Service
	if !p.handsOver() {
		return nil
	}
	for _, x := range ports() {
		if l, ok := p.listeners[x.api].(*net.TCPListener); ok && p.c.Listen.portOf(x.api) != 0 {
			out = append(out, service.Offer(p.handoverDir(), x.api, l))
		}
	}
	return out
}

// openPulse opens the listener beside the bus, where the bus is not within the process, and remembers its address for the service records.
func (p *Process) openPulse(ctx context.Context) error {
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
	p.listeners[apiPulse] = l
	public, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return err
	}
	if l.Addr().(*net.TCPAddr).IP.IsUnspecified() {
		public = p.c.Default.MyIP
	}
	p.pulse = "http://" + net.JoinHostPort(public, port)
	return nil
}

// pulseService serves what openPulse opened.
func (p *Process) pulseService() []service.Service {
	l := p.listeners[apiPulse]
	if l == nil {
		return nil
	}
	var h http.Handler = service.Pulses(func() []service.Service { return p.services })
	return []service.Service{service.HTTP(apiPulse, l, h, service.HTTPOptions{Timeout: 10 * time.Second, Grace: time.Second, Bounds: p.bounds,
		Metrics: prometheus.Gatherers{p.metrics.Gatherer(), p.apiMetrics}})}
}
