package choose

import (
	"encoding/binary"
	"math"
	"slices"
)

// Ranking answers one request again and again over hosts of which few change between two answers: it answers what Run
// would, without visiting every host. Hosts with equal scores of every weigher are one group, so an answer compares
// groups, of which there are few where hosts are alike. The zero value is not ready; Rank makes one. It is not safe for
// concurrent use.
type Ranking[R, H any] struct {
	p       *Pipeline[R, H]
	hosts   []H
	checks  []func(H) Verdict // per filter; nil passes all
	scores  []func(H) (float64, error)
	weights []float64      // multipliers of scores
	of      []*rankedGroup // per host; nil: dropped
	dropped []int          // per host, by which filter
	drops   []int          // hosts per filter
	groups  []*rankedGroup // that have hosts
	table   []float64      // the scores of groups, one row for each
	totals  []float64      // of groups, in Best
	known   map[string]*rankedGroup
	left    int
	row     []float64 // scores of the host being looked at
	key     []byte
}

// rankedGroup is the hosts with equal scores.
type rankedGroup struct {
	key   string
	at    int     // in Ranking.groups
	size  int     // hosts that are in it
	queue []int32 // heap of indexes of hosts: all that are in it, others that were, some of them twice
}

// Rank visits all hosts and makes the Ranking of a request. p, r and hosts must not change while it is used, apart from
// what Changed is told. The error is one of a filter or weigher, which Run returns too.
func (p *Pipeline[R, H]) Rank(r R, hosts []H) (*Ranking[R, H], error) {
	k := &Ranking[R, H]{p: p, hosts: hosts, of: make([]*rankedGroup, len(hosts)), dropped: make([]int, len(hosts)),
		drops: make([]int, len(p.Filters)), known: map[string]*rankedGroup{}}
	for _, f := range p.Filters {
		check, err := f.Make(r)
		if err != nil {
			return nil, err
		}
		k.checks = append(k.checks, check)
	}
	for _, w := range p.Weighers {
		if w.Multiplier == 0 {
			continue
		}
		score, err := w.scorer(r)
		if err != nil {
			return nil, err
		}
		k.scores, k.weights = append(k.scores, score), append(k.weights, w.Multiplier)
	}
	k.row = make([]float64, len(k.scores))
	for i := range hosts {
		if err := k.enter(i); err != nil {
			return nil, err
		}
	}
	return k, nil
}

// Changed looks at a host again, by its index. After an error the Ranking cannot be used any more.
func (k *Ranking[R, H]) Changed(i int) error {
	if g := k.of[i]; g != nil {
		k.of[i] = nil
		k.left--
		if g.size--; g.size == 0 {
			delete(k.known, g.key)
			n, wide := len(k.groups)-1, len(k.scores)
			last := k.groups[n]
			copy(k.table[g.at*wide:], k.table[n*wide:])
			k.groups[g.at], last.at = last, g.at
			k.groups, k.table = k.groups[:n], k.table[:n*wide]
		}
	} else {
		k.drops[k.dropped[i]]--
	}
	return k.enter(i)
}

// enter puts a host that is nowhere into its group, or counts it for the filter that drops it.
func (k *Ranking[R, H]) enter(i int) error {
	h := k.hosts[i]
	for n, check := range k.checks {
		if check == nil {
			continue
		}
		v := check(h)
		if v.Err != nil {
			return v.Err
		}
		if !v.Pass {
			k.dropped[i] = n
			k.drops[n]++
			return nil
		}
	}
	k.key = k.key[:0]
	for n, score := range k.scores {
		s, err := score(h)
		if err != nil {
			return err
		}
		k.row[n] = s
		k.key = binary.LittleEndian.AppendUint64(k.key, math.Float64bits(s))
	}
	g := k.known[string(k.key)]
	if g == nil {
		g = &rankedGroup{key: string(k.key), at: len(k.groups)}
		k.known[g.key] = g
		k.groups, k.table = append(k.groups, g), append(k.table, k.row...)
	}
	g.size++
	g.push(int32(i))
	k.of[i] = g
	k.left++
	return nil
}

