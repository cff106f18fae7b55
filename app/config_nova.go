package app

// Conductor is [conductor].
type Conductor struct {
	Workers int `conf:"workers" default:"16" min:"1" max:"1024" help:"How many jobs are worked at once."`
}

// Compute is [compute].
type Compute struct {
	MaxBuilds int `conf:"max_concurrent_builds" default:"10" min:"1" max:"1000" help:"How many servers a host builds at once."`
}

// Libvirt is [libvirt].
type Libvirt struct {
	VirtType string `conf:"virt_type" default:"auto" enum:"auto|kvm|qemu" help:"kvm uses hardware virtualisation, qemu does without, auto boots a probe guest to find out what works."`
	URI      string `conf:"connection_uri" default:"qemu:///system" help:"The libvirt daemon."`
}

// Scheduler is [scheduler].
type Scheduler struct {
	MaxAttempts int `conf:"max_attempts" default:"3" min:"1" max:"100" help:"How many hosts a build tries before the server is in ERROR."`
}

// Filter is [filter_scheduler].
type Filter struct {
	Enabled    []string `conf:"enabled_filters" help:"The filters that a host must pass, in this order."`
	SubsetSize int      `conf:"host_subset_size" default:"1" min:"1" help:"A host is picked at random among this many of the best."`
}

// NovaAPI is [api].
type NovaAPI struct {
	MaxLimit int    `conf:"max_limit" default:"1000" min:"1" help:"The most items one page of a list has."`
	MaxMicro string `conf:"max_microversion" help:"The highest microversion that is offered, such as 2.90; empty for the newest."`
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
