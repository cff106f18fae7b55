// Package quota limits the resources of projects. Limits hold because resources are counted in the transaction that
// adds to it, and writes are serializable; there is no usage record that could drift.
package quota

import (
	"context"
	"slices"
	"strings"

	"hypernova/neutron"
	"hypernova/neutron/store"
	"hypernova/oslo/conf"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

// Names of limited resources.
const (
	Network           = "network"
	Subnet            = "subnet"
	Port              = "port"
	SubnetPool        = "subnetpool"
	AddressScope      = "address_scope"
	FloatingIP        = "floatingip"
	Router            = "router"
	RouterRoute       = "router_route" // of one router, not of a project
	SecurityGroup     = "security_group"
	SecurityGroupRule = "security_group_rule"
)

// Config is the section [quotas]: the limits of projects that have none of their own; -1 is unlimited.
type Config struct {
	Network           int `conf:"quota_network" default:"100" min:"-1" help:"Number of networks allowed per project; -1 is unlimited."`
	Subnet            int `conf:"quota_subnet" default:"100" min:"-1" help:"Number of subnets allowed per project; -1 is unlimited."`
	Port              int `conf:"quota_port" default:"500" min:"-1" help:"Number of ports allowed per project; -1 is unlimited."`
	SubnetPool        int `conf:"quota_subnetpool" default:"-1" min:"-1" help:"Number of subnet pools allowed per project; -1 is unlimited."`
	AddressScope      int `conf:"quota_address_scope" default:"-1" min:"-1" help:"Number of address scopes allowed per project; -1 is unlimited."`
	FloatingIP        int `conf:"quota_floatingip" default:"50" min:"-1" help:"Number of floating IPs allowed per project; -1 is unlimited."`
	Router            int `conf:"quota_router" default:"10" min:"-1" help:"Number of routers allowed per project; -1 is unlimited."`
	RouterRoute       int `conf:"quota_router_route" default:"30" min:"-1" help:"Number of extra routes allowed per router; -1 is unlimited."`
	SecurityGroup     int `conf:"quota_security_group" default:"10" min:"-1" help:"Number of security groups allowed per project; -1 is unlimited."`
	SecurityGroupRule int `conf:"quota_security_group_rule" default:"100" min:"-1" help:"Number of security group rules allowed per project; -1 is unlimited."`
}

// Defaults are the declared limits.
func Defaults() Config { return conf.Defaults[Config]() }

// Resources are the limited resources in the order of the API.
func Resources() []string {
	return []string{Network, Subnet, SubnetPool, AddressScope, Port, Router, FloatingIP, RouterRoute, SecurityGroup,
		SecurityGroupRule}
}

// Quotas answers and changes limits.
type Quotas struct {
	db       *db.DB
	defaults map[string]int64
}

// New makes the quotas of a database.
func New(d *db.DB, c Config) *Quotas {
	return &Quotas{db: d, defaults: map[string]int64{Network: int64(c.Network), Subnet: int64(c.Subnet),
		SubnetPool: int64(c.SubnetPool), AddressScope: int64(c.AddressScope), Port: int64(c.Port),
		FloatingIP: int64(c.FloatingIP), Router: int64(c.Router), RouterRoute: int64(c.RouterRoute),
		SecurityGroup: int64(c.SecurityGroup), SecurityGroupRule: int64(c.SecurityGroupRule)}}
}

// Set is a limit and what is used of it, by resource.
type Set struct {
	Project string
	Limits  map[string]int64
	Used    map[string]int64 // only from Detail
}

// Default are the limits of a project that has none of its own.
func (q *Quotas) Default(project string) Set {
	s := Set{Project: project, Limits: map[string]int64{}}
	for r, n := range q.defaults {
		s.Limits[r] = n
	}
	return s
}

// Show are the limits in force for a project.
func (q *Quotas) Show(ctx context.Context, project string) (Set, error) {
	return q.show(ctx, q.db, project)
}

// ShowIn is Show in the caller's transaction.
func (q *Quotas) ShowIn(ctx context.Context, on db.Querier, project string) (Set, error) {
	return q.show(ctx, on, project)
}

func (q *Quotas) show(ctx context.Context, on db.Querier, project string) (Set, error) {
	s := q.Default(project)
	own, err := store.Limits(ctx, on, project)
	for _, l := range own {
		s.Limits[l.Resource] = l.Limit
	}
	return s, err
}

// Detail are the limits in force with what is used.
func (q *Quotas) Detail(ctx context.Context, project string) (Set, error) {
	s, err := q.Show(ctx, project)
	if err != nil {
		return s, err
	}
	s.Used = map[string]int64{}
	for _, r := range Resources() {
		if s.Used[r], err = store.Usage(ctx, q.db, project, r); err != nil {
			return s, err
		}
	}
	return s, nil
}

// List are the limits of all projects that have some of their own.
func (q *Quotas) List(ctx context.Context) ([]Set, error) {
	own, err := store.AllLimits(ctx, q.db)
	if err != nil {
		return nil, err
	}
	var out []Set
	for _, l := range own {
		if len(out) == 0 || out[len(out)-1].Project != l.Project {
			out = append(out, q.Default(l.Project))
		}
		out[len(out)-1].Limits[l.Resource] = l.Limit
	}
	return out, nil
}

// Update changes some of a project's limits. A limit below what is used is allowed: it stops growth, nothing else.
func (q *Quotas) Update(ctx context.Context, project string, limits map[string]int64) (Set, error) {
	var s Set
	err := q.db.Tx(ctx, func(tx *db.Tx) error {
		for r, n := range limits {
			if _, ok := q.defaults[r]; !ok {
				return neutron.BadInput("'%s' is not a resource with a quota", r)
			}
			if n < -1 {
				return neutron.BadInput("Quota limit %d for %s must be greater than or equal to -1", n, r)
			}
			if err := store.SetLimit(ctx, tx, store.Limit{Project: project, Resource: r, Limit: n}); err != nil {
				return err
			}
		}
		var err error
		s, err = q.show(ctx, tx, project)
		return err
	})
	return s, err
}

// Delete makes a project's limits the default ones again; fault TenantQuotaNotFound where it has none of its own.
func (q *Quotas) Delete(ctx context.Context, project string) error {
	n, err := store.DropLimits(ctx, q.db, project)
	if err == nil && n == 0 {
		return fault.NotFoundf("Quota for tenant %s could not be found.", project).Coded("TenantQuotaNotFound")
	}
	return err
}

// Free is how many more of a resource the project may have; -1 is unlimited.
func (q *Quotas) Free(ctx context.Context, on db.Querier, project, resource string) (int, error) {
	s, err := q.show(ctx, on, project)
	if err != nil {
		return 0, err
	}
	limit := s.Limits[resource]
	if limit < 0 {
		return -1, nil
	}
	used, err := store.Usage(ctx, on, project, resource)
	return int(max(0, limit-used)), err
}

// TakeFor is Take for one resource and a list of new ones, of which project returns the owner. It is a function so
// that each package passes its own type.
func TakeFor[T any](ctx context.Context, on db.Querier, q *Quotas, resource string, wanted []T,
	project func(T) string) error {
	want := map[string]int{}
	for _, w := range wanted {
		want[project(w)]++
	}
	for p, n := range want {
		if err := q.Take(ctx, on, p, map[string]int{resource: n}); err != nil {
			return err
		}
	}
	return nil
}

// Take makes sure, inside the transaction that adds them, that the project may have n more of each resource: fault
// OverQuota.
func (q *Quotas) Take(ctx context.Context, on db.Querier, project string, want map[string]int) error {
	var over []string
	for _, r := range Resources() {
		if want[r] == 0 {
			continue
		}
		free, err := q.Free(ctx, on, project, r)
		if err != nil {
			return err
		}
		if free >= 0 && free < want[r] {
			over = append(over, r)
		}
	}
	if len(over) == 0 {
		return nil
	}
	slices.Sort(over)
	return fault.OverQuotaf("Quota exceeded for resources: ['%s'].", strings.Join(over, "', '")).Coded("OverQuota")
}
