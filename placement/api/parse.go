package api

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"hypernova/oslo/api"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
	"hypernova/placement"
)

var (
	plainKey    = regexp.MustCompile(`^(resources|required|member_of|in_tree)()$`)
	numberedKey = regexp.MustCompile(`^(resources|required|member_of|in_tree)([1-9][0-9]*)?$`)
	namedKey    = regexp.MustCompile(`^(resources|required|member_of|in_tree)([a-zA-Z0-9_-]{1,64})?$`)
)

// cutKey splits the name of a parameter into what it says and of which group, as far as the version has it.
func cutKey(r *api.Request, key string) (what, suffix string, ok bool) {
	re := plainKey
	switch {
	case r.AtLeast(33):
		re = namedKey
	case r.AtLeast(25):
		re = numberedKey
	}
	m := re.FindStringSubmatch(key)
	if m == nil {
		return "", "", false
	}
	since := map[string]int{"resources": 10, "required": 17, "member_of": 21, "in_tree": 31}
	return m[1], m[2], r.AtLeast(since[m[1]])
}

func fill(r *api.Request, g *placement.RequestGroup, what, suffix string, values []string) (err error) {
	switch what {
	case "resources":
		g.Resources, err = resourcesOf(values[len(values)-1])
	case "required":
		g.Required, g.Forbidden, err = traitsOf(r, values)
	case "member_of":
		g.MemberOf, g.ForbiddenAggregates, err = aggregatesOf(r, suffix, values)
	case "in_tree":
		g.InTree = strings.TrimSpace(values[len(values)-1])
		if !ids.IsUUID(g.InTree) {
			return fault.Invalidf("Invalid query string parameters: Expected 'in_tree' parameter to be a format of uuid. Got: %s", g.InTree)
		}
		g.InTree = dashed(g.InTree)
	}
	return err
}

// resourcesOf reads VCPU:2,MEMORY_MB:1024.
func resourcesOf(s string) (placement.Resources, error) {
	out := placement.Resources{}
	for _, part := range strings.Split(s, ",") {
		class, amount, ok := strings.Cut(part, ":")
		if !ok || class == "" {
			return nil, fault.Invalidf(
				"Badly formed resources parameter. Expected resources query string parameter in form: ?resources=VCPU:2,MEMORY_MB:1024. Got: %s.", s)
		}
		n, err := strconv.ParseInt(strings.TrimSpace(amount), 10, 64)
		if err != nil || n > placement.MaxInt {
			return nil, fault.Invalidf("Requested resource %s expected positive integer amount. Got: %s.", class, amount)
		}
		if n < 1 {
			return nil, fault.Invalidf("Requested resource %s requires amount >= 1. Got: %d.", class, n)
		}
		out[class] = n
	}
	return out, nil
}

// traitsOf reads the values of required: before 1.39 only the last one counts.
func traitsOf(r *api.Request, values []string) (required [][]string, forbidden []string, err error) {
	if !r.AtLeast(39) && len(values) > 0 {
		values = values[len(values)-1:]
	}
	for _, v := range values {
		some, not, err := traitNames(v, r.AtLeast(22), r.AtLeast(39))
		if err != nil {
			return nil, nil, err
		}
		required, forbidden = append(required, some...), append(forbidden, not...)
	}
	return required, forbidden, nil
}

// traitNames reads A,!B or in:A,B, as far as the version has it.
func traitNames(v string, mayForbid, mayChoose bool) (required [][]string, forbidden []string, err error) {
	bad := fault.Invalidf("Invalid query string parameters: Expected 'required' parameter value of the form: HW_CPU_X86_VMX,CUSTOM_MAGIC. Got: %q", v)
	if choice, ok := strings.CutPrefix(v, "in:"); ok {
		if !mayChoose {
			return nil, nil, fault.Invalidf(
				"Invalid query string parameters: The format 'in:HW_CPU_X86_VMX,CUSTOM_MAGIC' only supported since microversion 1.39. Got: %s", v)
		}
		any := splitList(choice)
		if any == nil || slices.ContainsFunc(any, func(s string) bool { return s[0] == '!' }) {
			return nil, nil, bad
		}
		return [][]string{any}, nil, nil
	}
	names := splitList(v)
	if names == nil {
		return nil, nil, bad
	}
	for _, n := range names {
		not, ok := strings.CutPrefix(n, "!")
		switch {
		case !ok:
			required = append(required, []string{n})
		case !mayForbid || not == "":
			return nil, nil, bad
		default:
			forbidden = append(forbidden, not)
		}
	}
	return required, forbidden, nil
}

// splitList splits at commas; nil if a part is empty.
func splitList(s string) []string {
	parts := strings.Split(s, ",")
	for i := range parts {
		if parts[i] = strings.TrimSpace(parts[i]); parts[i] == "" {
			return nil
		}
	}
	return parts
}

// aggregatesOf reads the values of member_of: UUID, in:UUID,UUID, and with ! in front the opposite.
func aggregatesOf(r *api.Request, suffix string, values []string) (required [][]string, forbidden []string, err error) {
	if len(values) > 1 && !r.AtLeast(24) {
		return nil, nil, fault.Invalidf("Multiple member_of%s parameters are not supported", suffix)
	}
	for _, v := range values {
		not := strings.HasPrefix(v, "!")
		list, several := strings.CutPrefix(strings.TrimPrefix(v, "!"), "in:")
		if not && !r.AtLeast(32) {
			return nil, nil, fault.Invalidf("Forbidden member_of%s parameters are not supported in the specified microversion",
				suffix)
		}
		if !several && strings.Contains(list, ",") {
			return nil, nil, fault.Invalidf(
				"Multiple values for 'member_of' must be prefixed with the 'in:' or '!in:' keyword using the valid microversion. Got: %s", v)
		}
		names := strings.Split(list, ",")
		if err := uuids(names); err != nil {
			return nil, nil, fault.Invalidf(
				"Invalid query string parameters: Expected 'member_of' parameter to contain valid UUID(s). Got: %s", v)
		}
		for i := range names {
			names[i] = dashed(names[i])
		}
		if not {
			forbidden = append(forbidden, names...)
		} else {
			required = append(required, names)
		}
	}
	return required, forbidden, nil
}

func uuids(list []string) error {
	for _, s := range list {
		if !ids.IsUUID(s) {
			return fault.Invalidf("%q is not a UUID.", s)
		}
	}
	return nil
}

// both is a name that is in both lists, if there is one.
func both(a, b []string) string {
	for _, s := range a {
		if slices.Contains(b, s) {
			return s
		}
	}
	return ""
}
