package choose_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"hypernova/oslo/choose"
)

// ranked is a host of the property test.
type ranked struct {
	name string
	up   bool
	free [3]float64
}

// A Ranking answers what Run answers, after any changes of the hosts.
func TestARankingAnswersWhatARunDoes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		free := rapid.OneOf(rapid.SampledFrom([]float64{0, 1, 2, 8, 1000, math.Inf(1), math.Inf(-1), math.NaN()}),
			rapid.Float64Range(0, 100))
		change := func(h *ranked) {
			h.up = rapid.IntRange(0, 9).Draw(t, "up") > 0
			for i := range h.free {
				h.free[i] = free.Draw(t, "free")
			}
		}
		hosts := make([]*ranked, rapid.IntRange(0, 40).Draw(t, "hosts"))
		for i := range hosts {
			hosts[i] = &ranked{name: fmt.Sprintf("h%d", i)}
			change(hosts[i])
		}
		least := rapid.Float64Range(0, 3).Draw(t, "least")
		p := &choose.Pipeline[float64, *ranked]{
			Name: func(h *ranked) string { return h.name },
			Filters: []choose.Filter[float64, *ranked]{
				{Name: "Up", Make: func(float64) (func(*ranked) choose.Verdict, error) {
					return func(h *ranked) choose.Verdict { return choose.Verdict{Pass: h.up, Reason: "is down"} }, nil
				}},
				{Name: "Nothing", Make: func(float64) (func(*ranked) choose.Verdict, error) { return nil, nil }},
				{Name: "Room", Make: func(least float64) (func(*ranked) choose.Verdict, error) {
					return func(h *ranked) choose.Verdict {
						return choose.Verdict{Pass: !(h.free[0] < least), Reason: "is full"}
					}, nil
				}},
			},
			SubsetSize: rapid.IntRange(0, 4).Draw(t, "subset"),
			Limit:      rapid.IntRange(0, 5).Draw(t, "limit"),
			Rand:       func(n int) int { return n - 1 },
		}
		for i := range 3 {
			p.Weighers = append(p.Weighers, choose.Weigher[float64, *ranked]{Name: fmt.Sprint(i),
				Multiplier: rapid.SampledFrom([]float64{1, -1, 0, 0.25}).Draw(t, "multiplier"),
				Score:      func(_ float64, h *ranked) float64 { return h.free[i] }})
		}
		k, err := p.Rank(least, hosts)
		if err != nil {
			t.Fatal(err)
		}
		for step := range rapid.IntRange(1, 12).Draw(t, "steps") {
			want, why, err := p.Run(least, hosts)
			got, brief := k.Best()
			if !slices.Equal(got, want) || (err == nil) != (len(got) > 0) {
				t.Fatalf("step %d: got %v, want %v (%v)", step, named(got), named(want), err)
			}
			if brief.Hosts != why.Hosts || brief.Left != why.Left {
				t.Fatalf("step %d: explained %+v, want %+v", step, brief, why)
			}
			for i, s := range why.Stages {
				if b := brief.Stages[i]; b.Filter != s.Filter || b.In != s.In || b.Out != s.Out {
					t.Fatalf("step %d: stage %+v, want %+v", step, b, s)
				}
			}
			for range rapid.IntRange(0, 3).Draw(t, "changes") {
				if len(hosts) == 0 {
					break
				}
				i := rapid.IntRange(0, len(hosts)-1).Draw(t, "changed")
				if rapid.Bool().Draw(t, "alike") { // as another host is
					*hosts[i] = ranked{hosts[i].name, true, hosts[rapid.IntRange(0, len(hosts)-1).Draw(t, "model")].free}
				} else {
					change(hosts[i])
				}
				if err := k.Changed(i); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}

func named(hs []*ranked) (names []string) {
	for _, h := range hs {
		names = append(names, h.name)
	}
	return names
}
