package dhcp

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"hypernova/neutron"
	"hypernova/neutron/agent/fair"
)

// Port is the UDP port that requests come to.
const Port = dhcpv4.ServerPort

// Socket receives requests on one network and sends answers by MAC.
type Socket interface {
	ReadFrom(b []byte) (int, net.Addr, error)
	SendTo(mac net.HardwareAddr, packet []byte) error
	Close() error
}

// What one port may ask for: a guest that begins asks twice, and again after seconds.
const (
	perSecond = 5
	burst     = 20
)

// Server answers on the networks of a host.
type Server struct {
	conf   Config
	log    *slog.Logger
	count  func(what string)
	rates  *fair.Rates
	unsent fair.Seldom
}

// New makes a server. count is called with the outcome of each request.
func New(c Config, count func(what string), log *slog.Logger) *Server {
	return &Server{conf: c, log: log, count: count, rates: fair.NewRates(perSecond, burst)}
}

// Serve answers until ctx ends or the socket is closed. network gives the state of the moment, for each request anew.
func (d *Server) Serve(ctx context.Context, s Socket, network func() neutron.HostNetwork) error {
	stop := context.AfterFunc(ctx, func() { s.Close() })
	defer stop()
	buf := make([]byte, 1500) // a request is never fragmented
	for {
		n, _, err := s.ReadFrom(buf)
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return nil
			}
			return err
		}
		d.count(d.request(s, buf[:n], network()))
	}
}

// request answers one request and returns its outcome. Outcomes are counted, not logged: a guest could fill the log.
func (d *Server) request(s Socket, data []byte, n neutron.HostNetwork) string {
	req, err := dhcpv4.FromBytes(data)
	if err != nil || len(req.ClientHWAddr) != 6 {
		return "nonsense" // guests may send anything
	}
	mac := req.ClientHWAddr.String()
	if !has(n, mac) {
		return "stranger"
	}
	if !d.rates.Allow(n.ID+" "+mac, time.Now()) {
		return "limited"
	}
	reply, err := Reply(req, n, d.conf)
	if err != nil || reply == nil {
		return "no_answer"
	}
	to, ip := destination(reply)
	if err := s.SendTo(to, packet(reply.ServerIdentifier(), ip, reply.ToBytes())); err != nil {
		if left, ok := d.unsent.Now(time.Now()); ok {
			d.log.Warn("cannot send a DHCP answer", "network", n.ID, "mac", mac, "not_logged", left, "error", err)
		}
		return "not_sent"
	}
	d.log.Debug("dhcp", "answer", reply.MessageType().String(), "mac", mac, "ip", reply.YourIPAddr.String())
	return "answered"
}

// has reports that a network has a port with the MAC, so that what is kept per MAC is bounded by the ports there are.
func has(n neutron.HostNetwork, mac string) bool {
	return slices.ContainsFunc(n.Ports, func(p neutron.PortInfo) bool { return strings.EqualFold(p.MAC, mac) })
}
