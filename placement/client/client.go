// Package client is the client of placement, over HTTP.
package client

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"hypernova/oslo/clock"
	"hypernova/oslo/fault"
	"hypernova/oslo/httpc"
	"hypernova/oslo/ids"
	"hypernova/placement"
)

// version is the microversion this client speaks.
const version = "placement 1.39"

// Client is a client of placement, which may be OpenStack's own. Of Hypernova's it reads provider states over internal
// routes, with one request for what changed since the last one. Elsewhere it reads them over the Placement API, with
// five requests for each provider. It is safe for concurrent use.
type Client struct {
	http         *httpc.Client
	now          clock.Now
	foreignSince atomic.Pointer[time.Time]

	following chan struct{} // has an element while a caller uses copied
	copied    *copied
}

var _ placement.API = (*Client)(nil)

// New returns a client. h's base is placement's address; its tokens are the calling service's own.
func New(h *httpc.Client) *Client {
	return &Client{http: h, now: clock.Real, following: make(chan struct{}, 1)}
}

func do[Out any](ctx context.Context, c *Client, method, path string, query url.Values, body any) (Out, error) {
	return httpc.Do[Out](ctx, c.http, httpc.Request{Method: method, Path: path, Query: query, Body: body,
		Header: http.Header{"Openstack-Api-Version": {version}}})
}

type none struct{}

type provider struct {
	UUID       string  `json:"uuid"`
	Name       string  `json:"name"`
	Generation int64   `json:"generation,omitempty"`
	Parent     *string `json:"parent_provider_uuid,omitempty"`
	Root       string  `json:"root_provider_uuid,omitempty"`
}

func (p provider) value() placement.Provider {
	v := placement.Provider{ID: p.UUID, Name: p.Name, Root: p.Root, Generation: p.Generation}
	if p.Parent != nil {
		v.Parent = *p.Parent
	}
	return v
}

func path(id string, below ...string) string {
	return strings.Join(append([]string{"/resource_providers/" + url.PathEscape(id)}, below...), "/")
}

// EnsureProvider creates the provider or returns the existing one of that id; its name is updated.
func (c *Client) EnsureProvider(ctx context.Context, p placement.Provider) (placement.Provider, error) {
	have, err := do[provider](ctx, c, http.MethodGet, path(p.ID), nil, nil)
	if fault.Is(err, fault.NotFound) {
		body := map[string]any{"uuid": p.ID, "name": p.Name}
		if p.Parent != "" {
			body["parent_provider_uuid"] = p.Parent
		}
		made, err := do[provider](ctx, c, http.MethodPost, "/resource_providers", nil, body)
		if !fault.Is(err, fault.Conflict) {
			return made.value(), err
		}
		taken := err
		if have, err = do[provider](ctx, c, http.MethodGet, path(p.ID), nil, nil); err != nil { // the name is another's
			return placement.Provider{}, taken
		}
	} else if err != nil {
		return placement.Provider{}, err
	}
	v := have.value()
	if v.Name == p.Name && (p.Parent == "" || p.Parent == v.Parent) {
		return v, nil
	}
	body := map[string]any{"name": p.Name}
	if p.Parent != "" {
		body["parent_provider_uuid"] = p.Parent
	}
	changed, err := do[provider](ctx, c, http.MethodPut, path(p.ID), nil, body)
	return changed.value(), err
}

type inventory struct {
	Total    int64   `json:"total"`
	Reserved int64   `json:"reserved"`
	MinUnit  int64   `json:"min_unit"`
	MaxUnit  int64   `json:"max_unit"`
	StepSize int64   `json:"step_size"`
	Ratio    float64 `json:"allocation_ratio"`
}

func (i inventory) value() placement.Inventory {
	return placement.Inventory{Total: i.Total, Reserved: i.Reserved, MinUnit: i.MinUnit, MaxUnit: i.MaxUnit,
		StepSize: i.StepSize, AllocationRatio: i.Ratio}
}

type inventories struct {
	Generation  int64                `json:"resource_provider_generation"`
	Inventories map[string]inventory `json:"inventories"`
}

type traits struct {
	Generation int64    `json:"resource_provider_generation"`
	Traits     []string `json:"traits"`
}

type aggregates struct {
	Generation int64    `json:"resource_provider_generation"`
	Aggregates []string `json:"aggregates"`
}

type usages struct {
	Generation int64               `json:"resource_provider_generation"`
	Usages     placement.Resources `json:"usages"`
}

// rereads is how often a state is read again because it changed between its parts.
const rereads = 5

// State is one provider with inventories, usages, traits and aggregates; fault.NotFound. Its parts are of one
// generation, unless the provider changes faster than it can be read.
func (c *Client) State(ctx context.Context, id string) (placement.ProviderState, error) {
	if ids.IsUUID(id) && !c.foreign() {
		s, err := do[state](ctx, c, http.MethodGet, "/hypernova/providers/"+url.PathEscape(id), nil, nil)
		if err == nil {
			return *s.value(), nil
		}
		if !c.noRoute(err) {
			return placement.ProviderState{}, err
		}
	}
	return c.stateByParts(ctx, id)
}

// stateByParts is State over the Placement API.
func (c *Client) stateByParts(ctx context.Context, id string) (placement.ProviderState, error) {
	for n := 0; ; n++ {
		p, err := do[provider](ctx, c, http.MethodGet, path(id), nil, nil)
		if err != nil {
			return placement.ProviderState{}, err
		}
		s, same, err := c.parts(ctx, p.value())
		if err != nil || same || n == rereads {
			return s, err
		}
	}
}

