// Package routers implements the operations on routers, their interfaces, gateways and extra routes, and chooses the
// hosts that carry them. Callers check the policy first; see neutron/api.
package routers

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"time"

	"hypernova/neutron"
	"hypernova/neutron/addresses"
	"hypernova/neutron/change"
	"hypernova/neutron/ports"
	"hypernova/neutron/quota"
	"hypernova/neutron/store"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
	"hypernova/oslo/opt"
)

// Deps are what the operations use.
type Deps struct {
	Change *change.Writer
	Quotas *quota.Quotas
	Ports  *ports.Ports
	Down   time.Duration // an agent without a heartbeat for longer carries no routers
}

// Routers are the operations. A router's row is written by each change of its ports, so that two changes at once are
// never both checked against the same interfaces.
type Routers struct{ Deps }

// New makes them.
func New(d Deps) *Routers { return &Routers{d} }

// Gateway asks for a way to an external network. Without addresses the port gets one of each IP version.
type Gateway struct {
	Network string
	SNAT    opt.Of[bool] // not set: yes
	IPs     []addresses.Wanted
}

// Wanted asks for a router.
type Wanted struct {
	neutron.Meta
	Name              string
	AdminDown         bool
	AvailabilityHints []string
	Gateway           *Gateway // nil: none
}

// Create makes routers, all or none. Faults: OverQuota, and those of the gateway.
func (s *Routers) Create(ctx context.Context, wanted []Wanted) ([]neutron.Router, error) {
	if len(wanted) == 0 {
		return nil, nil
	}
	var out []neutron.Router
	err := s.Change.DoIn(ctx, wanted[0].Project, func(tx *change.Tx) error {
		out = nil
		err := quota.TakeFor(ctx, tx, s.Quotas, quota.Router, wanted, func(w Wanted) string { return w.Project })
		if err != nil {
			return err
		}
		for _, w := range wanted {
			made := neutron.Router{Meta: tx.Stamp(w.Meta, 1), ID: ids.UUID(), Name: w.Name, AdminUp: !w.AdminDown,
				AvailabilityHints: w.AvailabilityHints, SNAT: true}
			if err := store.InsertRouter(ctx, tx, made); err != nil {
				return err
			}
			if w.Gateway != nil {
				if err := s.setGateway(ctx, tx, &made, w.Gateway); err != nil {
					return err
				}
				if made, err = store.UpdateRouter(ctx, tx, made, tx.Now()); err != nil {
					return err
				}
			}
			tx.Router(made)
			out = append(out, made)
		}
		return nil
	})
	return out, err
}

// Show reads a router; fault RouterNotFound.
func (s *Routers) Show(ctx context.Context, id string) (neutron.Router, error) {
	return store.Router(ctx, s.Change.DB, id)
}

// List lists routers.
func (s *Routers) List(ctx context.Context, a db.ListArgs) ([]neutron.Router, error) {
	return store.Routers(ctx, s.Change.DB, a)
}

// Patch is a change of a router. Attributes that are not set stay.
type Patch struct {
	Name, Description opt.Of[string]
	AdminUp           opt.Of[bool]
	Gateway           opt.Of[Gateway] // null: none
	Routes            opt.Of[[]neutron.HostRoute]
	// Reroute makes the extra routes of those that the router has; nil: Routes says them.
	Reroute    func([]neutron.HostRoute) []neutron.HostRoute
	Tags       neutron.TagChange
	IfRevision opt.Of[int64]
}

// Update changes a router. Faults: RouterNotFound, RevisionNumberConstraintFailed, InvalidRoutes, OverQuota for too
// many routes, and those of the gateway.
func (s *Routers) Update(ctx context.Context, id string, p Patch) (neutron.Router, error) {
	var out neutron.Router
	err := s.Change.Do(ctx, func(tx *change.Tx) error {
		was, err := store.Router(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := neutron.CheckRevision(p.IfRevision, was.Revision); err != nil {
			return err
		}
		is := was
		is.Name, is.Description, is.AdminUp = p.Name.Or(is.Name), p.Description.Or(is.Description), p.AdminUp.Or(is.AdminUp)
		if is.Tags, err = p.Tags.Of(is.Tags); err != nil {
			return err
		}
		if p.Reroute != nil {
			p.Routes = opt.Some(p.Reroute(is.Routes))
		}
		if p.Routes.Set {
			is.Routes = p.Routes.Or(nil)
			if err := s.checkRoutes(ctx, tx, is); err != nil {
				return err
			}
		}
		if p.Gateway.Set {
			if err := s.setGateway(ctx, tx, &is, p.Gateway.Ptr()); err != nil {
				return err
			}
		}
		out, err = store.UpdateRouter(ctx, tx, is, tx.Now())
		tx.Router(out)
		return err
	})
	return out, err
}

// Delete deletes a router without interfaces, and its gateway. Faults: RouterNotFound, RevisionNumberConstraintFailed,
// RouterInUse, RouterExternalGatewayInUseByFloatingIp.
func (s *Routers) Delete(ctx context.Context, id string, ifRevision opt.Of[int64]) error {
	return s.Change.Do(ctx, func(tx *change.Tx) error {
		was, err := store.Router(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := neutron.CheckRevision(ifRevision, was.Revision); err != nil {
			return err
		}
		has, err := store.PortsOfRouter(ctx, tx, id)
		if err != nil {
			return err
		}
		var inner []string
		for _, p := range has {
			if p.ID != was.GatewayPort {
				inner = append(inner, p.ID)
			}
		}
		if len(inner) > 0 {
			return fault.Conflictf("Router %s has ports still attached: %s", id, strings.Join(inner, ", ")).
				Coded("RouterInUse")
		}
		if err := s.dropGateway(ctx, tx, &was); err != nil {
			return err
		}
		tx.Router(was)
		return store.DeleteRouter(ctx, tx, id)
	})
}

// subnetsOf reads the subnets that a port has addresses of.
func subnetsOf(ctx context.Context, tx *change.Tx, p neutron.Port) ([]neutron.Subnet, error) {
	var out []neutron.Subnet
	for _, f := range p.FixedIPs {
		if slices.ContainsFunc(out, func(s neutron.Subnet) bool { return s.ID == f.Subnet }) {
			continue
		}
		sub, err := store.Subnet(ctx, tx, f.Subnet)
		if err != nil {
			return nil, err
		}
		out = append(out, sub)
	}
	return out, nil
}

// reach is what a router is connected to: the blocks of its subnets and its own addresses.
func reach(ctx context.Context, tx *change.Tx, ps []neutron.Port) (blocks []netip.Prefix, own []netip.Addr, err error) {
	for _, p := range ps {
		subs, err := subnetsOf(ctx, tx, p)
		if err != nil {
			return nil, nil, err
		}
		for _, sub := range subs {
			blocks = append(blocks, sub.CIDR)
		}
		for _, f := range p.FixedIPs {
			own = append(own, f.IP)
		}
	}
	return blocks, own, nil
}
