package app

import (
	"context"

	"hypernova/app/audit"
	"hypernova/placement"
	placementapi "hypernova/placement/api"
	placementclient "hypernova/placement/client"
	"hypernova/placement/resources"
)

// placementParts is placement for this process.
type placementParts struct {
	p    *Process
	made *resources.Service
}

// operations returns placement's operations over its database.
func (l *placementParts) operations(ctx context.Context) (*resources.Service, error) {
	if l.made != nil {
		return l.made, nil
	}
	d, err := l.p.databases.ready(ctx, "placement")
	if err != nil {
		return nil, err
	}
	l.made = resources.New(d, l.p.now)
	return l.made, nil
}

// api is placement as compute calls it: in this process, or over HTTP.
func (l *placementParts) api(ctx context.Context) (placement.API, error) {
	if l.p.has(RolePlacement) {
		return l.operations(ctx)
	}
	return placementclient.New(l.p.keystone.sibling(apiPlacement, "")), nil
}

func buildPlacement(ctx context.Context, p *Process) error {
	s, err := p.placement.operations(ctx)
	if err != nil {
		return err
	}
	if err := p.listeners.listen(ctx, apiPlacement); err != nil {
		return err
	}
	c, err := p.apiConfig(ctx, "placement", apiPlacement)
	if err != nil {
		return err
	}
	return p.serve(ctx, RolePlacement, apiPlacement, placementapi.Handler(c, s))
}

// allocationFacts are the consumers of each node.
func allocationFacts(ctx context.Context, k *checker, f *audit.Facts) error {
	if f.NoNova {
		return nil // there are no nodes to ask about
	}
	pl, err := k.p.placement.operations(ctx)
	if err != nil {
		return err
	}
	for _, n := range f.Nodes {
		if f.Claims[n.ID], err = pl.Consumers(ctx, n.ID); err != nil {
			return err
		}
	}
	return nil
}
