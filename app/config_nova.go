package app

import (
	"time"
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
	ShelvedOffload int           `conf:"shelved_offload_time" default:"0" min:"-1" help:"How many seconds a shelved server stays on its host; 0: it is taken from it at once, -1: never."`
	ShelvedPoll    time.Duration `conf:"shelved_poll_interval" default:"3600" min:"0.05" help:"How often shelved servers are looked for that have been on their hosts for long enough."`
	MaxBuilds      int           `conf:"max_concurrent_builds" default:"10" min:"0" help:"How many servers a host prepares and starts at once; 0 is any number."`
	Update         time.Duration `conf:"update_resources_interval" default:"60" min:"0.05" help:"How often a host reports what it has."`
	SyncPower      time.Duration `conf:"sync_power_state_interval" default:"600" min:"0.05" help:"How often a host compares what its guests do with what they should."`
	Reap           time.Duration `conf:"running_deleted_instance_poll_interval" default:"1800" min:"0.05" help:"How often a host looks for guests that nobody wants any more."`
	ReapAction     string        `conf:"running_deleted_instance_action" default:"reap" enum:"reap|log" help:"What becomes of guests that nobody wants any more."`
	Resume         bool          `conf:"resume_guests_state_on_host_boot" default:"false" help:"Start guests that should run when the service starts and they do not."`
	ReclaimAfter   time.Duration `conf:"reclaim_instance_interval" default:"0" min:"0" help:"How long a deleted server can be restored; 0 deletes at once. A number alone is in seconds."`
	LocalDevices   int           `conf:"max_local_block_devices" default:"3" min:"-1" help:"How many disks of a server its host makes at most: the boot disk, ephemeral disks and a swap disk; -1 for no limit."`
	NotInherited   []string      `conf:"non_inheritable_image_properties" default:"cache_in_nova,bittorrent" help:"Properties of a server's image that snapshots of the server do not have; those of its signature never have it."`
	RestartCrashed bool          `conf:"restart_crashed_guests" default:"false" help:"Start guests again whose process on the host died or whose kernel crashed, at most three times in ten minutes."`
	WakeHalted     bool          `conf:"resume_halted_guests" default:"true" help:"Have guests go on that were halted because the host's disk was full, when there is room again."`
	MaxConsole     int64         `conf:"max_console_log_mb" default:"16" min:"0" help:"How much disk the console log of a server may take, in MiB, where virtlogd does not bound it: its beginning goes. 0 is no bound."`
	MinFreeDisk    int64         `conf:"min_free_disk_mb" default:"1024" min:"0" help:"How much of the disk below instances_path must be free, in MiB. While less is, the host takes no new servers, removes cached images that no server uses, and does not wake guests that were halted because the disk was full. 0 is never."`
	MetadataSecret string        `conf:"metadata_proxy_shared_secret" secret:"true" help:"The secret by which the metadata service knows the network agents. Empty is allowed only while both are in one process."`
}
