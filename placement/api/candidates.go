package api

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"hypernova/oslo/api"
	"hypernova/oslo/fault"
	"hypernova/placement"
	"hypernova/placement/api/policies"
	"hypernova/placement/resources"
)

// searchesAPI finds candidates for allocations, and moves what is held between providers.
type searchesAPI struct{ s *resources.Service }

var searches = api.Resource[*searchesAPI]{Name: "allocation_candidate", Plural: "allocation_candidates",
	Ops: api.Ops[*searchesAPI]{
		api.Do("GET /allocation_candidates", policies.AllocationCandidatesList, 200, (*searchesAPI).candidatesPlain,
			api.Bare(), api.Span("1.10-1.11")),
		api.Do("GET /allocation_candidates", policies.AllocationCandidatesList, 200, (*searchesAPI).candidates, api.Bare(),
			api.Span("1.12-")),
		api.Do("POST /reshaper", policies.ReshaperReshape, 204, (*searchesAPI).reshape, api.Bare(), api.Span("1.30-")),
	}}

type candidatesQuery struct {
	Limit        *int64              `wire:"limit" mv:"1.16-" is:"min=1"`
	Policy       string              `wire:"group_policy" mv:"1.25-" is:"enum=none|isolate"`
	RootRequired []string            `wire:"root_required" mv:"1.35-"`
	SameSubtree  []string            `wire:"same_subtree" mv:"1.36-"`
	Groups       map[string][]string `wire:"*"`
}

type candidatesView struct {
	Requests  []candidateView        `wire:"allocation_requests"`
	Summaries map[string]summaryView `wire:"provider_summaries"`
}

type candidateView struct {
	Allocations map[string]shareView `wire:"allocations"`
	Mappings    map[string][]string  `wire:"mappings" mv:"1.34-"`
}

type shareView struct {
	Resources placement.Resources `wire:"resources"`
}

type summaryView struct {
	Resources map[string]capacityView `wire:"resources"`
	Traits    []string                `wire:"traits" mv:"1.17-"`
	Parent    *string                 `wire:"parent_provider_uuid" mv:"1.29-"`
	Root      string                  `wire:"root_provider_uuid" mv:"1.29-"`
}

type capacityView struct {
	Capacity int64 `wire:"capacity"`
	Used     int64 `wire:"used"`
}

func (a *searchesAPI) search(ctx context.Context, r *api.Request,
	q *candidatesQuery) (placement.Candidates, placement.CandidatesRequest, error) {
	want, err := q.request(r)
	if err != nil {
		return placement.Candidates{}, want, err
	}
	found, err := a.s.Candidates(ctx, want)
	fresh(r, time.Time{})
	return found, want, err
}

func (a *searchesAPI) candidates(ctx context.Context, r *api.Request, q *candidatesQuery) (candidatesView, error) {
	found, want, err := a.search(ctx, r, q)
	if err != nil {
		return candidatesView{}, err
	}
	v := candidatesView{Requests: make([]candidateView, len(found.Requests)), Summaries: summaries(r, found, want)}
	for i, c := range found.Requests {
		v.Requests[i] = candidateView{make(map[string]shareView, len(c.Allocations)), c.Mappings}
		for id, res := range c.Allocations {
			v.Requests[i].Allocations[id] = shareView{res}
		}
	}
	return v, nil
}

// summaries shows the providers: before 1.27 only the classes asked for, before 1.29 only the providers that were
// chosen.
func summaries(r *api.Request, found placement.Candidates, want placement.CandidatesRequest) map[string]summaryView {
	asked := map[string]bool{}
	for _, g := range want.Groups {
		for class := range g.Resources {
			asked[class] = true
		}
	}
	chosen, all := map[string]bool{}, r.AtLeast(29)
	for _, c := range found.Requests {
		for id := range c.Allocations {
			if !all {
				chosen[id] = true
			}
		}
	}
	every := r.AtLeast(27)
	out := make(map[string]summaryView, len(found.Providers))
	for id, p := range found.Providers {
		if !all && !chosen[id] {
			continue
		}
		v := summaryView{Resources: make(map[string]capacityView, len(p.Inventories)), Traits: list(inOrder(p.Traits)),
			Root: p.Root}
		if p.Parent != "" {
			v.Parent = &p.Parent
		}
		for class, i := range p.Inventories {
			if every || asked[class] {
				v.Resources[class] = capacityView{i.Capacity(), p.Used[class]}
			}
		}
		out[id] = v
	}
	return out
}

type plainCandidatesView struct {
	Requests  []plainCandidateView   `wire:"allocation_requests"`
	Summaries map[string]summaryView `wire:"provider_summaries"`
}

type plainCandidateView struct {
	Allocations []plainShareView `wire:"allocations"`
}

type plainShareView struct {
	Provider  uuidView            `wire:"resource_provider"`
	Resources placement.Resources `wire:"resources"`
}

type uuidView struct {
	UUID string `wire:"uuid"`
}

func (a *searchesAPI) candidatesPlain(ctx context.Context, r *api.Request,
	q *candidatesQuery) (plainCandidatesView, error) {
	found, want, err := a.search(ctx, r, q)
	if err != nil {
		return plainCandidatesView{}, err
	}
	v := plainCandidatesView{Requests: make([]plainCandidateView, len(found.Requests)), Summaries: summaries(r, found,
		want)}
	for i, c := range found.Requests {
		for id, res := range c.Allocations {
			v.Requests[i].Allocations = append(v.Requests[i].Allocations, plainShareView{uuidView{id}, res})
		}
	}
	return v, nil
}

