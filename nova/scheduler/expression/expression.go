// Package expression provides scheduler filters and weighers that an operator writes in CEL. An expression reads a host
// and a request, and nothing else: it cannot loop for ever, keep state or reach out.
//
// It is compiled and its types are checked at start. One that could become dear on a single host is refused then, and no evaluation may
// go over the bound. One that fails on a request rejects the request with the reason: a rule that was skipped would let through what
// it is there to stop.
package expression

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common"

	"hypernova/oslo/fault"
)

// Config is the options, which [filter_scheduler] embeds.
type Config struct {
	Filters  []string `conf:"expression_filter" multi:"true" help:"A filter of your own, as \"name: expression\" in CEL over host and request. The expression is true where the host will do; or it is a text that says why it will not, empty where it will. May be given several times; a line that begins with white space goes on with the one before. Example: licensed: request.image.properties.os_type != 'windows' || 'CUSTOM_WINDOWS' in host.traits"`
	Weighers []string `conf:"expression_weigher" multi:"true" help:"A weigher of your own, as \"name multiplier: expression\". The expression is a number; hosts with a larger one are preferred, by the multiplier, which is 1 where it is left out. May be given several times. Example: fewest-servers -2.5: host.servers"`
}

// perHost bounds one evaluation, in CEL's units of cost; a comparison of two numbers costs one to three of them.
const perHost = 20_000

// rule is one compiled line.
type rule struct {
	option, name string
	multiplier   float64
	program      cel.Program
	text         bool // a filter that says why
}

var names = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]*$`)

// rules compiles the lines of an option. taken are names that may not be used again.
func rules(option string, lines []string, weigher bool, taken []string) ([]*rule, error) {
	var rs []*rule
	for _, line := range lines {
		r, text, err := split(option, line, weigher)
		if err != nil {
			return nil, err
		}
		if slices.Contains(taken, r.name) {
			return nil, fault.Invalidf("%s: the name %q is taken", option, r.name)
		}
		taken = append(taken, r.name)
		if err := r.compile(text, weigher); err != nil {
			return nil, err
		}
		rs = append(rs, r)
	}
	return rs, nil
}

// split reads "name: expression" or "name multiplier: expression".
func split(option, line string, weigher bool) (*rule, string, error) {
	head, text, ok := strings.Cut(line, ":")
	r := &rule{option: option, multiplier: 1}
	parts := strings.Fields(head)
	most, form := 1, "name: expression"
	if weigher {
		most, form = 2, "name multiplier: expression"
	}
	text = strings.TrimSpace(text)
	if !ok || len(parts) == 0 || len(parts) > most || text == "" || !names.MatchString(parts[0]) {
		return nil, "", fault.Invalidf("%s: %q is not of the form \"%s\"", option, line, form)
	}
	r.name = parts[0]
	if len(parts) == 2 {
		var err error
		if r.multiplier, err = strconv.ParseFloat(parts[1], 64); err != nil {
			return nil, "", fault.Invalidf("%s: %s: the multiplier %q is no number", option, r.name, parts[1])
		}
	}
	return r, text, nil
}

func (r *rule) compile(text string, weigher bool) error {
	seen := &fields{}
	env, err := environment(seen)
	if err != nil {
		return err
	}
	ast, issues := env.CompileSource(common.NewStringSource(text, r.name))
	if issues.Err() != nil {
		hint := ""
		if len(seen.missed) > 0 {
			hint = "\n" + strings.Join(seen.missed, "\n")
		}
		return fault.Invalidf("%s: %s does not compile:\n%s%s", r.option, r.name, issues.String(), hint)
	}
	if err := r.answers(ast.OutputType(), weigher); err != nil {
		return err
	}
	cost, err := env.EstimateCost(ast, sizes{})
	if err != nil {
		return err
	}
	if cost.Max > perHost {
		return fault.Invalidf("%s: %s could cost %d units on one host, and %d are allowed: loops within loops are dear", r.option, r.name, cost.Max, perHost)
	}
	r.program, err = env.Program(ast, cel.EvalOptions(cel.OptOptimize), cel.CostLimit(perHost))
	if err != nil {
		return fault.Invalidf("%s: %s: %v", r.option, r.name, err)
	}
	return nil
}

// answers checks the type of the expression.
func (r *rule) answers(t *cel.Type, weigher bool) error {
	switch {
	case weigher && (t.IsExactType(cel.IntType) || t.IsExactType(cel.DoubleType) || t.IsExactType(cel.UintType)):
		return nil
	case weigher:
		return fault.Invalidf("%s: %s must be a number, and is of type %s", r.option, r.name, t)
	case t.IsExactType(cel.StringType):
		r.text = true
		return nil
	case t.IsExactType(cel.BoolType):
		return nil
	}
	return fault.Invalidf("%s: %s must be true or false, or a text that says why not, and is of type %s", r.option, r.name, t)
}
