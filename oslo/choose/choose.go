// Package choose is filter → weigh → pick with an explanation: which hosts a request may use, the best first, and why the others not.
package choose

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"hypernova/oslo/fault"
)

// Verdict is a check's answer; a refusal has a reason in a user's words ("has 512 MiB free, 2048 asked").
// Hosts with the same words are told together, so a check that refuses many best makes its verdict once.
type Verdict struct {
	Pass   bool
	Reason string
}

// Pass lets the host stay.
func Pass() Verdict { return Verdict{Pass: true} }

// Drop takes the host out.
func Drop(reason string, args ...any) Verdict {
	if len(args) > 0 {
		reason = fmt.Sprintf(reason, args...)
	}
	return Verdict{Reason: reason}
}

// Filter makes a check for one request R over hosts H; a nil check passes all. An error rejects the request, never skips the filter.
type Filter[R, H any] struct {
	Name string
	Make func(R) (func(H) Verdict, error)
}

// Weigher scores a host for a request; scores are normalised to 0..1 over the hosts that are left, then multiplied.
// Where all hosts score the same the weigher has no say. A score that is no number counts as the lowest.
type Weigher[R, H any] struct {
	Name       string
	Multiplier float64
	Score      func(R, H) float64
}

// Pipeline picks. It is read-only while it runs, so one value serves all requests.
type Pipeline[R, H any] struct {
	Filters    []Filter[R, H]
	Weighers   []Weigher[R, H]
	Name       func(H) string
	SubsetSize int             // the first of the result is a random one of this many best; 0 and 1: the best
	Limit      int             // at most this many in the result; 0: all
	Rand       func(n int) int // 0 ≤ r < n; nil: random
}

// Run returns hosts best first, and the explanation (always, also on success). Hosts of equal weight keep their order.
// No host left is fault.NoValidHost with the explanation as its text. hosts is not changed.
func (p *Pipeline[R, H]) Run(r R, hosts []H) ([]H, Explanation, error) {
	e := Explanation{Hosts: len(hosts), Left: len(hosts)}
	left, own := hosts, false
	for _, f := range p.Filters {
		check, err := f.Make(r)
		if err != nil {
			return nil, e, fmt.Errorf("%s: %w", f.Name, err)
		}
		if check == nil || len(left) == 0 {
			e.Stages = append(e.Stages, Stage{Filter: f.Name, In: len(left), Out: len(left)})
			continue
		}
		stage := Stage{Filter: f.Name, In: len(left)}
		if !own {
			left, own = slices.Clone(left), true // the caller's slice stays as it is
		}
		left = p.filter(check, left, &stage)
		stage.Out = len(left)
		e.Left = len(left)
		e.Stages = append(e.Stages, stage)
	}
	if len(left) == 0 {
		return nil, e, fault.New(fault.NoValidHost, "%s", e.String())
	}
	return p.pick(p.weigh(r, left), left), e, nil
}

// filter keeps the passing hosts, in place.
func (p *Pipeline[R, H]) filter(check func(H) Verdict, hosts []H, s *Stage) []H {
	kept := hosts[:0]
	last := -1
	for _, h := range hosts {
		v := check(h)
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
	return kept
}

func (p *Pipeline[R, H]) weigh(r R, hosts []H) []float64 {
	total, scores := make([]float64, len(hosts)), make([]float64, len(hosts))
	for _, w := range p.Weighers {
		if w.Multiplier == 0 {
			continue
		}
		low, high := math.Inf(1), math.Inf(-1)
		for i, h := range hosts {
			s := w.Score(r, h)
			if scores[i] = s; !math.IsNaN(s) {
				low, high = min(low, s), max(high, s)
			}
		}
		if !(high > low) {
			continue
		}
		for i, s := range scores {
			if !math.IsNaN(s) {
				total[i] += w.Multiplier * normal(s, low, high)
			}
		}
	}
	return total
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

// pick orders the hosts by weight and draws the first of the best few.
func (p *Pipeline[R, H]) pick(weights []float64, hosts []H) []H {
	n := len(hosts)
	if p.Limit > 0 {
		n = min(n, max(p.Limit, p.SubsetSize))
	}
	order := best(weights, n)
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
	out := make([]H, len(order))
	for i, at := range order {
		out[i] = hosts[at]
	}
	return out
}

// best is the indexes of the n greatest weights, greatest first, equal ones by index.
func best(weights []float64, n int) []int {
	less := func(a, b int) int {
		switch {
		case weights[a] > weights[b]:
			return -1
		case weights[a] < weights[b]:
			return 1
		}
		return a - b
	}
	if n*16 > len(weights) {
		order := make([]int, len(weights))
		for i := range order {
			order[i] = i
		}
		slices.SortFunc(order, less)
		return order[:n]
	}
	order := make([]int, 0, n+1) // a few out of many: one pass, no sort
	for i := range weights {
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
