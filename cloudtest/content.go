package cloudtest

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"hypernova/app/rest"
)

// admin is the administrator as a client.
func (c *Cloud) admin(ctx context.Context) (*rest.Client, error) {
	l, err := c.login(ctx, "admin")
	return &rest.Client{Token: l.token, Endpoints: l.endpoints}, err
}

// populate makes the project and user "other", and the first content of a cloud, and keeps the ids that tests need.
func (c *Cloud) populate(ctx context.Context) error {
	a, err := c.admin(ctx)
	if err != nil {
		return err
	}
	if err := c.other(ctx, a); err != nil {
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
	return c.remember(ctx, a)
}

func (c *Cloud) other(ctx context.Context, a *rest.Client) error {
	var project struct{ Project struct{ ID string } }
	if err := a.Do(ctx, http.MethodPost, "identity", "/projects", map[string]any{"project": map[string]any{"name": "other"}}, &project); err != nil {
		return err
	}
	var user struct{ User struct{ ID string } }
	if err := a.Do(ctx, http.MethodPost, "identity", "/users", map[string]any{"user": map[string]any{"name": "other", "password": "secret"}}, &user); err != nil {
		return err
	}
	var roles struct{ Roles []struct{ ID string } }
	if err := a.Do(ctx, http.MethodGet, "identity", "/roles?name=member", nil, &roles); err != nil {
		return err
	}
	if len(roles.Roles) == 0 {
		return fmt.Errorf("there is no role member")
	}
	return a.Do(ctx, http.MethodPut, "identity", "/projects/"+project.Project.ID+"/users/"+user.User.ID+"/roles/"+roles.Roles[0].ID, nil, nil)
}

// remember finds the ids that stories begin with: $image, $flavor (m1.nano), $network, $subnet, $admin_project, $demo_project, $other_project.
func (c *Cloud) remember(ctx context.Context, a *rest.Client) error {
	var projects struct{ Projects []struct{ ID, Name string } }
	if err := a.Do(ctx, http.MethodGet, "identity", "/projects", nil, &projects); err != nil {
		return err
	}
	for _, p := range projects.Projects {
		c.vars[p.Name+"_project"] = p.ID
	}
	if !c.o.content {
		return nil
	}
	c.vars["flavor"] = "42"
	var images struct{ Images []struct{ ID string } }
	if err := a.Do(ctx, http.MethodGet, "image", "/v2/images?name=guest", nil, &images); err != nil {
		return err
	}
	var nets struct {
		Networks []struct {
			ID      string
			Subnets []string
		}
	}
	if err := a.Do(ctx, http.MethodGet, "network", "/v2.0/networks?name=demo", nil, &nets); err != nil {
		return err
	}
	if len(images.Images) != 1 || len(nets.Networks) != 1 || len(nets.Networks[0].Subnets) != 1 {
		return fmt.Errorf("first content: %d images, %d networks", len(images.Images), len(nets.Networks))
	}
	c.vars["image"], c.vars["network"], c.vars["subnet"] = images.Images[0].ID, nets.Networks[0].ID, nets.Networks[0].Subnets[0]
	return nil
}

// Var is an id that every cloud has: see remember.
func (c *Cloud) Var(name string) string { return c.vars[name] }

// Leaks lists what belongs to servers that are gone, or that were never built: allocations, ports, guests.
func (c *Cloud) Leaks(ctx context.Context) ([]string, error) {
	a, err := c.admin(ctx)
	if err != nil {
		return nil, err
	}
	var servers struct {
		Servers []struct {
			ID, Status string
			Host       *string `json:"OS-EXT-SRV-ATTR:host"`
		}
	}
	if err := a.Do(ctx, http.MethodGet, "compute", "/servers/detail?all_tenants=1", nil, &servers); err != nil {
		return nil, err
	}
	entitled := map[string]bool{}
	for _, s := range servers.Servers {
		entitled[s.ID] = s.Status != "ERROR" || s.Host != nil && *s.Host != ""
	}
	var out []string
	var ports struct {
		Ports []struct {
			ID          string
			DeviceID    string `json:"device_id"`
			DeviceOwner string `json:"device_owner"`
		}
	}
	if err := a.Do(ctx, http.MethodGet, "network", "/v2.0/ports", nil, &ports); err != nil {
		return nil, err
	}
	for _, p := range ports.Ports {
		if strings.HasPrefix(p.DeviceOwner, "compute:") && !entitled[p.DeviceID] {
			out = append(out, fmt.Sprintf("port %s of server %s", p.ID, p.DeviceID))
		}
	}
	var providers struct {
		Providers []struct{ UUID, Name string } `json:"resource_providers"`
	}
	if err := a.Do(ctx, http.MethodGet, "placement", "/resource_providers", nil, &providers); err != nil {
		return nil, err
	}
	for _, p := range providers.Providers {
		var held struct{ Allocations map[string]any }
		if err := a.Do(ctx, http.MethodGet, "placement", "/resource_providers/"+p.UUID+"/allocations", nil, &held); err != nil {
			return nil, err
		}
		for consumer := range held.Allocations {
			if !entitled[consumer] {
				out = append(out, fmt.Sprintf("allocation on %s of server %s", p.Name, consumer))
			}
		}
	}
	for host, h := range c.hypervisors {
		guests, err := h.Servers(ctx)
		if err != nil {
			return nil, err
		}
		for _, g := range guests {
			if !entitled[g.ID] {
				out = append(out, fmt.Sprintf("guest on %s of server %s", host, g.ID))
			}
		}
	}
	return out, nil
}

// Stories is the cloud as stories see it.
func Stories(o scenario.Options) []Option {
	return []Option{Computes(o.Computes), Set(o.Sets...)}
}

// Story makes the cloud fit for scenario.Run.
func (c *Cloud) Story() scenario.Cloud { return story{c} }

type story struct{ *Cloud }

func (s story) Do(ctx context.Context, as string, r scenario.Request) (scenario.Answer, error) {
	return s.Request(ctx, as, r)
}

func (s story) Vars() map[string]string {
	out := map[string]string{}
	for k, v := range s.vars {
		out[k] = v
	}
	return out
}
