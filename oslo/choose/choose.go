// Package choose selects hosts as nova's scheduler does: filters, normalised weighers, a random choice among the best,
// and an explanation.
package choose

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"hypernova/oslo/fault"
)

// Verdict is the result of a check of one host. A dropped host has a reason for users ("has 512 MiB free, 2048 asked").
// The explanation groups hosts by equal reasons. A check that drops many hosts should create its Verdict once.
type Verdict struct {
	Pass   bool
	Reason string
	Err    error // the check failed, and the request is rejected with this error
}

// Pass keeps the host.
func Pass() Verdict { return Verdict{Pass: true} }

// Drop removes the host.
func Drop(reason string, args ...any) Verdict {
	if len(args) > 0 {
		reason = fmt.Sprintf(reason, args...)
	}
	return Verdict{Reason: reason}
}

// Fail rejects the request, because the check cannot decide about this host.
func Fail(err error) Verdict { return Verdict{Err: err} }

// Filter creates a check of hosts H for one request R. A nil check passes all hosts. An error rejects the request; the
// filter is never skipped.
type Filter[R, H any] struct {
	Name string
	Make func(R) (func(H) Verdict, error)
}

// Weigher scores a host for a request. Scores are normalised to 0..1 over the remaining hosts and then multiplied, as
// in nova. If all scores are equal the weigher has no effect. NaN counts as the lowest score.
type Weigher[R, H any] struct {
	Name       string
	Multiplier float64
	Score      func(R, H) float64
	// Make replaces Score if a score needs preparation for each request or can fail. An error rejects the request.
	Make func(R) (func(H) (float64, error), error)
}

// Pipeline is a set of filters and weighers. Run does not change it, so one value serves all requests.
type Pipeline[R, H any] struct {
	Filters    []Filter[R, H]
	Weighers   []Weigher[R, H]
	Name       func(H) string
	SubsetSize int             // host_subset_size: the first result is a random one of this many best; 0 and 1: the best
	Limit      int             // upper bound of the number of results; 0: none
	Rand       func(n int) int // 0 ≤ r < n; nil: random
	// Took, if not nil, receives the duration of each filter and weigher over all hosts ("filter", "RamFilter").
	Took func(sort, name string, d time.Duration, err error)
}

// Run returns the hosts, best first, and the explanation, which is set on success too. Hosts of equal weight keep their
// order. If no host is left the error is fault.NoValidHost with the explanation as its text. hosts is not changed.
func (p *Pipeline[R, H]) Run(r R, hosts []H) ([]H, Explanation, error) {
	e := Explanation{Hosts: len(hosts), Left: len(hosts)}
	left, own := hosts, false
	for _, f := range p.Filters {
		begin := time.Now()
		check, err := f.Make(r)
		if err != nil {
			p.took("filter", f.Name, begin, err)
			return nil, e, fmt.Errorf("%s: %w", f.Name, err)
		}
		if check == nil || len(left) == 0 {
			e.Stages = append(e.Stages, Stage{Filter: f.Name, In: len(left), Out: len(left)})
			continue
		}
		stage := Stage{Filter: f.Name, In: len(left)}
		if !own {
			left, own = slices.Clone(left), true // the caller's slice must not change
		}
		left, err = p.filter(check, left, &stage)
		p.took("filter", f.Name, begin, err)
		if err != nil {
			return nil, e, fmt.Errorf("%s: %w", f.Name, err)
		}
		stage.Out = len(left)
		e.Left = len(left)
		e.Stages = append(e.Stages, stage)
	}
	if len(left) == 0 {
		return nil, e, fault.New(fault.NoValidHost, "%s", e.String())
	}
	weights, err := p.weigh(r, left)
	if err != nil {
		return nil, e, err
	}
	return p.pick(weights, left), e, nil
}

func (p *Pipeline[R, H]) took(sort, name string, begin time.Time, err error) {
	if p.Took != nil {
		p.Took(sort, name, time.Since(begin), err)
	}
}

