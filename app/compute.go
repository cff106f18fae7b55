package app

import (
	"context"
	"net/netip"

	"hypernova/glance"
	"hypernova/neutron/agent"
	"hypernova/nova/compute"
	"hypernova/nova/virt"
	"hypernova/nova/virt/fake"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
	"hypernova/oslo/service"
)

// buildCompute puts the agent of a host together. It has no database: what it must know comes by message.
func buildCompute(ctx context.Context, p *Process) error {
	driver := p.o.Hypervisor
	if driver == nil {
		var err error
		if driver, err = hypervisors().New("hypervisor", driverName(p.c.Default.Driver),
			hypervisorConfig{p.c, p.o.Version, p.o.Log, p.now}); err != nil {
			return fault.Invalidf("[DEFAULT] compute_driver: %v", err)
		}
	}
	pl, err := p.placement.api(ctx)
	if err != nil {
		return err
	}
	images, err := p.glance.api(ctx)
	if err != nil {
		return err
	}
	snapshots, err := p.glance.snapshots(ctx)
	if err != nil {
		return err
	}
	d := p.c.Default
	m := compute.New(compute.Config{Host: d.Host, UpdateInterval: d.Update, SyncInterval: d.SyncPower,
		ReapInterval: d.Reap, MaxBuilds: d.MaxBuilds, KeepDeleted: d.ReapAction == "log",
		ResumeGuests: d.Resume, ReservedCPUs: d.ReservedCPUs, ReservedMemoryMB: d.ReservedMB,
		ReservedDiskGB: (d.ReservedDisk + 1023) / 1024,
		RestartCrashed: d.RestartCrashed, WakeHalted: d.WakeHalted, MinFreeDisk: d.MinFreeDisk << 20,
		MaxConsole:         d.MaxConsole << 20,
		Consoles:           p.consoleURLs(),
		ImageCacheInterval: p.c.ImageCache.Every(), ImageCache: p.c.ImageCache.Policy(d.MinFreeDisk << 20),
		CPURatio: d.CPURatio, RAMRatio: d.RAMRatio, DiskRatio: d.DiskRatio},
		compute.Deps{Driver: driver, Bus: p.bus, Placement: pl, Images: compute.Images(images),
			Store: struct {
				glance.API
				glance.Writer
			}{images, snapshots}})
	p.metrics.Gauge("hypernova_image_cache_bytes", "Disk that cached images take on this host, when it was last looked "+
		"at.",
		func() float64 { all, _ := m.CachedBytes(); return all })
	p.metrics.Gauge("hypernova_image_cache_unused_bytes", "How much of it images take that no server of this host uses.",
		func() float64 { _, unused := m.CachedBytes(); return unused })
	p.services = append(p.services, service.New(m.Manager(), service.Deps{Bus: p.bus, Group: compute.Group{Bus: p.bus}},
		p.serviceOptions()))
	return nil
}

// buildNetAgent puts the network agent of a host together; beside a fake hypervisor it touches nothing.
func buildNetAgent(_ context.Context, p *Process) error {
	secret, err := p.nova.metadataSecret()
	if err != nil {
		return err
	}
	c := p.c.NetAgent
	c.Host, c.Owner, c.Version, c.Down = p.c.Default.Host, p.c.owner(), p.o.Version, p.c.Default.AgentDown
	c.MetadataURL, c.MetadataSecret = p.Endpoint(apiMetadata), secret
	c.Physical = p.c.LinuxBridge
	c.DNSDomain, c.Lease = p.c.Default.DNSDomain, p.c.Default.Lease
	if !c.LocalIP.IsValid() {
		c.LocalIP, _ = netip.ParseAddr(p.c.Default.MyIP) // checked with the configuration
	}
	start := agent.New
	if p.c.fakeDriver() {
		start = agent.NewFake
	}
	p.services = append(p.services, start(c, agent.Deps{Bus: p.bus, Service: p.serviceOptions(), Log: p.o.Log}))
	return nil
}

func newFake(c hypervisorConfig) (virt.Driver, error) {
	f := c.Fake
	var err error
	if f.Faults, err = fake.ParseFaults(f.FaultText); err != nil {
		return nil, fault.Invalidf("[fake] faults: %v", err)
	}
	f.Hostname, f.HostIP, f.Now = c.Default.Host, c.Default.MyIP, c.now
	return fake.New(f), nil
}

// metadataSecret is what the metadata service knows the agents of this cloud by. Without one in the configuration it
// lives in this process, which then has to have both.
func (n *novaParts) metadataSecret() (string, error) {
	p := n.p
	if p.c.Default.MetadataSecret != "" {
		return p.c.Default.MetadataSecret, nil
	}
	if both := p.has(RoleNovaAPI) && p.has(RoleNetAgent); !both && !p.c.fakeDriver() {
		return "", fault.Invalidf("[DEFAULT] metadata_proxy_shared_secret must be set, to the same on all hosts, where " +
			"nova-api and neutron-agent are different processes")
	}
	if n.secret == "" {
		n.secret = ids.Hex()
	}
	return n.secret, nil
}
