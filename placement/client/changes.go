package client

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"time"

	"hypernova/oslo/fault"
	"hypernova/placement"
)

// How long a placement without the internal routes is not asked for them again, and how long the copy of the providers
// is followed by its changes before it is read anew, as after a restore of the database from a backup.
const (
	foreignFor = 5 * time.Minute
	followFor  = 10 * time.Minute
)

// copied is the providers of placement as of a mark, in parts.
type copied struct {
	mark   string
	taken  time.Time
	parts  map[int64]map[string]*placement.ProviderState
	byID   map[string]*placement.ProviderState
	sorted []*placement.ProviderState // by id
}

type changes struct {
	Mark  string `json:"mark"`
	Parts []struct {
		ID        int64   `json:"id"`
		Whole     bool    `json:"whole"`
		Providers []state `json:"providers"`
	} `json:"parts"`
}

type state struct {
	UUID        string `json:"uuid"`
	Name        string `json:"name"`
	Parent      string `json:"parent"`
	Root        string `json:"root"`
	Generation  int64  `json:"generation"`
	Inventories []struct {
		Class string `json:"class"`
		inventory
		Used int64 `json:"used"`
	} `json:"inventories"`
	Traits     []string `json:"traits"`
	Aggregates []string `json:"aggregates"`
}

func (s state) value() *placement.ProviderState {
	v := &placement.ProviderState{
		Provider:    placement.Provider{ID: s.UUID, Name: s.Name, Parent: s.Parent, Root: s.Root, Generation: s.Generation},
		Inventories: make(map[string]placement.Inventory, len(s.Inventories)),
		Used:        make(placement.Resources, len(s.Inventories)),
		Traits:      s.Traits, Aggregates: s.Aggregates,
	}
	for _, i := range s.Inventories {
		v.Inventories[i.Class], v.Used[i.Class] = i.inventory.value(), i.Used
	}
	return v
}

// with returns the copy with the changes. The old copy does not change.
func (c *copied) with(ch changes) *copied {
	next := &copied{
		mark:  ch.Mark,
		taken: c.taken,
		parts: make(map[int64]map[string]*placement.ProviderState, len(c.parts)),
	}
	for id, p := range c.parts {
		next.parts[id] = p
	}
	for _, part := range ch.Parts {
		to := map[string]*placement.ProviderState{}
		if !part.Whole {
			for id, p := range c.parts[part.ID] {
				to[id] = p
			}
		}
		for _, p := range part.Providers {
			to[p.UUID] = p.value()
		}
		next.parts[part.ID] = to
	}
	next.byID = map[string]*placement.ProviderState{}
	for _, part := range next.parts {
		for id, p := range part {
			next.byID[id] = p
			next.sorted = append(next.sorted, p)
		}
	}
	slices.SortFunc(next.sorted, func(a, b *placement.ProviderState) int { return cmp.Compare(a.ID, b.ID) })
	return next
}

// follow returns the providers as they are now, with one request for what changed since the last one; nil for a
// placement that is not Hypernova's. One caller at a time makes the request.
func (c *Client) follow(ctx context.Context) (*copied, error) {
	select {
	case c.following <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-c.following }()
	if c.foreign() {
		return nil, nil
	}
	have := c.copied
	if have == nil || c.now().Sub(have.taken) > followFor {
		have = &copied{taken: c.now()}
	}
	query := url.Values{}
	if have.mark != "" {
		query.Set("since", have.mark)
	}
	ch, err := do[changes](ctx, c, http.MethodGet, "/hypernova/provider_changes", query, nil)
	if c.noRoute(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if have.mark == "" || len(ch.Parts) > 0 {
		c.copied = have.with(ch)
	}
	return c.copied, nil
}

// foreign reports whether placement lacked the internal routes a short while ago.
func (c *Client) foreign() bool {
	at := c.foreignSince.Load()
	return at != nil && c.now().Sub(*at) < foreignFor
}

// noRoute reports whether an error of an internal route tells that placement has none, or does not let this user call
// it, and remembers it.
func (c *Client) noRoute(err error) bool {
	f := fault.Of(err)
	if f == nil || f.Code == placement.CodeNotFound || f.Kind != fault.NotFound && f.Kind != fault.Forbidden {
		return false
	}
	now := c.now()
	c.foreignSince.Store(&now)
	return true
}
