package libvirt

import (
	"context"
	"errors"
	"fmt"

	wire "github.com/digitalocean/go-libvirt"
	"libvirt.org/go/libvirtxml"

	"hypernova/nova"
	"hypernova/nova/virt"
	"hypernova/oslo/fault"
)

var (
	_ virt.PasswordSetter = (*Driver)(nil)
	_ virt.Interrupter    = (*Driver)(nil)
	_ virt.Diagnoser      = (*Driver)(nil)
)

// guests is the part of the driver that talks to guests.
type guests struct{ d *Driver }

// SetPassword asks the QEMU guest agent. fault.Conflict where the image does not say that there is one.
func (x guests) SetPassword(ctx context.Context, s *nova.Spec, password string) error {
	wishes := s.Image.Wishes()
	if wishes["hw_qemu_guest_agent"] != "yes" {
		return fault.Conflictf("QEMU guest agent is not enabled").Coded(nova.CodeNoAgent)
	}
	user := wishes["os_admin_user"]
	switch {
	case user != "":
	case wishes["os_type"] == "windows":
		user = "Administrator"
	default:
		user = "root"
	}
	err := x.d.whileStarted(ctx, s.ID, func(lv *wire.Libvirt, dom wire.Domain, _ guest) error {
		return lv.DomainSetUserPassword(dom, wire.OptString{user}, wire.OptString{password}, 0)
	})
	var le wire.Error
	if errors.As(err, &le) && wire.ErrorNumber(le.Code) == wire.ErrAgentUnresponsive {
		return fault.New(fault.NotImplemented, "The guest agent of server %s does not answer.", s.ID).Because(err)
	}
	if errors.As(err, &le) && fault.Is(err, fault.Conflict) { // the guest runs; its agent refused
		return fault.New(fault.Internal, "The guest agent of server %s refused: %s", s.ID, le.Message).Because(err)
	}
	return err
}

// InjectNMI injects a non-maskable interrupt into all virtual processors.
func (x guests) InjectNMI(ctx context.Context, id string) error {
	return x.d.whileStarted(ctx, id, func(lv *wire.Libvirt, dom wire.Domain, _ guest) error {
		return lv.DomainInjectNmi(dom, 0)
	})
}

// memoryTags are the names of libvirt's memory statistics.
var memoryTags = map[int32]string{0: "swap_in", 1: "swap_out", 2: "major_fault", 3: "minor_fault", 4: "unused",
	5: "available", 6: "actual", 7: "rss", 8: "usable", 9: "last_update", 10: "disk_caches", 11: "hugetlb_pgalloc",
	12: "hugetlb_pgfail"}

// Diagnose reads libvirt's counters. Counters of a guest that does not run are left out.
func (x guests) Diagnose(ctx context.Context, s *nova.Spec) (nova.Diagnostics, error) {
	if has, err := x.d.folders.has(s.ID); err != nil || !has {
		return nova.Diagnostics{}, errors.Join(err, unknown(s.ID))
	}
	accel, _ := x.d.Accelerator()
	ram := int64(s.Flavor.RAM)
	empty := nova.Diagnostics{Driver: "libvirt", Hypervisor: accel, OS: "linux", MemoryMaxMB: &ram,
		Plain: map[string]int64{"memory": ram << 10}}
	read := make(chan nova.Diagnostics, 1) // a call that was given up may still send
	err := x.d.domains.do(ctx, s.ID, func(lv *wire.Libvirt, dom wire.Domain) error {
		out := empty
		out.Plain = map[string]int64{}
		if err := measure(lv, dom, &out); err != nil {
			return err
		}
		read <- out
		return nil
	})
	if fault.Is(err, fault.NotFound) { // it was never started
		return empty, nil
	}
	if err != nil {
		return nova.Diagnostics{}, err
	}
	return <-read, nil
}

func measure(lv *wire.Libvirt, dom wire.Domain, out *nova.Diagnostics) error {
	_, most, now, _, _, err := lv.DomainGetInfo(dom)
	if err != nil {
		return err
	}
	mostMB, nowMB := int64(most>>10), int64(now>>10)
	out.MemoryMaxMB, out.MemoryUsedMB, out.Plain["memory"] = &mostMB, &nowMB, int64(most)
	text, err := lv.DomainGetXMLDesc(dom, 0)
	if err != nil {
		return err
	}
	var x libvirtxml.Domain
	if err := x.Unmarshal(text); err != nil {
		return err
	}
	// Of a guest that does not run libvirt refuses each of these figures; then it is left out.
	if cpus, _, err := lv.DomainGetVcpus(dom, 1<<10, 0); err == nil {
		for _, c := range cpus {
			spent := int64(c.CPUTime)
			out.CPUs = append(out.CPUs, nova.CPUFigures{ID: int64(c.Number), Time: &spent})
			out.Plain[fmt.Sprintf("cpu%d_time", c.Number)] = spent
		}
	}
	if x.Devices != nil {
		measureDevices(lv, dom, x.Devices, out)
	}
	if stats, err := lv.DomainMemoryStats(dom, uint32(len(memoryTags)), 0); err == nil {
		for _, m := range stats {
			if name := memoryTags[m.Tag]; name != "" {
				out.Plain["memory-"+name] = int64(m.Val)
			}
		}
	}
	return nil
}

func measureDevices(lv *wire.Libvirt, dom wire.Domain, devices *libvirtxml.DomainDeviceList, out *nova.Diagnostics) {
	put := func(device string, figures map[string]int64) {
		for name, n := range figures {
			out.Plain[device+"_"+name] = n
		}
	}
	for _, k := range devices.Disks {
		if k.Target == nil {
			continue
		}
		readReq, read, writeReq, wrote, bad, err := lv.DomainBlockStats(dom, k.Target.Dev)
		if err != nil {
			continue
		}
		out.Disks = append(out.Disks, nova.DiskFigures{ReadBytes: read, ReadRequests: readReq, WriteBytes: wrote,
			WriteRequests: writeReq, Errors: bad})
		put(k.Target.Dev, map[string]int64{"read_req": readReq, "read": read, "write_req": writeReq, "write": wrote,
			"errors": bad})
	}
	for _, n := range devices.Interfaces {
		if n.Target == nil || n.MAC == nil {
			continue
		}
		rx, rxPackets, rxBad, rxDrop, tx, txPackets, txBad, txDrop, err := lv.DomainInterfaceStats(dom, n.Target.Dev)
		if err != nil {
			continue
		}
		out.NICs = append(out.NICs, nova.NICFigures{MAC: n.MAC.Address,
			Rx: &nova.Traffic{Octets: rx, Packets: rxPackets, Errors: rxBad, Drops: rxDrop},
			Tx: &nova.Traffic{Octets: tx, Packets: txPackets, Errors: txBad, Drops: txDrop}})
		put(n.Target.Dev, map[string]int64{"rx": rx, "rx_packets": rxPackets, "rx_errors": rxBad, "rx_drop": rxDrop,
			"tx": tx, "tx_packets": txPackets, "tx_errors": txBad, "tx_drop": txDrop})
	}
}
