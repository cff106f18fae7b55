package libvirt

import (
	"context"
	"strconv"

	wire "github.com/digitalocean/go-libvirt"
	"libvirt.org/go/libvirtxml"

	"hypernova/nova"
	"hypernova/nova/virt"
	"hypernova/oslo/fault"
)

var _ virt.RemoteConsole = (*Driver)(nil)

// remoteConsoles is the part of the driver that knows where consoles listen.
type remoteConsoles struct{ d *Driver }

// ConsoleAddress reads from the running domain's definition which ports libvirt gave to its VNC or SPICE server, or
// QEMU listens on for its first serial port.
func (x remoteConsoles) ConsoleAddress(ctx context.Context, id string, t nova.ConsoleType) (nova.ConsoleAddress,
	error) {
	d := x.d
	if has, err := d.folders.has(id); err != nil {
		return nova.ConsoleAddress{}, err
	} else if !has {
		return nova.ConsoleAddress{}, unknown(id)
	}
	g, err := d.domains.stable(ctx, id)
	if fault.Is(err, fault.NotFound) || err == nil && !g.started() {
		return nova.ConsoleAddress{}, fault.Conflictf("Server %s does not run.", id)
	}
	if err != nil {
		return nova.ConsoleAddress{}, err
	}
	text := ""
	err = d.domains.do(ctx, id, func(lv *wire.Libvirt, dom wire.Domain) error {
		got, err := lv.DomainGetXMLDesc(dom, 0)
		text = got
		return err
	})
	if err != nil {
		return nova.ConsoleAddress{}, err
	}
	var def libvirtxml.Domain
	if err := def.Unmarshal(text); err != nil {
		return nova.ConsoleAddress{}, err
	}
	at := nova.ConsoleAddress{}
	switch t {
	case nova.ConsoleNoVNC:
		at = nova.ConsoleAddress{Host: d.c.VNCProxyClient, Port: vncPort(&def)}
	case nova.ConsoleSPICE, nova.ConsoleSPICEDirect:
		at = spiceAddress(&def, d.c.SPICEProxyClient)
	case nova.ConsoleSerial:
		at = nova.ConsoleAddress{Host: d.c.SerialProxyClient, Port: serialPort(&def)}
	}
	if at.Port <= 0 {
		return nova.ConsoleAddress{}, fault.Invalidf("Server %s has no console of type %s.", id, t).Coded(nova.CodeNoConsole)
	}
	return at, nil
}

func vncPort(x *libvirtxml.Domain) int {
	if x.Devices != nil {
		for _, g := range x.Devices.Graphics {
			if g.VNC != nil {
				return g.VNC.Port
			}
		}
	}
	return 0
}

func spiceAddress(x *libvirtxml.Domain, host string) nova.ConsoleAddress {
	at := nova.ConsoleAddress{Host: host}
	if x.Devices == nil {
		return at
	}
	for _, g := range x.Devices.Graphics {
		if g.Spice != nil {
			at.Port, at.TLSPort = g.Spice.Port, max(g.Spice.TLSPort, 0)
		}
	}
	return at
}

func serialPort(x *libvirtxml.Domain) int {
	if x.Devices == nil {
		return 0
	}
	for _, s := range x.Devices.Serials {
		if s.Source != nil && s.Source.TCP != nil && s.Source.TCP.Mode == "bind" {
			n, err := strconv.Atoi(s.Source.TCP.Service)
			if err == nil {
				return n
			}
		}
	}
	return 0
}
