// Package scheduler is the nova-scheduler role: it selects hosts with filters and weighers over a snapshot in memory.
// It makes no allocations: the caller claims the resources in placement and selects again if the claim fails.
package scheduler

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"hypernova/nova"
	"hypernova/nova/rpcapi"
	"hypernova/nova/scheduler/expression"
	"hypernova/nova/scheduler/filters"
	"hypernova/nova/scheduler/snapshot"
	"hypernova/nova/scheduler/weighers"
	"hypernova/nova/store"
	"hypernova/oslo/choose"
	"hypernova/oslo/clock"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/messaging"
	"hypernova/oslo/metric"
	"hypernova/oslo/service"
	"hypernova/placement"
)

// Config is the section [filter_scheduler]. Filters and weighers declare their own options.
type Config struct {
	Filters
	HostSubsetSize int `conf:"host_subset_size" default:"1" min:"1" help:"Choose at random among so many of the best hosts."`
	Weighers
	Expressions
}

type (
	// Filters are the options of the built-in filters.
	Filters = filters.Config
	// Weighers are the multipliers of the built-in weighers.
	Weighers = weighers.Config
	// Expressions are the operator's own filters and weighers.
	Expressions = expression.Config
)

// Scheduler selects hosts. Its methods may be called concurrently. It makes one decision at a time, so that each takes
// the decisions before it into account.
type Scheduler struct {
	db          *db.DB
	now         clock.Now
	all, forced choose.Pipeline[*snapshot.Request, *snapshot.Host]

	mu     sync.Mutex
	keeper *snapshot.Keeper
	ranks  *rankings
}

// Deps are the services that a scheduler reads.
type Deps struct {
	DB        *db.DB    // compute's
	Now       clock.Now // nil: the real clock
	Placement placement.API
	Snapshot  snapshot.Config
}

// New makes a scheduler. It returns fault.Invalid for an unknown filter or a bad expression.
func New(c Config, d Deps) (*Scheduler, error) {
	all, forced, err := filters.New(c.Filters)
	if err != nil {
		return nil, err
	}
	own, err := expression.Filters(c.Expressions, filters.Taken())
	if err != nil {
		return nil, err
	}
	scores, err := expression.Weighers(c.Expressions)
	if err != nil {
		return nil, err
	}
	pipe := choose.Pipeline[*snapshot.Request, *snapshot.Host]{
		Filters: append(all, own...), Weighers: append(weighers.New(c.Weighers), scores...),
		Name: (*snapshot.Host).Name, SubsetSize: max(1, c.HostSubsetSize),
	}
	if d.Now == nil {
		d.Now = clock.Real
	}
	sch := &Scheduler{db: d.DB, now: d.Now, all: pipe, forced: pipe,
		keeper: snapshot.New(d.Snapshot, snapshot.Deps{DB: d.DB, Now: d.Now, Placement: d.Placement})}
	sch.forced.Filters = forced
	sch.ranks = newRankings(&c)
	return sch, nil
}

// Select returns the hosts for a server, best first. It returns fault.NoValidHost, with the reason for each host, if
// there is none. The resources are counted as used on the best host until the next snapshot. If no host fits, Select
// takes a new snapshot and tries again, unless the snapshot is newer than the call. It blocks while a snapshot is
// taken.
func (s *Scheduler) Select(ctx context.Context, r nova.Request) (nova.Selection, error) {
	ask, err := r.Flavor.Ask()
	if err != nil {
		return nova.Selection{}, err
	}
	if ask, err = ask.With(&r.Image); err != nil {
		return nova.Selection{}, err
	}
	q := &snapshot.Request{Request: r, Ask: ask}
	if q.Where, err = s.whereabouts(ctx, r.Hints); err != nil {
		return nova.Selection{}, err
	}
	if q.Group, err = s.group(ctx, &r); err != nil {
		return nova.Selection{}, err
	}
	var since time.Time
	asked := s.now()
	if r.Fresh {
		since = asked
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		hosts, taken, err := s.keeper.Hosts(ctx, since)
		if err != nil {
			return nova.Selection{}, err
		}
		best, why, err := s.decide(ctx, q, hosts)
		// A new snapshot does not help if a filter or weigher failed.
		if err != nil && (why.Left > 0 || !fault.Is(err, fault.NoValidHost)) {
			return nova.Selection{}, err
		}
		if len(best) > 0 {
			if r.Silent == 0 && !r.Rebuild {
				s.keeper.Assume(best[0], ask.Resources)
			}
			return selection(best, max(1, r.Limit), ask, why), nil
		}
		if !taken.Before(asked) {
			return nova.Selection{}, noValidHost(why)
		}
		since = asked
	}
}