type reshapeBody struct {
	Inventories map[string]inventoriesBody `wire:"inventories" is:"required,minitems=1,keys(uuid)"`
	Allocations map[string]allocationsBody `wire:"allocations" is:"required"`
}

func (a *searchesAPI) reshape(ctx context.Context, r *api.Request, in *reshapeBody) (api.None, error) {
	offers := map[string]resources.Offer{}
	for id, b := range in.Inventories {
		p, err := a.s.Providers.Get(ctx, dashed(id))
		if fault.Is(err, fault.NotFound) {
			return api.None{}, fault.Invalidf("Resource provider %s in inventories not found.", id).Coded(placement.CodeNotFound)
		}
		if err != nil {
			return api.None{}, err
		}
		all, err := inventoriesIn(r, p, &b)
		if err != nil {
			return api.None{}, err
		}
		offers[p.ID] = resources.Offer{Generation: b.Generation, Inventories: all}
	}
	changes, err := (&consumersBody{in.Allocations}).changes(r)
	if err != nil {
		return api.None{}, err
	}
	return api.None{}, a.s.Claims.Reshape(ctx, offers, changes)
}

// request reads the groups out of the query string.
func (q *candidatesQuery) request(r *api.Request) (placement.CandidatesRequest, error) {
	want := placement.CandidatesRequest{Groups: map[string]placement.RequestGroup{}, GroupPolicy: q.Policy,
		Flat: !r.AtLeast(29)}
	if q.Limit != nil {
		want.Limit = int(min(*q.Limit, placement.MaxInt))
	}
	for key, values := range q.Groups {
		what, suffix, ok := cutKey(r, key)
		if !ok {
			return want, fault.Invalidf("Invalid query string parameters: %q is not known here.", key)
		}
		g := want.Groups[suffix]
		if err := fill(r, &g, what, suffix, values); err != nil {
			return want, err
		}
		want.Groups[suffix] = g
	}
	for _, v := range q.RootRequired {
		required, forbidden, err := traitNames(v, true, false)
		if err != nil {
			return want, err
		}
		for _, any := range required {
			want.RootRequired = append(want.RootRequired, any...)
		}
		want.RootForbidden = append(want.RootForbidden, forbidden...)
	}
	if len(q.RootRequired) > 1 {
		return want, fault.Invalidf(
			"Query parameter \"root_required\" may be specified only once.").Coded(placement.CodeQueryTwice)
	}
	if both := both(want.RootRequired, want.RootForbidden); both != "" {
		return want, fault.Invalidf("Conflicting required and forbidden traits found in root_required: %s",
			both).Coded(placement.CodeQueryBad)
	}
	for _, v := range q.SameSubtree {
		set := splitList(v)
		if set == nil {
			return want, fault.Invalidf(
				"Empty string (unsuffixed group) can not be specified in `same_subtree`").Coded(placement.CodeQueryBad)
		}
		want.SameSubtree = append(want.SameSubtree, set)
	}
	return want, checkGroups(r, want)
}

// checkGroups refuses groups that ask for nothing, or for what excludes itself.
func checkGroups(r *api.Request, want placement.CandidatesRequest) error {
	var empty, suffixed []string
	for suffix, g := range want.Groups {
		if len(g.Resources) == 0 {
			empty = append(empty, suffix)
		}
		if suffix != "" {
			suffixed = append(suffixed, suffix)
		}
		for _, any := range g.Required {
			if !slices.ContainsFunc(any, func(t string) bool { return !slices.Contains(g.Forbidden, t) }) {
				return fault.Invalidf(
					"Conflicting required and forbidden traits found in the following traits keys: required%s: (%s)", suffix, any[0])
			}
		}
	}
	var subtree []string
	for _, set := range want.SameSubtree {
		subtree = append(subtree, set...)
	}
	for _, s := range subtree {
		if _, ok := want.Groups[s]; !ok {
			return fault.Invalidf("Real suffixes should be specified in `same_subtree`: %s not found.",
				s).Coded(placement.CodeQueryBad)
		}
	}
	switch {
	case len(empty) == len(want.Groups):
		return fault.Invalidf(
			"There must be at least one resources or resources[$S] parameter.").Coded(placement.CodeQueryMissing)
	case len(empty) > 0 && !r.AtLeast(36):
		return fault.Invalidf("All request groups must specify resources.")
	case slices.ContainsFunc(empty, func(s string) bool { return !slices.Contains(subtree, s) }):
		return fault.Invalidf("Resourceless suffixed group request should be specified in `same_subtree` query param: bad group(s) - %v.", empty).Coded(placement.CodeQueryBad)
	case len(suffixed) > 1 && want.GroupPolicy == "":
		return fault.Invalidf(
			"The \"group_policy\" parameter is required when specifying more than one \"resources{N}\" parameter.")
	}
	return nil
}

// inOrder puts the standard traits first and the cloud's own after them, as the order is in which placement has come
// to know them.
func inOrder(traits []string) []string {
	out := slices.Clone(traits)
	slices.SortStableFunc(out, func(a, b string) int {
		return cmp.Or(custom(a)-custom(b), strings.Compare(a, b))
	})
	return out
}

func custom(trait string) int {
	if strings.HasPrefix(trait, "CUSTOM_") {
		return 1
	}
	return 0
}
