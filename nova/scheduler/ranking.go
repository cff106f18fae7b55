package scheduler

import (
	"maps"
	"slices"
	"strconv"

	"hypernova/nova/scheduler/snapshot"
	"hypernova/oslo/choose"
)

// rankings keep the hosts of a snapshot in order for the forms of requests that are frequent, so that a decision looks
// at the hosts that changed since the last one and not at all of them. Requests of one form are equal in all that
// filters and weighers read. Others, such as those with hints, have no ranking.
type rankings struct {
	off      bool // an operator's expressions may read more of a request
	projects bool // a filter looks at the project
	hosts    []*snapshot.Host
	known    map[string]*ranking
}

type ranking struct {
	*choose.Ranking[*snapshot.Request, *snapshot.Host]
	seen int // number of changes that it has taken into account
}

// rankingsKept bounds the forms of requests that have a ranking at a time. One takes about 100 bytes for each host.
const rankingsKept = 32

func newRankings(c *Config) *rankings {
	return &rankings{off: len(c.Expressions.Filters)+len(c.Expressions.Weighers) > 0,
		projects: slices.Contains(c.Enabled, "AggregateMultiTenancyIsolation"),
		known:    map[string]*ranking{}}
}

// best returns the best hosts, or none if the request has no ranking, no host is left, or a filter or weigher failed.
// changed are the indexes of hosts that changed since the snapshot was taken.
func (k *rankings) best(p *choose.Pipeline[*snapshot.Request, *snapshot.Host], q *snapshot.Request,
	hosts []*snapshot.Host, changed []int) ([]*snapshot.Host, choose.Explanation) {
	if k.off || !plain(q) || len(hosts) == 0 {
		return nil, choose.Explanation{}
	}
	if len(k.hosts) != len(hosts) || &k.hosts[0] != &hosts[0] { // a new snapshot
		k.hosts = hosts
		clear(k.known)
	}
	form := k.form(q)
	r := k.known[form]
	if r != nil && len(changed)-r.seen > len(hosts) {
		r = nil // to visit all hosts is less work
	}
	if r == nil {
		limited := *p
		limited.Limit = max(1, q.Limit)
		made, err := limited.Rank(q, hosts)
		if err != nil {
			return nil, choose.Explanation{}
		}
		if len(k.known) >= rankingsKept {
			for other := range k.known { // any one: what is asked often comes back
				delete(k.known, other)
				break
			}
		}
		r = &ranking{made, len(changed)}
		k.known[form] = r
	}
	for ; r.seen < len(changed); r.seen++ {
		if err := r.Changed(changed[r.seen]); err != nil {
			delete(k.known, form)
			return nil, choose.Explanation{}
		}
	}
	return r.Best()
}

// plain reports a request whose form says all that filters and weighers read of it.
func plain(q *snapshot.Request) bool {
	return len(q.Hints) == 0 && q.Group == nil && len(q.Exclude) == 0 && q.Host == "" && q.Node == "" && !q.Force &&
		!q.Rebuild && q.Silent == 0
}

// form returns what filters and weighers read of a request that is plain, and how many hosts it wants. The property
// test of rankings compares requests of all forms with complete visits.
func (k *rankings) form(q *snapshot.Request) string {
	b := strconv.AppendInt(nil, int64(q.Limit), 10)
	text := func(s string) {
		b = append(strconv.AppendInt(append(b, ' '), int64(len(s)), 10), ':')
		b = append(b, s...)
	}
	pairs := func(m map[string]string) {
		b = strconv.AppendInt(append(b, '/'), int64(len(m)), 10)
		for _, name := range slices.Sorted(maps.Keys(m)) {
			text(name)
			text(m[name])
		}
	}
	b = strconv.AppendInt(append(b, '/'), int64(len(q.Ask.Resources)), 10)
	for _, class := range slices.Sorted(maps.Keys(q.Ask.Resources)) {
		text(class)
		b = strconv.AppendInt(append(b, '='), q.Ask.Resources[class], 10)
	}
	for _, traits := range [][]string{q.Ask.Required, q.Ask.Forbidden} {
		b = strconv.AppendInt(append(b, '/'), int64(len(traits)), 10)
		for _, t := range traits {
			text(t)
		}
	}
	pairs(q.Ask.Specs)
	pairs(q.Image.Properties)
	text(q.AZ)
	if k.projects {
		text(q.Project)
	}
	return string(b)
}
