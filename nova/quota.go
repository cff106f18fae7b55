package nova

// Limits are a project's quotas; -1 is unlimited. UserLimits hold for one user within the project where they are set
// (below the project's).
type Limits struct {
	Instances, Cores, RAM                   int64 // RAM in MiB
	MetadataItems                           int64
	InjectedFiles, InjectedFileContentBytes int64
	InjectedFilePathBytes                   int64
	KeyPairs                                int64
	ServerGroups, ServerGroupMembers        int64
	// What networking limits since it is a service of its own: kept for old clients and shown to them, without effect.
	FixedIPs, FloatingIPs, SecurityGroups, SecurityGroupRules int64
}

// Usage is what a project's (or user's) servers hold.
type Usage struct{ Instances, Cores, RAM int64 }
