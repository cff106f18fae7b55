package dhcp

import (
	"context"
	"errors"
	"log/slog"
	"net"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"hypernova/neutron"
)

// Port is the UDP port that requests come to.
const Port = dhcpv4.ServerPort

// Socket receives requests on one network and sends answers by MAC.
type Socket interface {
	ReadFrom(b []byte) (int, net.Addr, error)
	SendTo(mac net.HardwareAddr, packet []byte) error
	Close() error
}

// Serve answers until ctx ends or the socket is closed. network gives the state of the moment, for each request anew.
func Serve(ctx context.Context, s Socket, network func() neutron.HostNetwork, c Config, log *slog.Logger) error {
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
		req, err := dhcpv4.FromBytes(buf[:n])
		if err != nil || len(req.ClientHWAddr) != 6 {
			continue // guests may send anything
		}
		reply, err := Reply(req, network(), c)
		if err != nil || reply == nil {
			continue
		}
		mac, ip := destination(reply)
		if err := s.SendTo(mac, packet(reply.ServerIdentifier(), ip, reply.ToBytes())); err != nil {
			log.Warn("dhcp answer not sent", "mac", mac.String(), "err", err)
			continue
		}
		log.Info("dhcp", "answer", reply.MessageType().String(), "mac", req.ClientHWAddr.String(), "ip", reply.YourIPAddr.String())
	}
}