// filter keeps the passing hosts. It works in place.
func (p *Pipeline[R, H]) filter(check func(H) Verdict, hosts []H, s *Stage) ([]H, error) {
	kept := hosts[:0]
	last := -1
	for _, h := range hosts {
		v := check(h)
		if v.Err != nil {
			return nil, v.Err
		}
		if v.Pass {
			kept = append(kept, h)
			continue
		}
		if last < 0 || s.Reasons[last].Text != v.Reason {
			last = slices.IndexFunc(s.Reasons, func(x Reason) bool { return x.Text == v.Reason })
		}
		if last < 0 {
			if len(s.Reasons) == maxReasons {
				s.Others++
				continue
			}
			last = len(s.Reasons)
			s.Reasons = append(s.Reasons, Reason{Text: v.Reason})
		}
		reason := &s.Reasons[last]
		if reason.Hosts++; len(reason.Example) < maxExamples {
			reason.Example = append(reason.Example, p.Name(h))
		}
	}
	slices.SortStableFunc(s.Reasons, func(a, b Reason) int { return b.Hosts - a.Hosts })
	return kept, nil
}

func (p *Pipeline[R, H]) weigh(r R, hosts []H) ([]float64, error) {
	total, scores := make([]float64, len(hosts)), make([]float64, len(hosts))
	for _, w := range p.Weighers {
		if w.Multiplier == 0 {
			continue
		}
		begin := time.Now()
		err := w.add(r, hosts, scores, total)
		p.took("weigher", w.Name, begin, err)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", w.Name, err)
		}
	}
	return total, nil
}

// scorer returns the function that scores a host for a request.
func (w *Weigher[R, H]) scorer(r R) (func(H) (float64, error), error) {
	if w.Make != nil {
		return w.Make(r)
	}
	return func(h H) (float64, error) { return w.Score(r, h), nil }, nil
}

// add scores the hosts and adds the normalised, multiplied scores to total.
func (w *Weigher[R, H]) add(r R, hosts []H, scores, total []float64) error {
	score, err := w.scorer(r)
	if err != nil {
		return err
	}
	low, high := math.Inf(1), math.Inf(-1)
	for i, h := range hosts {
		s, err := score(h)
		if err != nil {
			return err
		}
		if scores[i] = s; !math.IsNaN(s) {
			low, high = min(low, s), max(high, s)
		}
	}
	if !(high > low) {
		return nil
	}
	for i, s := range scores {
		if !math.IsNaN(s) {
			total[i] += w.Multiplier * normal(s, low, high)
		}
	}
	return nil
}

func normal(s, low, high float64) float64 {
	switch {
	case math.IsInf(low, -1) && !math.IsInf(s, -1), math.IsInf(high, 1) && math.IsInf(s, 1):
		return 1
	case math.IsInf(s, 0), math.IsInf(high, 1):
		return 0
	}
	return (s - low) / (high - low)
}

// pick sorts the hosts by weight and chooses the first one at random among the best.
func (p *Pipeline[R, H]) pick(weights []float64, hosts []H) []H {
	n := p.wanted(len(hosts))
	order := p.drawn(best(len(weights), n, func(a, b int) int {
		switch {
		case weights[a] > weights[b]:
			return -1
		case weights[a] < weights[b]:
			return 1
		}
		return a - b
	}), n)
	out := make([]H, len(order))
	for i, at := range order {
		out[i] = hosts[at]
	}
	return out
}

// wanted returns how many of the best of so many hosts are needed.
func (p *Pipeline[R, H]) wanted(hosts int) int {
	if p.Limit > 0 {
		return min(hosts, max(p.Limit, p.SubsetSize))
	}
	return hosts
}

// drawn puts a random one of the best in front of the n best hosts, and returns as many as the limit allows.
func (p *Pipeline[R, H]) drawn(order []int, n int) []int {
	if k := min(p.SubsetSize, n); k > 1 {
		draw := p.Rand
		if draw == nil {
			draw = rand.IntN
		}
		if i := draw(k); i > 0 {
			chosen := order[i]
			copy(order[1:i+1], order[:i])
			order[0] = chosen
		}
	}
	if p.Limit > 0 {
		order = order[:min(len(order), p.Limit)]
	}
	return order
}

// best returns the n first of the indexes below total, in the order of less.
func best(total, n int, less func(a, b int) int) []int {
	n = min(n, total)
	if n*16 > total {
		order := make([]int, total)
		for i := range order {
			order[i] = i
		}
		slices.SortFunc(order, less)
		return order[:n]
	}
	order := make([]int, 0, n+1) // few of many: one pass instead of a sort
	for i := range total {
		if len(order) == n && less(order[n-1], i) < 0 {
			continue
		}
		at, _ := slices.BinarySearchFunc(order, i, less)
		if order = slices.Insert(order, at, i); len(order) > n {
			order = order[:n]
		}
	}
	return order
}
