package app

import (
	"hypernova/nova/metadata"
	"hypernova/nova/virt"
	"hypernova/nova/virt/libvirt"
)

func newLibvirt(c hypervisorConfig) (virt.Driver, error) {
	l := c.Libvirt
	return libvirt.New(libvirt.Config{URI: l.URI, InstancesPath: c.Default.InstancesPath, StateDir: c.Default.StatePath,
		Hostname: c.Default.Host,
		HostIP:   c.Default.MyIP, Owner: c.owner(), VirtType: l.VirtType, CPUMode: l.CPUMode, CPUModel: l.CPUModel,
		Machine: l.Machine, ProbeKernel: l.Kernel,
		Version: c.version, Files: metadata.Config{Domain: c.NovaAPI.DHCPDomain}.Files, Log: c.log, Now: c.now,
		Cache: c.ImageCache.policy(c.Default.MinFreeDisk << 20)})
}
