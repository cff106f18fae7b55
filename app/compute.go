package app

import (
	"context"
	"net/netip"

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
	d := p.c.Default
	m := compute.New(compute.Config{Host: d.Host, UpdateInterval: d.Update, SyncInterval: d.SyncPower,
		ReapInterval: d.Reap, MaxBuilds: d.MaxBuilds, KeepDeleted: d.ReapAction == "log",
		ResumeGuests: d.Resume, ReservedCPUs: d.ReservedCPUs, ReservedMemoryMB: d.ReservedMB,
		ReservedDiskGB: (d.ReservedDisk + 1023) / 1024,
		RestartCrashed: d.RestartCrashed, WakeHalted: d.WakeHalted, MinFreeDisk: d.MinFreeDisk << 20,
		MaxConsole:         d.MaxConsole << 20,
		ImageCacheInterval: p.c.ImageCache.every(), ImageCache: p.c.ImageCache.policy(d.MinFreeDisk << 20),
		CPURatio: d.CPURatio, RAMRatio: d.RAMRatio, DiskRatio: d.DiskRatio},
		compute.Deps{Driver: driver, Bus: p.bus, Placement: pl, Images: compute.Images(images)})
	p.metrics.Gauge("hypernova_image_cache_bytes", "Disk that cached images take on this host, when it was last looked "+
		"at.",
		func() float64 { all, _ := m.CachedBytes(); return all })
	p.metrics.Gauge("hypernova_image_cache_unused_bytes", "How much of it images take that no server of this host uses.",
		func() float64 { _, unused := m.CachedBytes(); return unused })
	p.services = append(p.services, service.New(m.Manager(), p.bus, compute.Group{Bus: p.bus}, p.serviceOptions()))
	return nil
}

// buildNetAgent puts the network agent of a host together; beside a fake hypervisor it touches nothing.
func buildNetAgent(_ context.Context, p *Process) error {
	secret, err := p.nova.metadataSecret()
	if err != nil {
		return err
	}
	c := agent.Config{Host: p.c.Default.Host, Owner: p.c.owner(), Version: p.o.Version, LocalIP: p.c.NetAgent.LocalIP,
		Poll: p.c.NetAgent.Poll, Heartbeat: p.c.NetAgent.Heartbeat, Down: p.c.Default.AgentDown,
		MetadataURL: p.Endpoint(apiMetadata), MetadataSecret: secret, DNSDomain: p.c.Default.DNSDomain,
		Lease:   p.c.Default.Lease,
		TapUser: p.c.NetAgent.TapUser, TunnelPort: p.c.NetAgent.VXLANPort}
	if !c.LocalIP.IsValid() {
		c.LocalIP, _ = netip.ParseAddr(p.c.Default.MyIP) // checked with the configuration
	}
	start := agent.New
	if p.c.fakeDriver() {
		start = agent.NewFake
	}
	p.services = append(p.services, start(c, p.bus, p.serviceOptions(), p.o.Log))
	return nil
}

func newFake(c hypervisorConfig) (virt.Driver, error) {
	faults, err := fake.ParseFaults(c.Fake.Faults)
	if err != nil {
		return nil, fault.Invalidf("[fake] faults: %v", err)
	}
	return fake.New(fake.Config{Hostname: c.Default.Host, HostIP: c.Default.MyIP, VCPUs: c.Fake.VCPUs,
		MemoryMB: c.Fake.MemoryMB, DiskGB: c.Fake.DiskGB,
		Dir: c.Fake.Dir, Delay: c.Fake.Delay, Faults: faults, Now: c.now}), nil
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
