package nova

// Diagnostics are the figures that a hypervisor has of a guest. A nil figure is not known.
type Diagnostics struct {
	Driver, Hypervisor, OS string // OS of the host, such as linux
	CPUs                   []CPUFigures
	NICs                   []NICFigures
	Disks                  []DiskFigures
	MemoryMaxMB            *int64
	MemoryUsedMB           *int64
	// Plain is what the hypervisor itself says, by its own names, such as vda_read_req.
	Plain map[string]int64
}

// CPUFigures are those of one virtual processor. Time is in nanoseconds, Utilisation in percent.
type CPUFigures struct {
	ID                int64
	Time, Utilisation *int64
}

// NICFigures are those of one network interface. Rates are in bytes per second.
type NICFigures struct {
	MAC string
	Rx  *Traffic
	Tx  *Traffic
}

// Traffic is what went through an interface in one direction.
type Traffic struct {
	Octets, Packets, Errors, Drops int64
	Rate                           *int64
}

// DiskFigures are those of one disk.
type DiskFigures struct{ ReadBytes, ReadRequests, WriteBytes, WriteRequests, Errors int64 }
