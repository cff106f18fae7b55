package expression

import (
	"fmt"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"

	"hypernova/nova/scheduler/snapshot"
	"hypernova/oslo/choose"
	"hypernova/oslo/fault"
)

type (
	// Filter is one rule, as the scheduler's own.
	Filter = choose.Filter[*snapshot.Request, *snapshot.Host]
	// Weigher is one score, as the scheduler's own.
	Weigher = choose.Weigher[*snapshot.Request, *snapshot.Host]
)

// Filters compiles the filters, in the order they were given. A line that cannot be used is fault.Invalid and says where and why.
// taken are the names of filters that exist.
func Filters(c Config, taken []string) ([]Filter, error) {
	rs, err := rules("expression_filter", c.Filters, false, taken)
	var fs []Filter
	for _, r := range rs {
		fs = append(fs, Filter{Name: r.name, Make: r.filter})
	}
	return fs, err
}

// Weighers compiles the weighers. A line that cannot be used is fault.Invalid.
func Weighers(c Config) ([]Weigher, error) {
	rs, err := rules("expression_weigher", c.Weighers, true, nil)
	var ws []Weigher
	for _, r := range rs {
		ws = append(ws, Weigher{Name: r.name, Multiplier: r.multiplier, Make: r.weigher})
	}
	return ws, err
}

func (r *rule) filter(q *snapshot.Request) (func(*snapshot.Host) choose.Verdict, error) {
	at := &pair{request: q}
	refused := choose.Drop("does not pass the rule %s", r.name)
	return func(h *snapshot.Host) choose.Verdict {
		v, err := r.eval(at, h)
		if err != nil {
			return choose.Fail(err)
		}
		switch v := v.(type) {
		case types.Bool:
			if v {
				return choose.Pass()
			}
			return refused
		case types.String:
			if v == "" {
				return choose.Pass()
			}
			return choose.Drop(string(v))
		}
		return choose.Fail(r.failed(h, fmt.Errorf("it answered a %s", v.Type().TypeName())))
	}, nil
}

func (r *rule) weigher(q *snapshot.Request) (func(*snapshot.Host) (float64, error), error) {
	at := &pair{request: q}
	return func(h *snapshot.Host) (float64, error) {
		v, err := r.eval(at, h)
		if err != nil {
			return 0, err
		}
		switch v := v.(type) {
		case types.Int:
			return float64(v), nil
		case types.Uint:
			return float64(v), nil
		case types.Double:
			return float64(v), nil
		}
		return 0, r.failed(h, fmt.Errorf("it answered a %s", v.Type().TypeName()))
	}, nil
}

func (r *rule) eval(at *pair, h *snapshot.Host) (ref.Val, error) {
	at.host = h
	v, _, err := r.program.Eval(at)
	if err != nil {
		return nil, r.failed(h, err)
	}
	return v, nil
}

// failed is what the user of the server reads; only an operator can do something about it.
func (r *rule) failed(h *snapshot.Host, err error) error {
	return fault.New(fault.NoValidHost, "No valid host was found. The operator's rule %s ([filter_scheduler] %s) cannot be evaluated for host %s: %v.",
		r.name, r.option, h.Name(), err)
}

// pair is the variables of one evaluation.
type pair struct {
	request *snapshot.Request
	host    *snapshot.Host
}

// ResolveName finds a variable.
func (p *pair) ResolveName(name string) (any, bool) {
	switch name {
	case "host":
		return p.host, true
	case "request":
		return p.request, true
	}
	return nil, false
}

// Parent is nobody: there are no other variables.
func (p *pair) Parent() interpreter.Activation { return nil }
