package netdev

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Watch calls stirred soon after any program changed links, static forwarding entries, neighbours or the
// packet filter of the host; several changes may make one call. It blocks until ctx ends. Events may be lost: the
// caller must also look now and then. Changes inside DHCP namespaces cause no event.
func (h *Host) Watch(ctx context.Context, stirred func()) error {
	var route, filter *nl.NetlinkSocket
	err := inside(h.ns, func() (err error) {
		if route, err = nl.Subscribe(unix.NETLINK_ROUTE, unix.RTNLGRP_LINK, unix.RTNLGRP_NEIGH); err != nil {
			return fmt.Errorf("watch links: %w", err)
		}
		if filter, err = nl.Subscribe(unix.NETLINK_NETFILTER, unix.NFNLGRP_NFTABLES); err != nil {
			route.Close()
			return fmt.Errorf("watch the packet filter: %w", err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	ended := make(chan error, 2) // one send of each reader, which must not wait
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for _, s := range []*nl.NetlinkSocket{route, filter} {
		go func() { ended <- hear(ctx, s, stirred) }()
	}
	err = <-ended
	cancel()
	return errors.Join(err, <-ended)
}

// hear reads until ctx ends, and closes the socket.
func hear(ctx context.Context, s *nl.NetlinkSocket, stirred func()) error {
	stop := context.AfterFunc(ctx, s.Close)
	defer func() {
		if stop() {
			s.Close()
		}
	}()
	for {
		msgs, _, err := s.Receive()
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.ENOBUFS): // more happened than the socket could hold
			stirred()
			continue
		case err != nil:
			return err
		}
		for _, m := range msgs {
			if tells(m.Header.Type, m.Data) {
				stirred()
				break
			}
		}
	}
}

// tells leaves out what bridges learn from guests' frames, which is news at a guest's will.
func tells(kind uint16, data []byte) bool {
	const stateAt = 8 // in struct ndmsg
	switch kind {
	case unix.RTM_NEWNEIGH, unix.RTM_DELNEIGH:
		return len(data) >= stateAt+2 && binary.NativeEndian.Uint16(data[stateAt:])&(unix.NUD_PERMANENT|unix.NUD_NOARP) != 0
	case unix.RTM_NEWLINK, unix.RTM_DELLINK, nftables | unix.NFT_MSG_NEWGEN:
		return true
	}
	return false
}