// parts reads what belongs to p, and says whether all was of p's generation.
func (c *Client) parts(ctx context.Context, p placement.Provider) (placement.ProviderState, bool, error) {
	s := placement.ProviderState{Provider: p, Inventories: map[string]placement.Inventory{}}
	inv, err := do[inventories](ctx, c, http.MethodGet, path(p.ID, "inventories"), nil, nil)
	if err != nil {
		return s, false, err
	}
	for class, i := range inv.Inventories {
		s.Inventories[class] = i.value()
	}
	t, err := do[traits](ctx, c, http.MethodGet, path(p.ID, "traits"), nil, nil)
	if err != nil {
		return s, false, err
	}
	a, err := do[aggregates](ctx, c, http.MethodGet, path(p.ID, "aggregates"), nil, nil)
	if err != nil {
		return s, false, err
	}
	u, err := do[usages](ctx, c, http.MethodGet, path(p.ID, "usages"), nil, nil)
	if err != nil {
		return s, false, err
	}
	s.Traits, s.Aggregates, s.Used = t.Traits, a.Aggregates, u.Usages
	g := p.Generation
	return s, inv.Generation == g && t.Generation == g && a.Generation == g && u.Generation == g, nil
}

// readers bounds how many providers are read at a time.
const readers = 16

// States returns the state of every root provider, ordered by id.
func (c *Client) States(ctx context.Context) ([]placement.ProviderState, error) {
	have, err := c.follow(ctx)
	if err != nil {
		return nil, err
	}
	if have != nil {
		out := make([]placement.ProviderState, 0, len(have.sorted))
		for _, p := range have.sorted {
			if p.Parent == "" {
				out = append(out, *p)
			}
		}
		return out, nil
	}
	list, err := do[struct {
		Providers []provider `json:"resource_providers"`
	}](ctx, c, http.MethodGet, "/resource_providers", nil, nil)
	if err != nil {
		return nil, err
	}
	var roots []string
	for _, p := range list.Providers {
		if p.Parent == nil {
			roots = append(roots, p.UUID)
		}
	}
	slices.Sort(roots)
	return c.all(ctx, roots)
}

// SetInventories replaces all that the provider offers.
func (c *Client) SetInventories(
	ctx context.Context,
	id string,
	generation int64,
	inv map[string]placement.Inventory,
) (int64, error) {
	body := inventories{generation, map[string]inventory{}}
	for class, i := range inv {
		body.Inventories[class] = inventory{i.Total, i.Reserved, i.MinUnit, i.MaxUnit, i.StepSize, i.AllocationRatio}
	}
	out, err := do[inventories](ctx, c, http.MethodPut, path(id, "inventories"), nil, body)
	return out.Generation, err
}

// SetTraits replaces the provider's traits.
func (c *Client) SetTraits(ctx context.Context, id string, generation int64, names []string) (int64, error) {
	out, err := do[traits](ctx, c, http.MethodPut, path(id, "traits"), nil, traits{generation, unique(names)})
	return out.Generation, err
}

// SetAggregates replaces the provider's aggregates.
func (c *Client) SetAggregates(ctx context.Context, id string, generation int64, names []string) (int64, error) {
	out, err := do[aggregates](ctx, c, http.MethodPut, path(id, "aggregates"), nil, aggregates{generation, unique(names)})
	return out.Generation, err
}

func unique(names []string) []string {
	out := slices.Compact(slices.Sorted(slices.Values(names)))
	if out == nil {
		return []string{}
	}
	return out
}

// DeleteProvider is fault.Conflict while anything is allocated on it; absent is no error.
func (c *Client) DeleteProvider(ctx context.Context, id string) error {
	return absentIsFine(do[none](ctx, c, http.MethodDelete, path(id), nil, nil))
}

func absentIsFine(_ none, err error) error {
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	return err
}

// query writes a request in the form of 1.39.
func query(r placement.CandidatesRequest) url.Values {
	q := url.Values{}
	for suffix, g := range r.Groups {
		var res []string
		for class, n := range g.Resources {
			res = append(res, class+":"+strconv.FormatInt(n, 10))
		}
		if len(res) > 0 {
			q.Set("resources"+suffix, strings.Join(res, ","))
		}
		for _, any := range g.Required {
			q.Add("required"+suffix, "in:"+strings.Join(any, ","))
		}
		for _, not := range g.Forbidden {
			q.Add("required"+suffix, "!"+not)
		}
		for _, any := range g.MemberOf {
			q.Add("member_of"+suffix, "in:"+strings.Join(any, ","))
		}
		for _, not := range g.ForbiddenAggregates {
			q.Add("member_of"+suffix, "!"+not)
		}
		if g.InTree != "" {
			q.Set("in_tree"+suffix, g.InTree)
		}
	}
	if r.GroupPolicy != "" {
		q.Set("group_policy", r.GroupPolicy)
	}
	for _, set := range r.SameSubtree {
		q.Add("same_subtree", strings.Join(set, ","))
	}
	root := slices.Clone(r.RootRequired)
	for _, not := range r.RootForbidden {
		root = append(root, "!"+not)
	}
	if len(root) > 0 {
		q.Set("root_required", strings.Join(root, ","))
	}
	if r.Limit > 0 {
		q.Set("limit", strconv.Itoa(r.Limit))
	}
	return q
}
