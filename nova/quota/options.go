package quota

import "hypernova/nova"

// Options are section [quota].
type Options struct {
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

// Limits are what a project may have of compute unless its own quota says otherwise.
func (q Options) Limits() nova.Limits {
	return nova.Limits{Instances: q.Instances, Cores: q.Cores, RAM: q.RAM, MetadataItems: q.Metadata,
		InjectedFiles:            q.Files,
		InjectedFileContentBytes: q.FileBytes, InjectedFilePathBytes: q.PathBytes, KeyPairs: q.KeyPairs,
		ServerGroups:       q.Groups,
		ServerGroupMembers: q.GroupMembers}
}
