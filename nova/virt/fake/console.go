package fake

import (
	"context"
	"fmt"
	"strings"

	"hypernova/nova"
	"hypernova/nova/virt"
)

// bootLog is what the guest image prints when it boots, so that what reads consoles can be tried without a guest.
func bootLog(s *nova.Spec) string {
	var b strings.Builder
	fmt.Fprintf(&b, "[    0.000000] Linux version 6.1.0 (fake hypervisor)\n")
	fmt.Fprintf(&b, "[    0.120000] smpboot: %d CPUs, %d MiB of memory\n", s.Flavor.VCPUs, s.Flavor.RAM)
	for i, p := range s.Ports {
		for _, ip := range p.FixedIPs {
			fmt.Fprintf(&b, "guest: eth%d %s address %s\n", i, p.MAC, ip.IP)
		}
	}
	fmt.Fprintf(&b, "guest: instance-id %s\nguest: hostname %s\n", s.ID, s.Hostname)
	if s.PublicKey != "" {
		fmt.Fprintf(&b, "guest: ssh keys 1 (%s)\n", s.KeyName)
	}
	fmt.Fprintf(&b, "guest: ready\n\n%s login: \n", s.Hostname)
	return b.String()
}

// Uptime is how long this pretended host has been there; nobody is logged in, and it is never busy.
func (d *Driver) Uptime(context.Context) (string, error) {
	now := d.c.Now()
	return virt.UptimeText(now, now.Sub(d.made), 0, [3]float64{}), nil
}
