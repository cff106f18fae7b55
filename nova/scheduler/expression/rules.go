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
	// Filter is a filter of the scheduler.
	Filter = choose.Filter[*snapshot.Request, *snapshot.Host]
	// Weigher is a weigher of the scheduler.
	Weigher = choose.Weigher[*snapshot.Request, *snapshot.Host]
)

// Filters compiles the filters, in their order. It returns fault.Invalid with the position and reason for a bad
// expression. taken are the names of the built-in filters.
func Filters(c Config, taken []string) ([]Filter, error) {
	rs, err := rules("expression_filter", c.Filters, false, taken)
	var fs []Filter
	for _, r := range rs {
		fs = append(fs, Filter{Name: r.name, Make: r.filter})
	}
	return fs, err
}

// Weighers compiles the weighers. It returns fault.Invalid with the position and reason for a bad expression.
func Weighers(c Config) ([]Weigher, error) {
	rs, err := rules("expression_weigher", c.Weighers, true, nil)
	var ws []Weigher
	for _, r := range rs {
		ws = append(ws, Weigher{Name: r.name, Multiplier: r.multiplier, Make: r.weigher})
	}
	return ws, err
}

// filter makes the filter for one request.
func (r *rule) filter(q *snapshot.Request) (func(*snapshot.Host) choose.Verdict, error) {
	vars := &variables{request: q}
	rejected := choose.Drop("does not pass the rule %s", r.name)
	return func(h *snapshot.Host) choose.Verdict {
		v, err := r.eval(vars, h)
		if err != nil {
			return choose.Fail(err)
		}
		switch v := v.(type) {
		case types.Bool:
			if v {
				return choose.Pass()
			}
			return rejected
		case types.String:
			if v == "" {
				return choose.Pass()
			}
			return choose.Drop(string(v))
		}
		return choose.Fail(r.failed(h, fmt.Errorf("it answered a %s", v.Type().TypeName())))
	}, nil
}

// weigher makes the weigher for one request.
func (r *rule) weigher(q *snapshot.Request) (func(*snapshot.Host) (float64, error), error) {
	vars := &variables{request: q}
	return func(h *snapshot.Host) (float64, error) {
		v, err := r.eval(vars, h)
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

// eval evaluates the expression for a host.
func (r *rule) eval(vars *variables, h *snapshot.Host) (ref.Val, error) {
	vars.host = h
	v, _, err := r.program.Eval(vars)
	if err != nil {
		return nil, r.failed(h, err)
	}
	return v, nil
}

// failed returns the error of an evaluation. The server's user reads it; only an operator can correct the expression.
func (r *rule) failed(h *snapshot.Host, err error) error {
	return fault.New(fault.NoValidHost,
		"No valid host was found. The operator's rule %s ([filter_scheduler] %s) cannot be evaluated for host %s: %v.",
		r.name, r.option, h.Name(), err)
}

// variables are the variables of one evaluation.
type variables struct {
	request *snapshot.Request
	host    *snapshot.Host
}

// ResolveName returns a variable.
func (v *variables) ResolveName(name string) (any, bool) {
	switch name {
	case "host":
		return v.host, true
	case "request":
		return v.request, true
	}
	return nil, false
}

// Parent is nil: there are no other variables.
func (v *variables) Parent() interpreter.Activation { return nil }
