// Package expression provides scheduler filters and weighers that an operator writes in CEL, the Common Expression
// Language. An expression reads a host and a request, and nothing else: it has no state, no input or output and no
// unbounded loop.
//
// Expressions are compiled and type-checked at start. An expression whose estimated cost on one host exceeds the bound
// is rejected then, and an evaluation that exceeds it fails. If an evaluation fails, the request is rejected with the
// reason: a filter that is skipped would allow what it exists to prevent.
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

// Config has the options of this package, which are part of the section [filter_scheduler].
type Config struct {
	Filters  []string `conf:"expression_filter" multi:"true" help:"A filter of your own, as \"name: expression\" in CEL over host and request. The expression is true where the host will do; or it is a text that says why it will not, empty where it will. May be given several times; a line that begins with white space goes on with the one before. Example: licensed: request.image.properties.os_type != 'windows' || 'CUSTOM_WINDOWS' in host.traits"`
	Weighers []string `conf:"expression_weigher" multi:"true" help:"A weigher of your own, as \"name multiplier: expression\". The expression is a number; hosts with a larger one are preferred, by the multiplier, which is 1 where it is left out. May be given several times. Example: fewest-servers -2.5: host.servers"`
}

// perHost bounds the cost of one evaluation, in CEL's units. A comparison of two numbers costs one to three units.
const perHost = 20_000

// rule is one compiled filter or weigher.
type rule struct {
	option, name string
	multiplier   float64
	program      cel.Program
	text         bool // the filter returns a text: the reason, or empty if the host passes
}

// names matches the names that a filter or weigher may have.
var names = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]*$`)

// rules compiles the values of an option. taken are names that are in use.
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

// split parses "name: expression" or "name multiplier: expression". It returns the expression.
func split(option, line string, weigher bool) (*rule, string, error) {
	head, text, ok := strings.Cut(line, ":")
	r := &rule{option: option, multiplier: 1}
	parts := strings.Fields(head)
	words, form := 1, "name: expression"
	if weigher {
		words, form = 2, "name multiplier: expression"
	}
	text = strings.TrimSpace(text)
	if !ok || len(parts) == 0 || len(parts) > words || text == "" || !names.MatchString(parts[0]) {
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

// compile compiles an expression and checks its type and cost.
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
	if err := r.checkType(ast.OutputType(), weigher); err != nil {
		return err
	}
	cost, err := env.EstimateCost(ast, sizes{})
	if err != nil {
		return err
	}
	if cost.Max > perHost {
		return fault.Invalidf("%s: %s could cost %d units on one host, and %d are allowed: loops within loops are dear",
			r.option, r.name, cost.Max, perHost)
	}
	r.program, err = env.Program(ast, cel.EvalOptions(cel.OptOptimize), cel.CostLimit(perHost))
	if err != nil {
		return fault.Invalidf("%s: %s: %v", r.option, r.name, err)
	}
	return nil
}

// checkType checks the type of the expression's result.
func (r *rule) checkType(t *cel.Type, weigher bool) error {
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
	return fault.Invalidf("%s: %s must be true or false, or a text that says why not, and is of type %s",
		r.option, r.name, t)
}
