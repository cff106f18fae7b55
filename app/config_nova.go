package app

import (
	"time"

	"hypernova/nova/virt"
)

// Compute is [compute].
type Compute struct {
	Driver         string        `conf:"compute_driver" default:"libvirt" help:"The hypervisor driver: libvirt, or fake for servers that exist only in memory. OpenStack's libvirt.LibvirtDriver and fake.FakeDriver are understood."`
	InstancesPath  string        `conf:"instances_path" default:"$state_path/instances" help:"The folder of servers' disks."`
	DefaultZone    string        `conf:"default_availability_zone" default:"nova" help:"The availability zone of hosts that are in none."`
	ScheduleZone   string        `conf:"default_schedule_zone" help:"The availability zone of servers that ask for none; empty is any."`
	ReservedMB     int64         `conf:"reserved_host_memory_mb" default:"512" min:"0" help:"Memory that servers do not get, in MiB."`
	ReservedCPUs   int64         `conf:"reserved_host_cpus" default:"0" min:"0" help:"Processors that servers do not get."`
	ReservedDisk   int64         `conf:"reserved_host_disk_mb" default:"0" min:"0" help:"Disk that servers do not get, in MiB."`
	CPURatio       float64       `conf:"initial_cpu_allocation_ratio" default:"4" min:"0" help:"Virtual processors given out per real one, when a host first reports itself."`
	RAMRatio       float64       `conf:"initial_ram_allocation_ratio" default:"1" min:"0" help:"Memory given out per real memory, when a host first reports itself."`
	DiskRatio      float64       `conf:"initial_disk_allocation_ratio" default:"1" min:"0" help:"Disk given out per real disk, when a host first reports itself."`
	VIFTimeout     time.Duration `conf:"vif_plugging_timeout" default:"300" min:"1" help:"How long a build waits for its ports to be wired."`
	VIFFatal       bool          `conf:"vif_plugging_is_fatal" default:"true" help:"Whether a build fails when its ports are not wired in time."`
	Shutdown       time.Duration `conf:"shutdown_timeout" default:"60" min:"1" help:"How long a guest that is stopped may take to go down by itself."`
	MaxBuilds      int           `conf:"max_concurrent_builds" default:"10" min:"0" help:"How many servers a host prepares and starts at once; 0 is any number."`
	Update         time.Duration `conf:"update_resources_interval" default:"60" min:"0.05" help:"How often a host reports what it has."`
	SyncPower      time.Duration `conf:"sync_power_state_interval" default:"600" min:"0.05" help:"How often a host compares what its guests do with what they should."`
	Reap           time.Duration `conf:"running_deleted_instance_poll_interval" default:"1800" min:"0.05" help:"How often a host looks for guests that nobody wants any more."`
	ReapAction     string        `conf:"running_deleted_instance_action" default:"reap" enum:"reap|log" help:"What becomes of guests that nobody wants any more."`
	Resume         bool          `conf:"resume_guests_state_on_host_boot" default:"false" help:"Start guests that should run when the service starts and they do not."`
	RestartCrashed bool          `conf:"restart_crashed_guests" default:"false" help:"Start guests again whose process on the host died or whose kernel crashed, at most three times in ten minutes."`
	WakeHalted     bool          `conf:"resume_halted_guests" default:"true" help:"Have guests go on that were halted because the host's disk was full, when there is room again."`
	MaxConsole     int64         `conf:"max_console_log_mb" default:"16" min:"0" help:"How much disk the console log of a server may take, in MiB, where virtlogd does not bound it: its beginning goes. 0 is no bound."`
	MinFreeDisk    int64         `conf:"min_free_disk_mb" default:"1024" min:"0" help:"How much of the disk below instances_path must be free, in MiB. While less is, the host takes no new servers, removes cached images that no server uses, and does not wake guests that were halted because the disk was full. 0 is never."`
	MetadataSecret string        `conf:"metadata_proxy_shared_secret" secret:"true" help:"The secret by which the metadata service knows the network agents. Empty is allowed only while both are in one process."`
}

// Libvirt is [libvirt].
type Libvirt struct {
	VirtType string `conf:"virt_type" default:"auto" enum:"auto|kvm|qemu" help:"kvm uses hardware virtualisation, qemu does without, auto boots a probe guest to find out what works."`
	URI      string `conf:"connection_uri" default:"qemu:///system" help:"The libvirt daemon."`
	CPUMode  string `conf:"cpu_mode" default:"auto" enum:"auto|none|host-model|host-passthrough|maximum|custom" help:"The processor that guests see."`
	CPUModel string `conf:"cpu_models" help:"The model for cpu_mode custom."`
	Machine  string `conf:"hw_machine_type" default:"q35" help:"The machine that guests see."`
	Kernel   string `conf:"probe_kernel" default:"$state_path/guest-kernel" help:"A kernel to try KVM with; where it is not there, the host's own."`
}

