package app

import (
	"context"
	"net/http"
	"strings"

	"hypernova/oslo/fault"
	"hypernova/oslo/httpc"
)

// regions finds the image service of a region in the catalog that a token has. Identity is asked with that token, so
// that nobody is led where their own catalog does not lead.
func (g *glanceParts) regions() func(ctx context.Context, token, region, iface string) (string, error) {
	p := g.p
	pool := &http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()}
	return func(ctx context.Context, token, region, iface string) (string, error) {
		base := p.c.IdentityURL()
		if p.has(RoleKeystone) {
			base = p.Endpoint(apiKeystone)
		}
		c := httpc.New(httpc.Config{Base: strings.TrimSuffix(strings.TrimRight(base, "/"), "/v3") + "/v3", Name: apiKeystone,
			Tokens: httpc.Static(token), HTTP: pool})
		doc, err := httpc.Do[catalogDocument](ctx, c, httpc.Request{Path: "/auth/catalog"})
		if err != nil {
			return "", err
		}
		for _, s := range doc.Catalog {
			for _, e := range s.Endpoints {
				if s.Type == "image" && strings.EqualFold(e.Region, region) && e.Interface == iface {
					return e.URL, nil
				}
			}
		}
		return "", fault.NotFoundf("%s glance endpoint not found for region %s", iface, region)
	}
}

type catalogDocument struct {
	Catalog []struct {
		Type      string `json:"type"`
		Endpoints []struct {
			Region    string `json:"region"`
			Interface string `json:"interface"`
			URL       string `json:"url"`
		} `json:"endpoints"`
	} `json:"catalog"`
}
