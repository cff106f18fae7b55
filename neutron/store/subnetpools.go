package store

import (
	"context"
	"net/netip"
	"time"

	"hypernova/neutron"
	"hypernova/oslo/db"
)

type scopeRow struct {
	metaRow
	ID       string `db:"id" list:"id"`
	Audience string `db:"audience"` // "*" if all projects may see it, else the project
	Name     string `db:"name" list:"name"`
	Shared   bool   `db:"shared" list:"shared"`
	Version  int64  `db:"ip_version,once" list:"ip_version"`
}

func (r scopeRow) resource() neutron.AddressScope {
	return neutron.AddressScope{Meta: r.metaRow.resource(), ID: r.ID, Name: r.Name, Shared: r.Shared,
		Version: int(r.Version)}
}

func scopeRowOf(s neutron.AddressScope) scopeRow {
	return scopeRow{metaRow: metaRowOf(s.Meta), ID: s.ID, Audience: audience(s.Project, s.Shared), Name: s.Name,
		Shared: s.Shared, Version: int64(s.Version)}
}

// audience is who may see a resource: "*" for all projects.
func audience(project string, shared bool) string {
	if shared {
		return "*"
	}
	return project
}

type subnetPoolRow struct {
	metaRow
	ID        string                  `db:"id" list:"id"`
	Audience  string                  `db:"audience"`
	Name      string                  `db:"name" list:"name"`
	Shared    bool                    `db:"shared,once" list:"shared"`
	Default   bool                    `db:"is_default" list:"is_default"`
	Version   int64                   `db:"ip_version,once" list:"ip_version"`
	Prefixes  db.JSON[[]netip.Prefix] `db:"prefixes"`
	DefaultPL int64                   `db:"default_prefixlen" list:"default_prefixlen"`
	MinPL     int64                   `db:"min_prefixlen" list:"min_prefixlen"`
	MaxPL     int64                   `db:"max_prefixlen" list:"max_prefixlen"`
	Quota     *int64                  `db:"default_quota" list:"default_quota"`
	Scope     string                  `db:"address_scope_id" list:"address_scope_id"`
}

func (r subnetPoolRow) resource() neutron.SubnetPool {
	return neutron.SubnetPool{Meta: r.metaRow.resource(), ID: r.ID, Name: r.Name, Shared: r.Shared, Default: r.Default,
		Version: int(r.Version), Prefixes: r.Prefixes.V, DefaultBits: int(r.DefaultPL), MinBits: int(r.MinPL),
		MaxBits: int(r.MaxPL), Quota: r.Quota, Scope: r.Scope}
}

func subnetPoolRowOf(p neutron.SubnetPool) subnetPoolRow {
	return subnetPoolRow{metaRow: metaRowOf(p.Meta), ID: p.ID, Audience: audience(p.Project, p.Shared), Name: p.Name,
		Shared: p.Shared, Default: p.Default, Version: int64(p.Version), Prefixes: list(p.Prefixes),
		DefaultPL: int64(p.DefaultBits), MinPL: int64(p.MinBits), MaxPL: int64(p.MaxBits), Quota: p.Quota, Scope: p.Scope}
}

var (
	scopes      = db.NewTable[scopeRow](Stmts, "address_scopes", "id")
	scopeUpdate = scopes.Update("")
	scopeDelete = scopes.Delete("")
	// served by address_scopes_audience, address_scopes_project or the primary key
	scopeList = db.NewList[scopeRow](Stmts, "SELECT "+scopes.Columns("s")+"\nFROM address_scopes s",
		listColumns(scopes.ListColumns("s"), map[string]string{"audience": "s.audience NOT NULL"}), "s.id")

	subnetPools      = db.NewTable[subnetPoolRow](Stmts, "subnetpools", "id")
	subnetPoolUpdate = subnetPools.Update("")
	subnetPoolDelete = subnetPools.Delete("")
	// served by subnetpools_audience, subnetpools_project or the primary key
	subnetPoolList = db.NewList[subnetPoolRow](Stmts, "SELECT "+subnetPools.Columns("p")+"\nFROM subnetpools p",
		listColumns(subnetPools.ListColumns("p"), map[string]string{"audience": "p.audience NOT NULL"}), "p.id")
	subnetPoolsOfScope = subnetPools.Query("address_scope_id = ?\nORDER BY id") // subnetpools_scope
	subnetPoolsDefault = subnetPools.Query("is_default = ? AND ip_version = ?\nORDER BY id")

	subnetsOfPool = db.NewQuery[subnetRead](Stmts, subnetSelect+`
WHERE s.subnetpool_id = ? ORDER BY s.created_at, s.id`)  // subnets_pool
	subnetIntoPool = db.NewExec(Stmts, `UPDATE subnets SET subnetpool_id = ? WHERE id = ?`)
	networkScope4  = db.NewExec(Stmts, `UPDATE networks SET ipv4_address_scope = ? WHERE id = ?`)
	networkScope6  = db.NewExec(Stmts, `UPDATE networks SET ipv6_address_scope = ? WHERE id = ?`)
)

