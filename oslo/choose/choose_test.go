package choose_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hypernova/oslo/choose"
	"hypernova/oslo/fault"
)

type host struct {
	name     string
	free     int
	cpus     float64
	disabled bool
}

func ram(need int) (func(host) choose.Verdict, error) {
	return func(h host) choose.Verdict {
		if h.free < need {
			return choose.Drop("needs %d MiB, %d MiB free", need, h.free)
		}
		return choose.Pass()
	}, nil
}

func enabled(int) (func(host) choose.Verdict, error) {
	return func(h host) choose.Verdict {
		if h.disabled {
			return choose.Drop("disabled by an administrator")
		}
		return choose.Pass()
	}, nil
}

func pipeline() *choose.Pipeline[int, host] {
	return &choose.Pipeline[int, host]{
		Filters: []choose.Filter[int, host]{{Name: "RamFilter", Make: ram}, {Name: "ComputeFilter", Make: enabled}},
		Weighers: []choose.Weigher[int, host]{{Name: "RAM", Multiplier: 1,
			Score: func(_ int, h host) float64 { return float64(h.free) }}},
		Name: func(h host) string { return h.name },
	}
}

func names(hs []host) (ns []string) {
	for _, h := range hs {
		ns = append(ns, h.name)
	}
	return ns
}

func TestNoValidHostNamesEachFilter(t *testing.T) {
	t.Parallel()
	hosts := []host{{name: "h1", free: 512}, {name: "h2", free: 512}, {name: "h3", free: 4096, disabled: true}}
	before := slices.Clone(hosts)
	got, e, err := pipeline().Run(2048, hosts)
	const want = "No valid host was found: 3 hosts; RamFilter dropped 2 (needs 2048 MiB, 512 MiB free: h1, h2); " +
		"ComputeFilter dropped 1 (disabled by an administrator: h3)"
	if len(got) != 0 || !fault.Is(err, fault.NoValidHost) || fault.Message(err) != want || e.String() != want {
		t.Errorf("got %v, %v, %q", got, err, e)
	}
	if !slices.Equal(hosts, before) {
		t.Errorf("the caller's hosts were changed: %v", hosts)
	}
}

