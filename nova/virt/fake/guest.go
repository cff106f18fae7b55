package fake

import (
	"context"

	"hypernova/nova"
	"hypernova/nova/virt"
	"hypernova/oslo/fault"
)

// This driver's guests take passwords and interrupts, and are measured.
var (
	_ virt.PasswordSetter = (*Driver)(nil)
	_ virt.Interrupter    = (*Driver)(nil)
	_ virt.Diagnoser      = (*Driver)(nil)

	_ virt.InterfacePlugger = (*Driver)(nil)
)

// guests is the part of the driver that talks to guests.
type guests struct{ d *Driver }

// SetPassword reaches a running guest always; nothing keeps the password.
func (x guests) SetPassword(ctx context.Context, s *nova.Spec, _ string) error {
	return x.d.do(ctx, "password", s.ID, s.Name, func(plan) error { return x.d.whileRunning(ctx, s.ID, nil) })
}

// InjectNMI writes to the console what Linux says to an interrupt that it does not expect.
func (x guests) InjectNMI(ctx context.Context, id string) error {
	return x.d.do(ctx, "nmi", id, "", func(plan) error {
		return x.d.whileRunning(ctx, id, func(r *record) {
			r.Log += "[  100.000000] Uhhuh. NMI received for unknown reason 30 on CPU 0.\n"
		})
	})
}

func (x guests) whileRunning(ctx context.Context, id string, f func(*record)) error {
	if _, err := x.d.settled(ctx, id); err != nil {
		return err
	}
	return x.d.altered(id, func(r *record) error {
		if r.Power != nova.Running && r.Power != nova.PowerPaused {
			return fault.Conflictf("Server %s does not run.", id)
		}
		if f != nil {
			f(r)
		}
		return nil
	})
}

// Diagnose returns figures that do not change.
func (x guests) Diagnose(ctx context.Context, s *nova.Spec) (nova.Diagnostics, error) {
	if _, err := x.d.enter(ctx, "diagnose", s.ID+" "+s.Name, 0); err != nil {
		return nova.Diagnostics{}, err
	}
	x.d.mu.Lock()
	defer x.d.mu.Unlock()
	r, err := x.d.find(s.ID)
	if err != nil {
		return nova.Diagnostics{}, err
	}
	out := nova.Diagnostics{Driver: "libvirt", Hypervisor: "fake", OS: "linux", Plain: map[string]int64{"memory": 1024 *
		int64(r.RAM)}}
	ram, busy := int64(r.RAM), int64(17_300_000_000)
	out.MemoryMaxMB = &ram
	if r.Power != nova.Running && r.Power != nova.PowerPaused {
		return out, nil
	}
	out.MemoryUsedMB = &ram
	for i := range int64(r.VCPUs) {
		out.CPUs = append(out.CPUs, nova.CPUFigures{ID: i, Time: &busy})
	}
	out.Plain["cpu0_time"] = busy
	out.Disks = []nova.DiskFigures{{ReadBytes: 262144, ReadRequests: 112, WriteBytes: 5778432, WriteRequests: 488}}
	for name, n := range map[string]int64{"read": 262144, "read_req": 112, "write": 5778432, "write_req": 488,
		"errors": 0} {
		out.Plain["vda_"+name] = n
	}
	for _, p := range s.Ports {
		out.NICs = append(out.NICs, nova.NICFigures{MAC: p.MAC, Rx: &nova.Traffic{Octets: 2070139, Packets: 26701},
			Tx: &nova.Traffic{Octets: 140208, Packets: 662}})
		for name, n := range map[string]int64{"rx": 2070139, "rx_packets": 26701, "rx_errors": 0, "rx_drop": 0,
			"tx": 140208, "tx_packets": 662, "tx_errors": 0, "tx_drop": 0} {
			out.Plain[p.Device+"_"+name] = n
		}
	}
	return out, nil
}
