package libvirt

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"sync"

	"hypernova/oslo/fault"
)

// serialPorts gives each guest that starts a port of the host for its serial console. Ports are taken in turn, so that
// guests that start at the same time get different ones.
type serialPorts struct {
	address     string
	first, last int // 0: guests have no serial console but its log

	mu   sync.Mutex
	next int
}

// setRange reads "first:last"; fault.Invalid.
func (p *serialPorts) setRange(text string) error {
	if text == "" {
		return nil
	}
	if n, err := fmt.Sscanf(text, "%d:%d", &p.first, &p.last); err != nil || n != 2 || p.first < 1 || p.last < p.first ||
		p.last > 65535 {
		return fault.Invalidf("[serial_console] port_range: %q is not of the form 10000:20000", text)
	}
	p.next = p.first
	return nil
}

// take returns a port on which nothing listens; 0 if guests have no serial console. fault.Conflict if all are taken.
func (p *serialPorts) take(ctx context.Context) (int, error) {
	if p.first == 0 {
		return 0, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for range p.last - p.first + 1 {
		port := p.next
		if p.next++; p.next > p.last {
			p.next = p.first
		}
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(p.address, strconv.Itoa(port)))
		if err == nil {
			return port, l.Close()
		}
	}
	return 0, fault.Conflictf("All ports of [serial_console] port_range %d:%d are taken.", p.first, p.last)
}
