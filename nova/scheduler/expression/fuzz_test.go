package expression_test

import (
	"testing"

	"hypernova/nova/scheduler/expression"
	"hypernova/oslo/fault"
)

// FuzzFilters checks that an expression is rejected at start, or passes a host, or drops it with a reason.
func FuzzFilters(f *testing.F) {
	for _, line := range []string{"a: true",
		"licensed: request.image.properties.os_type != 'windows' || 'CUSTOM_WINDOWS' in host.traits",
		"a: host.servers > 1 ? 'full' : ''", "a: 1 / 0 == 1", "a: host", "a:", ":", "a b: true",
		"a: [1,2,3].map(x, [1,2,3].map(y, x*y)).size() == 3", "a: request.hints.near[7] == 'a'", "a: 'x'.matches('(a+)+$')",
		"a: optional.of(1).hasValue()", "a: host.aggregates.exists(g, g.metadata.rack == 'a')",
		"a: dyn(host) == dyn(request)", "a: string(b'\\xff') == ''", "a: 9223372036854775807 + host.servers > 0",
		"a: '%s %d'.format([host, 'x']) == ''", "a: int(host.name) == 1", "a: -host.servers", "a: has(host.nothing)",
		"a: duration('1h') > duration(host.name)"} {
		f.Add(line, false)
		f.Add(line, true)
	}
	f.Add("fewest -2.5: host.servers", true)
	f.Add("inf 1e999: 1", true)
	h, r := host("h", 3), request()
	f.Fuzz(func(t *testing.T, line string, weigher bool) {
		if weigher {
			ws, err := expression.Weighers(expression.Config{Weighers: []string{line}})
			if err == nil {
				if _, err := ws[0].Make(r); err != nil && fault.Of(err) == nil {
					t.Errorf("%v is not a fault", err)
				}
			} else if !fault.Is(err, fault.Invalid) {
				t.Errorf("%v is no refusal", err)
			}
			return
		}
		fs, err := expression.Filters(expression.Config{Filters: []string{line}}, nil)
		if err != nil {
			if !fault.Is(err, fault.Invalid) {
				t.Errorf("%v is no refusal", err)
			}
			return
		}
		check, err := fs[0].Make(r)
		if err != nil {
			t.Fatal(err)
		}
		if v := check(h); !v.Pass && v.Reason == "" && v.Err == nil {
			t.Errorf("%q drops the host without a reason", line)
		}
	})
}