// Best returns what Run returns if a host is left, with an explanation that counts and gives no reasons. It returns no
// hosts if none is left.
func (k *Ranking[R, H]) Best() ([]H, Explanation) {
	e := Explanation{Hosts: len(k.hosts), Left: k.left, Stages: make([]Stage, len(k.checks))}
	in := len(k.hosts)
	for n := range k.checks {
		e.Stages[n] = Stage{Filter: k.p.Filters[n].Name, In: in, Out: in - k.drops[n]}
		in -= k.drops[n]
	}
	if k.left == 0 {
		return nil, e
	}
	k.sum()
	n := k.p.wanted(k.left)
	order := k.p.drawn(k.first(n), n)
	out := make([]H, len(order))
	for i, at := range order {
		out[i] = k.hosts[at]
	}
	return out, e
}

// sum computes the weights of the groups, as add does those of hosts.
func (k *Ranking[R, H]) sum() {
	k.totals = append(k.totals[:0], make([]float64, len(k.groups))...)
	for n, multiplier := range k.weights {
		low, high := math.Inf(1), math.Inf(-1)
		for at := n; at < len(k.table); at += len(k.scores) {
			if s := k.table[at]; s < low {
				low = s
			}
			if s := k.table[at]; s > high {
				high = s
			}
		}
		if !(high > low) {
			continue
		}
		for i := range k.totals {
			if s := k.table[i*len(k.scores)+n]; !math.IsNaN(s) {
				k.totals[i] += multiplier * normal(s, low, high)
			}
		}
	}
}

// first returns the indexes of the n best hosts, best first. They are in the n best groups, and in each of those among
// its first n hosts.
func (k *Ranking[R, H]) first(n int) []int {
	totals := k.totals
	// Groups of equal totals are compared by their first hosts.
	groups := best(len(k.groups), n, func(a, b int) int {
		switch {
		case totals[a] > totals[b]:
			return -1
		case totals[a] < totals[b]:
			return 1
		}
		return int(k.lead(k.groups[a])) - int(k.lead(k.groups[b]))
	})
	var order []int
	for _, at := range groups {
		order = append(order, k.leaders(k.groups[at], n)...)
	}
	slices.SortFunc(order, func(a, b int) int {
		switch x, y := totals[k.of[a].at], totals[k.of[b].at]; {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return a - b
	})
	return order[:n]
}

// lead returns the first host of a group.
func (k *Ranking[R, H]) lead(g *rankedGroup) int32 {
	for k.of[g.queue[0]] != g {
		g.pop()
	}
	return g.queue[0]
}

// leaders returns the first n hosts of a group, or all if it has fewer.
func (k *Ranking[R, H]) leaders(g *rankedGroup, n int) []int {
	n = min(n, g.size)
	out := make([]int, 0, n)
	for len(out) < n {
		i := g.pop()
		if k.of[i] == g && (len(out) == 0 || out[len(out)-1] != int(i)) {
			out = append(out, int(i))
		}
	}
	for _, i := range out {
		g.push(int32(i))
	}
	return out
}

func (g *rankedGroup) push(i int32) {
	q := append(g.queue, i)
	at := len(q) - 1
	for at > 0 {
		up := (at - 1) / 2
		if q[up] <= q[at] {
			break
		}
		q[up], q[at] = q[at], q[up]
		at = up
	}
	g.queue = q
}

func (g *rankedGroup) pop() int32 {
	q := g.queue
	first, n := q[0], len(q)-1
	q[0] = q[n]
	q = q[:n]
	for at := 0; ; {
		down := 2*at + 1
		if down >= n {
			break
		}
		if down+1 < n && q[down+1] < q[down] {
			down++
		}
		if q[at] <= q[down] {
			break
		}
		q[at], q[down] = q[down], q[at]
		at = down
	}
	g.queue = q
	return first
}
