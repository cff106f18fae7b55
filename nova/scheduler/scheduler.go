// Package scheduler is the nova-scheduler role: it selects hosts with filters and weighers over a snapshot in memory.
// It claims nothing; who asks claims, and asks again when somebody was faster.
package scheduler

import (
	"context"
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
	"hypernova/oslo/fault"
	"hypernova/oslo/messaging"
	"hypernova/oslo/metric"
	"hypernova/oslo/service"
	"hypernova/placement"
)

// Config is section [filter_scheduler]. Filters and weighers declare their own options.
type Config struct {
	Filters
	HostSubsetSize int `conf:"host_subset_size" default:"1" min:"1" help:"Choose at random among so many of the best hosts."`
	Weighers
	Expressions
}

type (
	// Filters are the rules that are enabled, and their bounds.
	Filters = filters.Config
	// Weighers are the multipliers of scores.
	Weighers = weighers.Config
	// Expressions are the operator's own filters and weighers.
	Expressions = expression.Config
)

// Scheduler answers requests. Methods may be called concurrently; decisions are made one at a time, so that each sees the one before.
type Scheduler struct {
	store       *store.Store
	now         clock.Now
	all, forced choose.Pipeline[*snapshot.Request, *snapshot.Host]

	mu     sync.Mutex
	keeper *snapshot.Keeper
}

// New makes a scheduler; fault.Invalid for a filter that does not exist, or an expression that cannot be used.
func New(c Config, s snapshot.Config, st *store.Store, p placement.API) (*Scheduler, error) {
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
	sch := &Scheduler{store: st, now: st.Now(), all: pipe, forced: pipe, keeper: snapshot.New(s, st, p)}
	sch.forced.Filters = forced
	return sch, nil
}

// Select answers hosts best first; fault.NoValidHost with the explanation in its text. The best one is counted as taken until the next
// snapshot. A refusal is given only on a snapshot that is younger than the question.
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
		best, why, err := s.pipeline(ctx, &r).Run(q, hosts)
		// A rule that could not tell is no matter of a fresher snapshot.
		if err != nil && (why.Left > 0 || !fault.Is(err, fault.NoValidHost)) {
			return nova.Selection{}, err
		}
		if len(best) > 0 {
			if r.Silent == 0 {
				best[0].Assume(ask.Resources)
			}
			return selection(best, max(1, r.Limit), ask, why), nil
		}
		if !taken.Before(asked) {
			return nova.Selection{}, refusal(why)
		}
		since = asked
	}
}

// refusal begins with the sentence that clients look for.
func refusal(why choose.Explanation) error {
	_, rest, ok := strings.Cut(why.String(), ": ")
	if !ok {
		rest = why.String()
	}
	return fault.New(fault.NoValidHost, "No valid host was found. %s%s.", strings.ToUpper(rest[:1]), rest[1:])
}

// pipeline is the rules for a request, timed.
func (s *Scheduler) pipeline(ctx context.Context, r *nova.Request) *choose.Pipeline[*snapshot.Request, *snapshot.Host] {
	p := s.all
	if r.Force {
		p = s.forced
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

func selection(best []*snapshot.Host, limit int, ask nova.Ask, why choose.Explanation) nova.Selection {
	sel := nova.Selection{Explanation: why.String()}
	for _, h := range best[:min(limit, len(best))] {
		sel.Hosts = append(sel.Hosts, nova.Choice{Host: h.Name(), Node: h.Node.Name, Provider: h.Provider.ID, Zone: h.Zone, Resources: ask.Resources})
	}
	return sel
}

// whereabouts finds the hosts of the servers that hints name; unknown ones are nowhere.
func (s *Scheduler) whereabouts(ctx context.Context, hints map[string][]string) (map[string]string, error) {
	where := map[string]string{}
	for _, hint := range []string{"same_host", "different_host"} {
		for _, id := range hints[hint] {
			f, err := s.store.Fate(ctx, s.store.DB, id)
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

// Manager is the role nova-scheduler.
func (s *Scheduler) Manager(host string) service.Manager {
	return service.Manager{Binary: nova.BinaryScheduler, Host: host, Topic: rpcapi.Scheduler, Level: 1, Register: s.register}
}

func (s *Scheduler) register(srv *messaging.Server) {
	rpcapi.Select.Handle(srv, func(ctx context.Context, a rpcapi.SelectArgs) (rpcapi.SelectReply, error) {
		sel, err := s.Select(ctx, a.Request)
		return rpcapi.SelectReply{Selection: sel}, err
	})
}

// Remote is a scheduler in another process.
type Remote struct{ Bus *messaging.Bus }

// Select asks any one scheduler.
func (r Remote) Select(ctx context.Context, q nova.Request) (nova.Selection, error) {
	reply, err := rpcapi.Select.Do(ctx, r.Bus, "", rpcapi.SelectArgs{Request: q})
	return reply.Selection, err
}
