package client

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"sync"

	"hypernova/oslo/fault"
	"hypernova/placement"
)

// all reads the states of several providers, a few at a time. One that is gone meanwhile is left out.
func (c *Client) all(ctx context.Context, ids []string) ([]placement.ProviderState, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	states := make([]*placement.ProviderState, len(ids))
	var mu sync.Mutex
	var failed error
	var wg sync.WaitGroup
	turns := make(chan struct{}, readers) // bounds those at work
	for i, id := range ids {
		turns <- struct{}{}
		wg.Go(func() {
			defer func() { <-turns }()
			s, err := c.stateByParts(ctx, id)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				states[i] = &s
			case !fault.Is(err, fault.NotFound) && failed == nil:
				failed = err
				cancel()
			}
		})
	}
	wg.Wait()
	if failed != nil {
		return nil, failed
	}
	out := make([]placement.ProviderState, 0, len(ids))
	for _, s := range states {
		if s != nil {
			out = append(out, *s)
		}
	}
	return out, nil
}

type share struct {
	Resources placement.Resources `json:"resources"`
}

// Candidates searches; a class or trait that does not exist is fault.Invalid.
func (c *Client) Candidates(ctx context.Context, r placement.CandidatesRequest) (placement.Candidates, error) {
	type capacity struct {
		Capacity int64 `json:"capacity"`
		Used     int64 `json:"used"`
	}
	found, err := do[struct {
		Requests []struct {
			Allocations map[string]share    `json:"allocations"`
			Mappings    map[string][]string `json:"mappings"`
		} `json:"allocation_requests"`
		Summaries map[string]struct {
			Resources map[string]capacity `json:"resources"`
		} `json:"provider_summaries"`
	}](ctx, c, http.MethodGet, "/allocation_candidates", query(r), nil)
	if err != nil {
		return placement.Candidates{}, err
	}
	out := placement.Candidates{Providers: map[string]placement.ProviderState{}}
	for _, q := range found.Requests {
		cand := placement.Candidate{Allocations: map[string]placement.Resources{}, Mappings: q.Mappings}
		for id, s := range q.Allocations {
			cand.Allocations[id] = s.Resources
		}
		out.Requests = append(out.Requests, cand)
	}
	have, err := c.follow(ctx)
	if err != nil {
		return placement.Candidates{}, err
	}
	if have != nil {
		for id := range found.Summaries {
			if p := have.byID[id]; p != nil { // nil: deleted meanwhile
				out.Providers[id] = *p
			}
		}
		return out, nil
	}
	ids := make([]string, 0, len(found.Summaries))
	for id := range found.Summaries {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	states, err := c.all(ctx, ids) // the summaries do not tell inventories and aggregates
	if err != nil {
		return placement.Candidates{}, err
	}
	for _, s := range states {
		out.Providers[s.ID] = s
	}
	return out, nil
}

// Claim writes all of a consumer's allocations at once.
func (c *Client) Claim(ctx context.Context, a placement.Allocation) error {
	err := c.put(ctx, a)
	f := fault.Of(err)
	if f == nil || a.Generation != nil || f.Kind != fault.Conflict || f.Code != placement.CodeConcurrent {
		return err
	}
	have, herr := c.Allocations(ctx, a.Consumer)
	if herr == nil && have.Generation != nil && have.Holds(a) {
		return nil // it was done before, by a caller that did not live to hear of it
	}
	return err
}

func (c *Client) put(ctx context.Context, a placement.Allocation) error {
	held := map[string]share{}
	for id, r := range a.Providers {
		held[id] = share{r}
	}
	kind := a.Type
	if kind == "" {
		kind = "INSTANCE"
	}
	_, err := do[none](ctx, c, http.MethodPut, "/allocations/"+url.PathEscape(a.Consumer), nil, map[string]any{
		"allocations": held, "project_id": a.Project, "user_id": a.User, "consumer_generation": a.Generation,
		"consumer_type": kind})
	return err
}

// Allocations of a consumer; an unknown consumer has none, and a nil Generation.
func (c *Client) Allocations(ctx context.Context, consumer string) (placement.Allocation, error) {
	got, err := do[struct {
		Allocations map[string]share `json:"allocations"`
		Project     string           `json:"project_id"`
		User        string           `json:"user_id"`
		Generation  *int64           `json:"consumer_generation"`
		Type        string           `json:"consumer_type"`
	}](ctx, c, http.MethodGet, "/allocations/"+url.PathEscape(consumer), nil, nil)
	if err != nil {
		return placement.Allocation{}, err
	}
	a := placement.Allocation{
		Consumer:   consumer,
		Project:    got.Project,
		User:       got.User,
		Type:       got.Type,
		Generation: got.Generation,
	}
	if got.Generation != nil {
		a.Providers = map[string]placement.Resources{}
		for id, s := range got.Allocations {
			a.Providers[id] = s.Resources
		}
	}
	return a, nil
}

// Release drops all that the consumer holds; nothing held is no error.
func (c *Client) Release(ctx context.Context, consumer string) error {
	return absentIsFine(do[none](ctx, c, http.MethodDelete, "/allocations/"+url.PathEscape(consumer), nil, nil))
}

// Consumers lists consumer ids that hold something on the provider.
func (c *Client) Consumers(ctx context.Context, id string) ([]string, error) {
	got, err := do[struct {
		Allocations map[string]none `json:"allocations"`
	}](ctx, c, http.MethodGet, path(id, "allocations"), nil, nil)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return nil, err
	}
	out := []string{}
	for consumer := range got.Allocations {
		out = append(out, consumer)
	}
	slices.Sort(out)
	return out, nil
}