// decide returns the best hosts for a request, from a ranking where requests of that form have one, else by visiting
// every host. If no host is left the explanation is complete.
func (s *Scheduler) decide(ctx context.Context, q *snapshot.Request, hosts []*snapshot.Host) ([]*snapshot.Host,
	choose.Explanation, error) {
	if best, why := s.ranks.best(&s.all, q, hosts, s.keeper.Changed()); len(best) > 0 {
		return best, why, nil
	}
	s.keeper.Beat()
	return s.pipeline(ctx, &q.Request).Run(q, hosts)
}

// noValidHost returns the error of Select. It begins with nova's sentence, which clients look for.
func noValidHost(why choose.Explanation) error {
	_, rest, ok := strings.Cut(why.String(), ": ")
	if !ok {
		rest = why.String()
	}
	return fault.New(fault.NoValidHost, "No valid host was found. %s%s.", strings.ToUpper(rest[:1]), rest[1:])
}

// pipeline returns the filters and weighers for a request. It measures how long each takes.
func (s *Scheduler) pipeline(ctx context.Context, r *nova.Request) *choose.Pipeline[*snapshot.Request, *snapshot.Host] {
	p := s.all
	p.Limit = max(1, r.Limit)
	switch {
	case r.Rebuild:
		p.Filters = filters.OfRebuild(p.Filters)
	case r.Force:
		p.Filters = s.forced.Filters
	}
	m := metric.From(ctx)
	p.Took = func(sort, name string, d time.Duration, err error) {
		outcome := "ok"
		if err != nil {
			outcome = fault.KindOf(err).String()
		}
		m.Took(sort, name, outcome, d)
	}
	return &p
}

// selection returns the best hosts, at most limit.
func selection(best []*snapshot.Host, limit int, ask nova.Ask, why choose.Explanation) nova.Selection {
	sel := nova.Selection{Explanation: why.String()}
	for _, h := range best[:min(limit, len(best))] {
		sel.Hosts = append(sel.Hosts, nova.Choice{Host: h.Name(), Node: h.Node.Name, Provider: h.Provider.ID, Zone: h.Zone,
			Resources: ask.Resources})
	}
	return sel
}

// whereabouts returns the hosts of the servers that the hints same_host and different_host name. It leaves out unknown
// and deleted servers.
func (s *Scheduler) whereabouts(ctx context.Context, hints map[string][]string) (map[string]string, error) {
	where := map[string]string{}
	for _, hint := range []string{"same_host", "different_host"} {
		for _, id := range hints[hint] {
			f, err := store.PlacementOf(ctx, s.db, id)
			if err != nil && !fault.Is(err, fault.NotFound) {
				return nil, err
			}
			if err == nil && !f.Deleted {
				where[id] = f.Host
			}
		}
	}
	return where, nil
}

// group finds where the other servers of the request's server group are. fault.NoValidHost if no enabled filter keeps
// the group's policy, as nova refuses such groups.
func (s *Scheduler) group(ctx context.Context, r *nova.Request) (*nova.GroupHosts, error) {
	if len(r.Hints["group"]) == 0 {
		return nil, nil
	}
	g, err := store.GroupHosts(ctx, s.db, r.Server)
	if err != nil || g == nil {
		return nil, err
	}
	filter := map[nova.GroupPolicy]string{
		nova.Affinity: "ServerGroupAffinityFilter", nova.AntiAffinity: "ServerGroupAntiAffinityFilter",
	}[g.Policy]
	if filter != "" && !slices.ContainsFunc(s.all.Filters, func(f filters.Filter) bool { return f.Name == filter }) {
		return nil, fault.New(fault.NoValidHost,
			"No valid host was found. Server group policy is not supported: %s not configured", filter)
	}
	return g, nil
}

// Manager returns the manager of the nova-scheduler service.
func (s *Scheduler) Manager(host string) service.Manager {
	return service.Manager{Binary: nova.BinaryScheduler, Host: host, Topic: rpcapi.Scheduler,
		Level: 1, Register: s.register}
}

func (s *Scheduler) register(srv *messaging.Server) {
	rpcapi.Select.Handle(srv, func(ctx context.Context, a rpcapi.SelectArgs) (rpcapi.SelectReply, error) {
		sel, err := s.Select(ctx, a.Request)
		return rpcapi.SelectReply{Selection: sel}, err
	})
}

// Remote calls a scheduler in another process.
type Remote struct{ Bus *messaging.Bus }

// Select calls Select of one of the schedulers. It blocks for at most the call's timeout.
func (r Remote) Select(ctx context.Context, q nova.Request) (nova.Selection, error) {
	reply, err := rpcapi.Select.Do(ctx, r.Bus, "", rpcapi.SelectArgs{Request: q})
	return reply.Selection, err
}
