package cloudtest

import (
	"context"
	"maps"
	"time"

	"hypernova/cloudtest/scenario"
)

// populate makes the project and user "other", and the first content of a cloud, and keeps the ids that tests need.
func (c *Cloud) populate(ctx context.Context) error {
	a, err := c.users.Login(ctx, "admin")
	if err != nil {
		return err
	}
	if err := scenario.AddOther(ctx, a); err != nil {
		return err
	}
	if c.o.content {
		cfg, err := c.config(controller)
		if err != nil {
			return err
		}
		if err := cfg.SeedCloud(ctx, a); err != nil {
			return err
		}
	}
	c.vars, err = scenario.Landmarks(ctx, a)
	return err
}

// Var is an id that every cloud has: image, flavor (m1.nano), network, subnet, admin_project, demo_project,
// other_project.
func (c *Cloud) Var(name string) string { return c.vars[name] }

// Leaks lists what belongs to servers that are gone, or that were never built.
func (c *Cloud) Leaks(ctx context.Context) ([]string, error) {
	a, err := c.users.Login(ctx, "admin")
	if err != nil {
		return nil, err
	}
	return scenario.Leaks(ctx, a, func(ctx context.Context) (map[string][]string, error) {
		guests := map[string][]string{}
		for host, h := range c.hypervisors {
			infos, err := h.Servers(ctx)
			if err != nil {
				return nil, err
			}
			for _, i := range infos {
				guests[host] = append(guests[host], i.ID)
			}
		}
		return guests, nil
	})
}

// Stories is the cloud as stories see it.
func Stories(o scenario.Options) []Option {
	return []Option{Computes(o.Computes), Set(o.Sets...)}
}

// Story makes the cloud fit for scenario.Run.
func (c *Cloud) Story() scenario.Cloud { return story{c} }

type story struct{ *Cloud }

func (s story) Do(ctx context.Context, as string, r scenario.Request) (scenario.Answer, error) {
	return s.users.Request(ctx, as, r)
}

func (s story) Tick(d time.Duration) error {
	s.Cloud.Tick(d)
	return nil
}

func (s story) Vars() map[string]string {
	return maps.Clone(s.vars)
}