// ImageCache is [image_cache].
type ImageCache struct {
	Interval  time.Duration `conf:"manager_interval" default:"2400" min:"-1" help:"How often a host looks for images that no server of it uses; 0 is every minute, -1 never."`
	Remove    bool          `conf:"remove_unused_base_images" default:"true" help:"Whether a host removes images that no server of it uses."`
	MinAge    time.Duration `conf:"remove_unused_original_minimum_age_seconds" default:"86400" min:"0" help:"For how long no server used an image that is removed for its age."`
	MaxUnused int64         `conf:"max_unused_mb" default:"20480" min:"0" help:"How much disk images that no server uses may take together, in MiB: before another one is fetched the longest unused go. 0 is no bound."`
}

// policy says which images may go.
func (c *ImageCache) policy(minFree int64) virt.CachePolicy {
	if !c.Remove {
		return virt.CachePolicy{MinAge: -1}
	}
	return virt.CachePolicy{MinAge: c.MinAge, MaxUnused: c.MaxUnused << 20, MinFree: minFree}
}

// every is how often the cache is looked at, as a periodic task takes it.
func (c *ImageCache) every() time.Duration {
	if c.Interval == 0 {
		return time.Minute
	}
	return c.Interval
}

// Fake is [fake].
type Fake struct {
	VCPUs    int64         `conf:"vcpus" default:"64" min:"1" help:"Processors of the pretended host."`
	MemoryMB int64         `conf:"memory_mb" default:"262144" min:"1" help:"Its memory, in MiB."`
	DiskGB   int64         `conf:"disk_gb" default:"4096" min:"1" help:"Its disk, in GiB."`
	Dir      string        `conf:"state_dir" default:"$state_path/fake" help:"The folder that remembers its servers; empty forgets them with the process."`
	Delay    time.Duration `conf:"delay" default:"0" min:"0" help:"How long each operation on a server takes."`
	Faults   string        `conf:"faults" help:"What goes wrong, for tests: entries split by ';', such as: spawn server=bad-* fail=no luck; prepare nth=2 slow=3s."`
}

// Conductor is [conductor].
type Conductor struct {
	Workers   int           `conf:"workers" default:"128" min:"1" max:"1024" help:"How many jobs are worked at once; a build that waits for its ports is one."`
	BuildWait time.Duration `conf:"build_wait" default:"600" min:"1" help:"How long a build waits for hosts and services that cannot be reached, before the server is in ERROR."`
	TaskLease time.Duration `conf:"task_lease" default:"15" min:"1" help:"How long the jobs of a conductor that has died wait for another one. It is renewed at a third; a conductor that is halted for longer loses its jobs."`
	CrashAt   string        `conf:"crash_at" help:"For tests: end the process, as a crash would, the nth time that a job reaches a point: claimed, saved, done or ended, and n, such as \"saved 3\"."`
}

// Scheduler is [scheduler].
type Scheduler struct {
	MaxAttempts int `conf:"max_attempts" default:"3" min:"1" max:"100" help:"How many hosts a build tries before the server is in ERROR."`
}

// NovaAPI is [api].
type NovaAPI struct {
	MaxLimit int    `conf:"max_limit" default:"1000" min:"1" help:"The most items one page of a list has."`
	MaxMicro string `conf:"max_microversion" help:"The highest compute microversion that is offered, such as 2.90; empty for the newest."`
	// DHCPDomain is also read by the hosts, whose config drives carry it.
	DHCPDomain string `conf:"dhcp_domain" default:"novalocal" help:"The domain that follows host names in what guests read about themselves; empty leaves them as they are."`
}

// Quota is [quota].
type Quota struct {
	Instances    int64 `conf:"instances" default:"10" min:"-1" help:"Servers."`
	Cores        int64 `conf:"cores" default:"20" min:"-1" help:"Virtual processors."`
	RAM          int64 `conf:"ram" default:"51200" min:"-1" help:"Memory, in MiB."`
	Metadata     int64 `conf:"metadata_items" default:"128" min:"-1" help:"Metadata items of a server."`
	Files        int64 `conf:"injected_files" default:"5" min:"-1" help:"Files injected into a server."`
	FileBytes    int64 `conf:"injected_file_content_bytes" default:"10240" min:"-1" help:"Bytes of an injected file."`
	PathBytes    int64 `conf:"injected_file_path_length" default:"255" min:"-1" help:"Length of an injected file's path."`
	KeyPairs     int64 `conf:"key_pairs" default:"100" min:"-1" help:"Key pairs of a user."`
	Groups       int64 `conf:"server_groups" default:"10" min:"-1" help:"Server groups."`
	GroupMembers int64 `conf:"server_group_members" default:"10" min:"-1" help:"Servers of a server group."`
}
