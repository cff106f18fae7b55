// Package quota implements the quotas of compute: defaults, quota classes, and limits of projects and users.
package quota

import (
	"context"

	"hypernova/nova"
	"hypernova/nova/store"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

// DefaultClass is the quota class whose limits replace the configured defaults.
const DefaultClass = "default"

// Names of the resources, as the API and the tables have them.
const (
	Instances          = "instances"
	Cores              = "cores"
	RAM                = "ram"
	MetadataItems      = "metadata_items"
	InjectedFiles      = "injected_files"
	InjectedFileBytes  = "injected_file_content_bytes"
	InjectedPathBytes  = "injected_file_path_bytes"
	KeyPairs           = "key_pairs"
	ServerGroups       = "server_groups"
	ServerGroupMembers = "server_group_members"
	FixedIPs           = "fixed_ips"
	FloatingIPs        = "floating_ips"
	SecurityGroups     = "security_groups"
	SecurityGroupRules = "security_group_rules"
)

// Fields returns a pointer to each limit by the name of its resource.
func Fields(l *nova.Limits) map[string]*int64 {
	return map[string]*int64{Instances: &l.Instances, Cores: &l.Cores, RAM: &l.RAM, MetadataItems: &l.MetadataItems,
		InjectedFiles: &l.InjectedFiles, InjectedFileBytes: &l.InjectedFileContentBytes,
		InjectedPathBytes: &l.InjectedFilePathBytes,
		KeyPairs:          &l.KeyPairs, ServerGroups: &l.ServerGroups, ServerGroupMembers: &l.ServerGroupMembers,
		FixedIPs: &l.FixedIPs, FloatingIPs: &l.FloatingIPs, SecurityGroups: &l.SecurityGroups,
		SecurityGroupRules: &l.SecurityGroupRules}
}

// Quotas implements the operations; New makes it. Its methods may be called concurrently.
type Quotas struct {
	db       *db.DB
	defaults nova.Limits
}

// New makes Quotas with the configured defaults. Limits of networking are unlimited here.
func New(d *db.DB, defaults nova.Limits) *Quotas {
	defaults.FixedIPs, defaults.FloatingIPs, defaults.SecurityGroups, defaults.SecurityGroupRules = -1, -1, -1, -1
	return &Quotas{d, defaults}
}

// Limits returns the limits in force for a project, or with user for that user in the project.
func (q *Quotas) Limits(ctx context.Context, project, user string) (nova.Limits, error) {
	l, err := q.Class(ctx, DefaultClass)
	if err != nil {
		return l, err
	}
	if err := q.apply(ctx, q.db, &l, project, ""); err != nil || user == "" {
		return l, err
	}
	return l, q.apply(ctx, q.db, &l, project, user)
}

func (q *Quotas) apply(ctx context.Context, on db.Querier, l *nova.Limits, project, user string) error {
	set, err := store.Quotas(ctx, on, project, user)
	overlay(l, set)
	return err
}

func overlay(l *nova.Limits, set map[string]int64) {
	for name, field := range Fields(l) {
		if v, ok := set[name]; ok {
			*field = v
		}
	}
}

// Class returns the limits of a quota class; only the default class has an effect.
func (q *Quotas) Class(ctx context.Context, class string) (nova.Limits, error) {
	l := q.defaults
	set, err := store.ClassQuotas(ctx, q.db, class)
	overlay(&l, set)
	return l, err
}

// SetClass sets limits of a class.
func (q *Quotas) SetClass(ctx context.Context, class string, values map[string]int64) error {
	return q.db.Tx(ctx, func(tx *db.Tx) error { return store.SetClassQuotas(ctx, tx, class, values) })
}

// Usage counts servers, cores and memory in use.
func (q *Quotas) Usage(ctx context.Context, project, user string) (nova.Usage, error) {
	return store.Usage(ctx, q.db, project, user)
}

// ServerGroups returns how many server groups a project has, or one user of it.
func (q *Quotas) ServerGroups(ctx context.Context, project, user string) (int64, error) {
	return store.CountServerGroups(ctx, q.db, project, user)
}

// Set sets limits of a project, or of a user in it. Faults: Invalid, unless forced, for a limit below the usage and for
// a user's limit above the project's.
func (q *Quotas) Set(ctx context.Context, project, user string, values map[string]int64, force bool) error {
	limits, err := q.Limits(ctx, project, "")
	if err != nil {
		return err
	}
	used, err := q.Usage(ctx, project, user)
	if err != nil {
		return err
	}
	groups, err := q.ServerGroups(ctx, project, user)
	if err != nil {
		return err
	}
	inUse := map[string]int64{Instances: used.Instances, Cores: used.Cores, RAM: used.RAM, ServerGroups: groups}
	fields := Fields(&limits)
	for name, v := range values {
		if !force && user != "" && *fields[name] >= 0 && (v < 0 || v > *fields[name]) {
			return fault.Invalidf("Quota limit %d for %s must be less than or equal to %d.", v, name, *fields[name])
		}
		if !force && v >= 0 && v < inUse[name] {
			return fault.Invalidf("Quota limit %d for %s must be greater than or equal to already used and reserved %d.", v,
				name, inUse[name])
		}
	}
	return q.db.Tx(ctx, func(tx *db.Tx) error { return store.SetQuotas(ctx, tx, project, user, values) })
}

// Delete resets limits to the defaults: of one user, or without user of the project and all its users.
func (q *Quotas) Delete(ctx context.Context, project, user string) error {
	return store.DeleteQuotas(ctx, q.db, project, user)
}