func TestExplanationTexts(t *testing.T) {
	t.Parallel()
	many := make([]host, 30)
	for i := range many {
		many[i] = host{name: fmt.Sprintf("h%d", i), free: i % 25}
	}
	for _, c := range []struct {
		name  string
		hosts []host
		need  int
		want  string
	}{
		{"no hosts", nil, 1, "No valid host was found: there are no hosts"},
		{"success", []host{{name: "a", free: 1}, {name: "b", free: 5}}, 2,
			"2 hosts; RamFilter dropped 1 (needs 2 MiB, 1 MiB free: a); 1 left"},
		{"many reasons", many, 100,
			"No valid host was found: 30 hosts; RamFilter dropped 30 (needs 100 MiB, 0 MiB free: h0, h25; " +
				"needs 100 MiB, 1 MiB free: h1, h26; needs 100 MiB, 2 MiB free: h2, h27; 24 for other reasons)"},
		{"many hosts", slices.Repeat([]host{{name: "x"}}, 9), 1,
			"No valid host was found: 9 hosts; RamFilter dropped 9 (needs 1 MiB, 0 MiB free: x, x, x and 6 more)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, e, _ := pipeline().Run(c.need, c.hosts)
			if diff := cmp.Diff(c.want, e.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestFilterErrorRejectsTheRequest(t *testing.T) {
	t.Parallel()
	p := pipeline()
	p.Filters = append(p.Filters, choose.Filter[int, host]{Name: "Bad",
		Make: func(int) (func(host) choose.Verdict, error) {
			return nil, fault.Invalidf("group is not there")
		}}, choose.Filter[int, host]{Name: "Never", Make: func(int) (func(host) choose.Verdict, error) {
		return nil, errors.New("asked after an error")
	}})
	got, e, err := p.Run(0, []host{{name: "a"}})
	if got != nil || !fault.Is(err, fault.Invalid) || len(e.Stages) != 2 {
		t.Errorf("got %v, %v, %+v", got, err, e)
	}
}

func TestNilCheckPassesAll(t *testing.T) {
	t.Parallel()
	p := pipeline()
	p.Filters = []choose.Filter[int, host]{{Name: "Off", Make: func(int) (func(host) choose.Verdict,
		error) {
		return nil, nil
	}}}
	if got, _, err := p.Run(0, []host{{name: "a"}, {name: "b"}}); len(got) != 2 || err != nil {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestWeights(t *testing.T) {
	t.Parallel()
	hosts := []host{{name: "a", free: 1000, cpus: 4}, {name: "b", free: 2000, cpus: 1}, {name: "c", free: 3000, cpus: 2},
		{name: "d", free: 1000, cpus: math.NaN()}}
	free := func(_ int, h host) float64 { return float64(h.free) }
	cpus := func(_ int, h host) float64 { return h.cpus }
	w := func(m float64, f func(int, host) float64) choose.Weigher[int, host] {
		return choose.Weigher[int, host]{Multiplier: m, Score: f}
	}
	for _, c := range []struct {
		name string
		ws   []choose.Weigher[int, host]
		want []string
	}{
		{"most free first", []choose.Weigher[int, host]{w(1, free)}, []string{"c", "b", "a", "d"}},
		{"negative stacks", []choose.Weigher[int, host]{w(-1, free)}, []string{"a", "d", "b", "c"}},
		{"no weighers keep the order", nil, []string{"a", "b", "c", "d"}},
		{"scales do not matter, multipliers do", []choose.Weigher[int, host]{w(1, free), w(3, cpus)},
			[]string{"a", "c", "b", "d"}},
		{"all the same has no say", []choose.Weigher[int, host]{w(100, func(int, host) float64 { return 7 }), w(1, free)},
			[]string{"c", "b", "a", "d"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := choose.Pipeline[int, host]{Weighers: c.ws, Name: func(h host) string { return h.name }}
			got, _, err := p.Run(0, hosts)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, names(got)); diff != "" {
				t.Error(diff)
			}
			for limit := 1; limit <= len(hosts); limit++ {
				p.Limit = limit
				some, _, _ := p.Run(0, hosts)
				if diff := cmp.Diff(c.want[:limit], names(some)); diff != "" {
					t.Errorf("limit %d: %s", limit, diff)
				}
			}
		})
	}
}

func TestSubsetDrawsTheFirst(t *testing.T) {
	t.Parallel()
	hosts := make([]host, 100)
	for i := range hosts {
		hosts[i] = host{name: fmt.Sprint(i), free: 100 - i}
	}
	p := pipeline()
	p.SubsetSize, p.Limit = 3, 4
	p.Rand = func(n int) int {
		if n != 3 {
			t.Errorf("drew out of %d", n)
		}
		return 2
	}
	got, _, err := p.Run(0, hosts)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"2", "0", "1", "3"}, names(got)); diff != "" {
		t.Error(diff)
	}
}

func BenchmarkRun10000(b *testing.B) {
	hosts := make([]host, 10000)
	for i := range hosts {
		hosts[i] = host{name: fmt.Sprint("host-", i), free: i * 7919 % 10000, disabled: i%10 == 0}
	}
	for _, limit := range []int{0, 4} {
		b.Run(fmt.Sprint("limit ", limit), func(b *testing.B) {
			p := pipeline()
			p.Limit = limit
			for b.Loop() {
				if _, _, err := p.Run(5, hosts); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestFailingCheckRejectsTheRequest(t *testing.T) {
	t.Parallel()
	broken := errors.New("no such key")
	var seen []string
	p := pipeline()
	p.Took = func(sort, name string, _ time.Duration, err error) {
		seen = append(seen, fmt.Sprint(sort, " ", name, " ", err))
	}
	p.Filters = append(p.Filters, choose.Filter[int, host]{Name: "Rule",
		Make: func(int) (func(host) choose.Verdict, error) {
			return func(h host) choose.Verdict { return choose.Fail(broken) }, nil
		}})
	got, e, err := p.Run(0, []host{{name: "a"}})
	if got != nil || !errors.Is(err, broken) || e.Left == 0 {
		t.Errorf("got %v, %v, %+v", got, err, e)
	}
	if diff := cmp.Diff([]string{"filter RamFilter <nil>", "filter ComputeFilter <nil>", "filter Rule no such key"},
		seen); diff != "" {
		t.Error(diff)
	}
}

func TestFailingScoreRejectsTheRequest(t *testing.T) {
	t.Parallel()
	broken := errors.New("division by zero")
	p := pipeline()
	p.Weighers = append(p.Weighers, choose.Weigher[int, host]{Name: "Rule", Multiplier: 1,
		Make: func(int) (func(host) (float64, error), error) {
			return func(h host) (float64, error) {
				if h.name == "b" {
					return 0, broken
				}
				return 1, nil
			}, nil
		}})
	if got, e, err := p.Run(0, []host{{name: "a"}, {name: "b"}}); got != nil || !errors.Is(err, broken) || e.Left != 2 {
		t.Errorf("got %v, %v", got, err)
	}
	if got, _, err := p.Run(0, []host{{name: "a"}, {name: "c", free: 1}}); len(got) != 2 || err != nil {
		t.Errorf("got %v, %v", got, err)
	}
}
