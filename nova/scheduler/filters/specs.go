package filters

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"hypernova/nova/scheduler/snapshot"
	"hypernova/oslo/choose"
	"hypernova/placement"
)

// capabilities is ComputeCapabilitiesFilter: it compares the extra specs capabilities:NAME, and NAME without a scope if
// hosts report it, with what the hypervisor reports.
func capabilities(r *snapshot.Request) (check, error) {
	type spec struct {
		path []string
		want string
		bare bool
	}
	var specs []spec
	for _, k := range slices.Sorted(maps.Keys(r.Ask.Specs)) {
		path := strings.Split(k, ":")
		switch {
		case len(path) == 1:
			specs = append(specs, spec{path, r.Ask.Specs[k], true})
		case path[0] == "capabilities":
			specs = append(specs, spec{path[1:], r.Ask.Specs[k], false})
		}
	}
	if len(specs) == 0 {
		return nil, nil
	}
	return func(h *snapshot.Host) choose.Verdict {
		for _, s := range specs {
			have, ok := capability(h, s.path)
			if !ok && s.bare {
				continue
			}
			if name := strings.Join(s.path, ":"); !ok {
				return choose.Drop("does not report %s", name)
			} else if !Match(have, s.want) {
				return choose.Drop("has %s %s, %q asked", name, have, s.want)
			}
		}
		return choose.Pass()
	}, nil
}

// capability returns a capability of a host by nova's name for it.
func capability(h *snapshot.Host, path []string) (string, bool) {
	if len(path) > 1 {
		if path[0] != "cpu_info" {
			return "", false
		}
		var value any = h.CPU()
		for _, p := range path[1:] {
			m, ok := value.(map[string]any)
			if !ok {
				return "", false
			}
			if value, ok = m[p]; !ok {
				return "", false
			}
		}
		return fmt.Sprint(value), true
	}
	switch path[0] {
	case "host":
		return h.Name(), true
	case "hypervisor_hostname", "nodename":
		return h.Node.Name, true
	case "hypervisor_type":
		return h.Node.Type, true
	case "hypervisor_version":
		return strconv.Itoa(h.Node.Version), true
	case "total_usable_ram_mb":
		return fmt.Sprint(h.Node.MemoryMB), true
	case "free_ram_mb":
		return fmt.Sprint(h.Free(placement.MemoryMB)), true
	case "total_usable_disk_gb":
		return fmt.Sprint(h.Node.DiskGB), true
	case "vcpus_total":
		return fmt.Sprint(h.Node.VCPUs), true
	case "vcpus_used":
		return fmt.Sprint(h.Provider.Used[placement.VCPU]), true
	case "num_instances":
		return strconv.Itoa(h.Load.Servers), true
	case "num_io_ops":
		return strconv.Itoa(h.Load.Busy), true
	}
	return "", false
}

// Match reports whether a value satisfies an extra spec: an operator with operands, or a text that must be equal. The
// operators are nova's (extra_specs_ops): = (at least), ==, !=, >= and <= on numbers; s==, s!=, s<, s<=, s> and s>= on
// strings; <in> substring; <all-in> all of several substrings; <or> one of several values.
func Match(have, want string) bool {
	words := strings.Fields(want)
	if len(words) == 0 {
		return have == want
	}
	op, rest := words[0], words[1:]
	arg := ""
	if len(rest) > 0 {
		arg = rest[0]
	}
	switch op {
	case "=", ">=":
		return numbers(have, arg, func(a, b float64) bool { return a >= b })
	case "==":
		return numbers(have, arg, func(a, b float64) bool { return a == b })
	case "!=":
		return numbers(have, arg, func(a, b float64) bool { return a != b })
	case "<=":
		return numbers(have, arg, func(a, b float64) bool { return a <= b })
	case "s==":
		return have == arg
	case "s!=":
		return have != arg
	case "s<":
		return have < arg
	case "s<=":
		return have <= arg
	case "s>":
		return have > arg
	case "s>=":
		return have >= arg
	case "<in>":
		return strings.Contains(have, arg)
	case "<all-in>":
		return !slices.ContainsFunc(rest, func(w string) bool { return !strings.Contains(have, w) })
	case "<or>":
		for i := 0; i+1 < len(words); i += 2 {
			if words[i] == "<or>" && have == words[i+1] {
				return true
			}
		}
		return false
	}
	return have == want
}

// numbers compares two numbers. It is false if one is not a number.
func numbers(a, b string, ok func(a, b float64) bool) bool {
	x, err := strconv.ParseFloat(a, 64)
	y, err2 := strconv.ParseFloat(b, 64)
	return err == nil && err2 == nil && ok(x, y)
}
