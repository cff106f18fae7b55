package app

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"

	"hypernova/app/rest"
	"hypernova/oslo/fault"
)

// size is a flavor that a new cloud has. The first two are for small test guests.
type size struct {
	id, name         string
	ram, vcpus, disk int
}

func sizes() []size {
	return []size{{"42", "m1.nano", 128, 1, 1}, {"84", "m1.micro", 256, 1, 1}, {"1", "m1.tiny", 512, 1, 1},
		{"2", "m1.small", 2048, 1, 20},
		{"3", "m1.medium", 4096, 2, 40}, {"4", "m1.large", 8192, 4, 80}}
}

// SeedCloud gives a cloud its first content through its own APIs, as admin: flavors, a demo network that every
// project may use, a guest image. It creates what is missing and leaves alone what is there, so an interrupted run is
// repeated.
func (c *Config) SeedCloud(ctx context.Context, admin *rest.Client) error {
	if err := seedFlavors(ctx, admin); err != nil {
		return err
	}
	if err := c.seedNetwork(ctx, admin); err != nil {
		return err
	}
	return c.seedImage(ctx, admin)
}

func seedFlavors(ctx context.Context, admin *rest.Client) error {
	var have struct{ Flavors []struct{ ID, Name string } }
	if err := admin.Do(ctx, http.MethodGet, "compute", "/flavors?is_public=None", nil, &have); err != nil {
		return err
	}
	taken := map[string]bool{}
	for _, f := range have.Flavors {
		taken[f.ID], taken[f.Name] = true, true
	}
	for _, s := range sizes() {
		if taken[s.id] || taken[s.name] {
			continue
		}
		body := map[string]any{"flavor": map[string]any{"id": s.id, "name": s.name, "ram": s.ram, "vcpus": s.vcpus,
			"disk": s.disk}}
		if err := admin.Do(ctx, http.MethodPost, "compute", "/flavors", body, nil); err != nil &&
			!fault.Is(err, fault.Conflict) {
			return err
		}
	}
	return nil
}

func (c *Config) seedNetwork(ctx context.Context, admin *rest.Client) error {
	var projects struct{ Projects []struct{ ID string } }
	if err := admin.Do(ctx, http.MethodGet, "identity", "/projects?name=demo", nil, &projects); err != nil {
		return err
	}
	if len(projects.Projects) == 0 {
		return fault.NotFoundf("there is no project demo to own the demo network")
	}
	project := projects.Projects[0].ID
	var nets struct {
		Networks []struct {
			ID      string
			Subnets []string
		}
	}
	if err := admin.Do(ctx, http.MethodGet, "network", "/v2.0/networks?name=demo&project_id="+url.QueryEscape(project),
		nil, &nets); err != nil {
		return err
	}
	if len(nets.Networks) == 0 {
		var made struct{ Network struct{ ID string } }
		body := map[string]any{"network": map[string]any{"name": "demo", "project_id": project, "shared": true}}
		if err := admin.Do(ctx, http.MethodPost, "network", "/v2.0/networks", body, &made); err != nil {
			return err
		}
		nets.Networks = append(nets.Networks, struct {
			ID      string
			Subnets []string
		}{ID: made.Network.ID})
	}
	if len(nets.Networks[0].Subnets) > 0 {
		return nil
	}
	version := 4
	if p, err := netip.ParsePrefix(c.Seed.DemoCIDR); err != nil {
		return fault.Invalidf("[bootstrap] demo_cidr: %q is no network such as 10.0.0.0/24", c.Seed.DemoCIDR)
	} else if p.Addr().Is6() {
		version = 6
	}
	subnet := map[string]any{"name": "demo-subnet", "network_id": nets.Networks[0].ID, "project_id": project,
		"ip_version": version, "cidr": c.Seed.DemoCIDR}
	if c.Seed.DemoDNS != "" {
		subnet["dns_nameservers"] = strings.Split(c.Seed.DemoDNS, ",")
	}
	return admin.Do(ctx, http.MethodPost, "network", "/v2.0/subnets", map[string]any{"subnet": subnet}, nil)
}

// seedImage uploads the guest image. With the fake hypervisor nothing reads the data, so a small blob will do.
func (c *Config) seedImage(ctx context.Context, admin *rest.Client) error {
	data, format, err := c.guestImage()
	if data == nil || err != nil {
		return err
	}
	defer data.Close()
	var have struct{ Images []struct{ ID, Status string } }
	if err := admin.Do(ctx, http.MethodGet, "image", "/v2/images?name=guest", nil, &have); err != nil {
		return err
	}
	for _, i := range have.Images {
		if i.Status != "queued" {
			return nil
		}
		// An upload that was cut off leaves a record without data.
		if err := admin.Do(ctx, http.MethodDelete, "image", "/v2/images/"+i.ID, nil, nil); err != nil &&
			!fault.Is(err, fault.NotFound) {
			return err
		}
	}
	var made struct{ ID string }
	body := map[string]any{"name": "guest", "disk_format": format, "container_format": "bare", "visibility": "public"}
	if err := admin.Do(ctx, http.MethodPost, "image", "/v2/images", body, &made); err != nil {
		return err
	}
	return admin.Do(ctx, http.MethodPut, "image", "/v2/images/"+made.ID+"/file", io.Reader(data), nil)
}

// guestImage opens the image to upload; nil where there is none.
func (c *Config) guestImage() (io.ReadCloser, string, error) {
	if c.fakeDriver() {
		return io.NopCloser(bytes.NewReader(make([]byte, 64<<10))), "raw", nil
	}
	if c.Seed.Image == "" {
		return nil, "", nil
	}
	f, err := os.Open(c.Seed.Image)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, "", nil
	case err != nil:
		return nil, "", fault.Invalidf("[bootstrap] image: %s cannot be read", c.Seed.Image).Because(err)
	}
	return f, "qcow2", nil
}
