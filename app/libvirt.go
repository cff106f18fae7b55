package app

import (
	"hypernova/nova/metadata"
	"hypernova/nova/virt"
	"hypernova/nova/virt/libvirt"
	"hypernova/nova/virt/libvirt/domain"
)

func newLibvirt(c hypervisorConfig) (virt.Driver, error) {
	l := c.Libvirt
	l.InstancesPath, l.StateDir = c.Default.InstancesPath, c.Default.StatePath
	l.Hostname, l.HostIP = c.Default.Host, c.Default.MyIP
	l.Owner, l.Version, l.Log, l.Now = c.owner(), c.version, c.log, c.now
	l.VNCListen, l.NoVNC, l.VNCProxyClient = c.VNC.Listen, !c.VNC.Enabled, c.VNC.ProxyClient
	l.SerialProxyClient = c.Serial.Bind
	if s := c.SPICE; s.Enabled {
		l.SPICE = &domain.SPICE{Listen: s.Listen, Agent: s.Agent, Image: s.Image, JPEG: s.JPEG, ZLib: s.ZLib,
			Playback: map[string]string{"true": "on", "false": "off"}[s.Playback], Streaming: s.Streaming, Secure: s.Secure}
		l.SPICEProxyClient = s.ProxyClient
	}
	if c.Serial.Enabled {
		l.SerialPorts = c.Serial.PortRange
	}
	l.Files = metadata.Config{Domain: c.NovaAPI.DHCPDomain}.Files
	l.Cache = c.ImageCache.Policy(c.Default.MinFreeDisk << 20)
	return libvirt.New(l)
}
