package scenario

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"hypernova/app/rest"
)

// Leaks lists what belongs to servers that are gone, or that were never built: allocations, ports, guests. a is an
// administrator, guests answers what runs on each host.
func Leaks(ctx context.Context, a *rest.Client, guests func(context.Context) (map[string][]string, error)) ([]string,
	error) {
	entitled, err := entitled(ctx, a)
	if err != nil {
		return nil, err
	}
	ports, err := strayPorts(ctx, a, entitled)
	if err != nil {
		return nil, err
	}
	claims, err := strayClaims(ctx, a, entitled)
	if err != nil {
		return nil, err
	}
	out := append(ports, claims...)
	running, err := guests(ctx)
	if err != nil {
		return nil, err
	}
	for host, ids := range running {
		for _, id := range ids {
			if !entitled[id] {
				out = append(out, fmt.Sprintf("guest on %s of server %s", host, id))
			}
		}
	}
	return out, nil
}

// entitled are the servers that may hold something: all that were built. One in ERROR without a host may not.
func entitled(ctx context.Context, a *rest.Client) (map[string]bool, error) {
	var servers struct {
		Servers []struct {
			ID, Status string
			Host       *string `json:"OS-EXT-SRV-ATTR:host"`
		}
	}
	if err := a.Do(ctx, http.MethodGet, "compute", "/servers/detail?all_tenants=1", nil, &servers); err != nil {
		return nil, err
	}
	out := map[string]bool{}
	for _, s := range servers.Servers {
		out[s.ID] = s.Status != "ERROR" || s.Host != nil && *s.Host != ""
	}
	return out, nil
}

func strayPorts(ctx context.Context, a *rest.Client, entitled map[string]bool) ([]string, error) {
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
	return out, nil
}

func strayClaims(ctx context.Context, a *rest.Client, entitled map[string]bool) ([]string, error) {
	var out []string
	var providers struct {
		Providers []struct{ UUID, Name string } `json:"resource_providers"`
	}
	if err := a.Do(ctx, http.MethodGet, "placement", "/resource_providers", nil, &providers); err != nil {
		return nil, err
	}
	for _, p := range providers.Providers {
		var held struct{ Allocations map[string]any }
		if err := a.Do(ctx, http.MethodGet, "placement", "/resource_providers/"+p.UUID+"/allocations", nil,
			&held); err != nil {
			return nil, err
		}
		for consumer := range held.Allocations {
			if !entitled[consumer] {
				out = append(out, fmt.Sprintf("allocation on %s of server %s", p.Name, consumer))
			}
		}
	}
	return out, nil
}