// InsertAddressScope writes a new address scope.
func InsertAddressScope(ctx context.Context, on db.Querier, s neutron.AddressScope) error {
	return scopes.Insert(ctx, on, scopeRowOf(s))
}

// AddressScope reads one address scope; fault AddressScopeNotFound.
func AddressScope(ctx context.Context, on db.Querier, id string) (neutron.AddressScope, error) {
	return one("AddressScope", id, scopeRow.resource)(scopes.Get(ctx, on, id))
}

// UpdateAddressScope writes an address scope; see UpdateNetwork.
func UpdateAddressScope(ctx context.Context, on db.Querier, s neutron.AddressScope,
	now time.Time) (neutron.AddressScope, error) {
	r := scopeRowOf(s)
	r.metaRow = r.touched(now)
	_, err := scopeUpdate.Do(ctx, on, r)
	s.Meta = r.metaRow.resource()
	return s, err
}

// DeleteAddressScope removes the row; no pool may refer to it.
func DeleteAddressScope(ctx context.Context, on db.Querier, id string) error {
	_, err := scopeDelete.Do(ctx, on, id)
	return err
}

// AddressScopes lists address scopes.
func AddressScopes(ctx context.Context, on db.Querier, a db.ListArgs) ([]neutron.AddressScope, error) {
	return page(ctx, on, scopeList, a, scopeRow.resource)
}

// InsertSubnetPool writes a new subnet pool.
func InsertSubnetPool(ctx context.Context, on db.Querier, p neutron.SubnetPool) error {
	return subnetPools.Insert(ctx, on, subnetPoolRowOf(p))
}

// SubnetPool reads one subnet pool; fault SubnetPoolNotFound.
func SubnetPool(ctx context.Context, on db.Querier, id string) (neutron.SubnetPool, error) {
	return one("SubnetPool", id, subnetPoolRow.resource)(subnetPools.Get(ctx, on, id))
}

// UpdateSubnetPool writes a subnet pool; see UpdateNetwork.
func UpdateSubnetPool(ctx context.Context, on db.Querier, p neutron.SubnetPool,
	now time.Time) (neutron.SubnetPool, error) {
	r := subnetPoolRowOf(p)
	r.metaRow = r.touched(now)
	_, err := subnetPoolUpdate.Do(ctx, on, r)
	p.Meta = r.metaRow.resource()
	return p, err
}

// DeleteSubnetPool removes the row; no subnet may be of it.
func DeleteSubnetPool(ctx context.Context, on db.Querier, id string) error {
	_, err := subnetPoolDelete.Do(ctx, on, id)
	return err
}

// SubnetPools lists subnet pools.
func SubnetPools(ctx context.Context, on db.Querier, a db.ListArgs) ([]neutron.SubnetPool, error) {
	return page(ctx, on, subnetPoolList, a, subnetPoolRow.resource)
}

// SubnetPoolsOfScope are the pools of an address scope.
func SubnetPoolsOfScope(ctx context.Context, on db.Querier, scope string) ([]neutron.SubnetPool, error) {
	rows, err := subnetPoolsOfScope.All(ctx, on, scope)
	return resources(rows, subnetPoolRow.resource), err
}

// DefaultSubnetPools are the default pools of an IP version: one, or none.
func DefaultSubnetPools(ctx context.Context, on db.Querier, version int) ([]neutron.SubnetPool, error) {
	rows, err := subnetPoolsDefault.All(ctx, on, true, int64(version))
	return resources(rows, subnetPoolRow.resource), err
}

// SubnetsOfPool are the subnets of a pool, in order of creation.
func SubnetsOfPool(ctx context.Context, on db.Querier, pool string) ([]neutron.Subnet, error) {
	rows, err := subnetsOfPool.All(ctx, on, pool)
	return resources(rows, subnetRead.resource), err
}

// MoveSubnet makes a subnet one of a pool.
func MoveSubnet(ctx context.Context, on db.Querier, subnet, pool string) error {
	_, err := subnetIntoPool.Do(ctx, on, pool, subnet)
	return err
}

// SetNetworkScope writes the address scope that a network's subnets of an IP version have; empty: none.
func SetNetworkScope(ctx context.Context, on db.Querier, network string, version int, scope string) error {
	set := networkScope4
	if version == 6 {
		set = networkScope6
	}
	_, err := set.Do(ctx, on, scope, network)
	return err
}
