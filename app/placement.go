package app

import (
	"context"

	"hypernova/placement"
	placementapi "hypernova/placement/api"
	placementclient "hypernova/placement/client"
	"hypernova/placement/providers"
	"hypernova/placement/store"
)

// placementVerbs are placement's verbs over its database.
func (p *Process) placementVerbs(ctx context.Context) (*providers.Service, error) {
	if p.parts.placement != nil {
		return p.parts.placement, nil
	}
	d, err := p.database(ctx, "placement")
	if err != nil {
		return nil, err
	}
	if err := p.migrate(ctx, d, "placement", store.Migrations()); err != nil {
		return nil, err
	}
	p.parts.placement = providers.New(d, p.now)
	return p.parts.placement, nil
}

// placement is who keeps inventories and claims.
func (p *Process) placement(ctx context.Context) (placement.API, error) {
	if p.has(RolePlacement) {
		return p.placementVerbs(ctx)
	}
	return placementclient.New(p.sibling(apiPlacement, "")), nil
}

func buildPlacement(ctx context.Context, p *Process) error {
	s, err := p.placementVerbs(ctx)
	if err != nil {
		return err
	}
	if err := p.listen(ctx, apiPlacement); err != nil {
		return err
	}
	c, err := p.apiConfig(ctx, "placement", apiPlacement, placementapi.Rules())
	if err != nil {
		return err
	}
	return p.serve(ctx, RolePlacement, apiPlacement, placementapi.Handler(c, s))
}
