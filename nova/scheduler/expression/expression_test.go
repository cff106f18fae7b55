package expression_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"hypernova/nova"
	"hypernova/nova/scheduler/expression"
	"hypernova/nova/scheduler/snapshot"
	"hypernova/oslo/choose"
	"hypernova/oslo/fault"
	"hypernova/placement"
)

func host(name string, servers int) *snapshot.Host {
	return &snapshot.Host{
		Service: nova.Service{Host: name}, Node: nova.Node{Name: name + ".example", Type: "QEMU", Version: 7002000,
			CPUInfo: `{"arch":"x86_64","model":"EPYC"}`},
		Zone: "east", Up: true, Load: nova.HostLoad{Servers: servers, Busy: 1},
		Aggregates: []nova.Aggregate{{Name: "fast", Metadata: map[string]string{"ssd": "true", "rack": "a"}},
			{Name: "rack-b", Metadata: map[string]string{"rack": "b"}}},
		Provider: placement.ProviderState{Traits: []string{"HW_CPU_X86_AVX2", "CUSTOM_WINDOWS"},
			Used: placement.Resources{placement.MemoryMB: 1024},
			Inventories: map[string]placement.Inventory{placement.MemoryMB: {Total: 4096, AllocationRatio: 1},
				placement.VCPU: {Total: 4, AllocationRatio: 4}}},
	}
}

func request() *snapshot.Request {
	return &snapshot.Request{
		Request: nova.Request{Server: "s1", Project: "p1", User: "u1", AZ: "east",
			Hints:  map[string][]string{"near": {"a", "b"}},
			Flavor: nova.Flavor{Name: "m1.small", VCPUs: 2, RAM: 2048, Disk: 10, ExtraSpecs: map[string]string{"tier": "gold"}},
			Image:  nova.ImageMeta{ID: "i1", Properties: map[string]string{"os_type": "windows", "min": "3"}}},
		Ask: nova.Ask{Resources: placement.Resources{placement.MemoryMB: 2048}, Required: []string{"HW_CPU_X86_AVX2"}},
	}
}

// verdict returns the result of one filter for one host.
func verdict(t *testing.T, text string, h *snapshot.Host) choose.Verdict {
	t.Helper()
	fs, err := expression.Filters(expression.Config{Filters: []string{"rule: " + text}}, nil)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	check, err := fs[0].Make(request())
	if err != nil {
		t.Fatal(err)
	}
	return check(h)
}

func TestVariables(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`host.name == 'h1' && host.node == 'h1.example' && host.zone == request.zone`,
		`host.up && !host.disabled && host.servers == 3 && host.busy < 2`,
		`host.hypervisor_type == 'QEMU' && host.hypervisor_version >= 7000000`,
		`host.architecture == 'x86_64' && host.cpu_model.startsWith('EP')`,
		`'CUSTOM_WINDOWS' in host.traits && size(host.traits) == 2`,
		`request.required_traits.all(t, t in host.traits)`,
		`host.total['MEMORY_MB'] == 4096 && host.used.MEMORY_MB == 1024 && host.free.MEMORY_MB == 3072 && host.free.VCPU == 16`,
		`host.free.MEMORY_MB > 0.5 * double(host.total.MEMORY_MB)`,
		`request.resources.all(c, host.free[c] >= request.resources[c])`,
		`'a' in host.metadata.rack && 'b' in host.metadata['rack'] && !('c' in host.metadata.rack)`,
		`host.aggregates.exists(a, a.name == 'fast' && a.metadata.ssd == 'true')`,
		`host.aggregates.map(a, a.name) == ['fast', 'rack-b']`,
		`request.server == 's1' && request.project == 'p1' && request.user == 'u1'`,
		`request.hints.near == ['a', 'b'] && request.hints['near'][0] == 'a'`,
		`request.flavor.name.matches('^m[0-9]+') && request.flavor.vcpus == 2 && request.flavor.ram == 2048 && request.flavor.disk == 10`,
		`request.flavor.ephemeral + request.flavor.swap == 0 && request.flavor.extra_specs.tier == 'gold'`,
		`request.image.id == 'i1' && request.image.properties.os_type == 'windows' && int(request.image.properties.min) == 3`,
		// Missing keys read as zero values, and has() tells them apart.
		`host.free.CUSTOM_GPU == 0 && !('CUSTOM_GPU' in host.free) && !has(host.free.CUSTOM_GPU) && has(host.free.VCPU)`,
		`request.image.properties.hw_none == '' && !has(request.image.properties.hw_none)`,
		`size(host.metadata.none) == 0 && size(request.hints.none) == 0 && !('x' in request.hints.none)`,
		`request.image.properties[?'none'].orValue('linux') == 'linux' && request.image.properties[?'os_type'].orValue('linux') == 'windows'`,
		`size(host.metadata) == 2 && host.metadata == {'ssd': ['true'], 'rack': ['a', 'b']} && host.total == host.total`,
		`request.flavor == request.flavor && math.greatest(host.servers, 2) == 3 && 'A'.lowerAscii() == 'a'`,
	} {
		if v := verdict(t, text, host("h1", 3)); !v.Pass {
			t.Errorf("%s: %q, %v", text, v.Reason, v.Err)
		}
	}
}

func TestDroppedHostsHaveAReason(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`host.servers < 3`: "does not pass the rule rule",
		`host.servers < 3 ? '' : 'has ' + string(host.servers) + ' servers; ' + request.flavor.name + ' may have 2'`: "has 3 servers; m1.small may have 2",
	} {
		if v := verdict(t, text, host("h1", 3)); v.Pass || v.Err != nil || v.Reason != want {
			t.Errorf("%s: got %+v, want %q", text, v, want)
		}
		if v := verdict(t, text, host("h1", 2)); !v.Pass {
			t.Errorf("%s: got %+v", text, v)
		}
	}
}

func TestEvaluationThatFailsRejectsTheRequest(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`1 / (host.servers - 3) > 0`:                      "division by zero",
		`int(request.image.properties.os_type) > 0`:       "conversion error",
		`request.hints.near[7] == 'x'`:                    "7",
		`host.servers > 1 && int(request.zone) > 1`:       "conversion error",
		`host.traits.all(t, int(t) == 1 || t.size() > 1)`: "",
	} {
		v := verdict(t, text, host("h1", 3))
		if want == "" {
			if !v.Pass {
				t.Errorf("%s: got %+v", text, v)
			}
			continue
		}
		if v.Pass || !fault.Is(v.Err, fault.NoValidHost) || !strings.Contains(fault.Message(v.Err), "operator's rule rule") ||
			!strings.Contains(fault.Message(v.Err), "host h1") || !strings.Contains(fault.Message(v.Err), want) {
			t.Errorf("%s: got %+v, want %s", text, v, want)
		}
	}
}

func TestWeigherOrders(t *testing.T) {
	t.Parallel()
	ws, err := expression.Weighers(expression.Config{Weighers: []string{"fewest -2.5: host.servers",
		"half: host.free.MEMORY_MB / 2", "part: 0.5 * double(host.servers)"}})
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, w := range ws {
		score, err := w.Make(request())
		if err != nil {
			t.Fatal(err)
		}
		n, err := score(host("h1", 3))
		got += fmt.Sprintf("%s %v %v %v; ", w.Name, w.Multiplier, n, err)
	}
	if want := "fewest -2.5 3 <nil>; half 1 1536 <nil>; part 1 1.5 <nil>; "; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	ws, err = expression.Weighers(expression.Config{Weighers: []string{"bad: 1 / host.busy"}})
	if err != nil {
		t.Fatal(err)
	}
	score, _ := ws[0].Make(request())
	h := host("h1", 0)
	h.Load.Busy = 0
	if _, err := score(h); !fault.Is(err, fault.NoValidHost) || !strings.Contains(err.Error(), "expression_weigher") {
		t.Errorf("got %v", err)
	}
}

func TestBadExpressionsAreRejectedAtStart(t *testing.T) {
	t.Parallel()
	for _, x := range []struct{ name, filter, weigher, want string }{
		{"no name", "host.up", "", `is not of the form "name: expression"`},
		{"no expression", "a: ", "", "is not of the form"},
		{"two words", "a b: host.up", "", "is not of the form"},
		{"odd name", "a/b: host.up", "", "is not of the form"},
		{"multiplier", "", "a x: host.servers", `the multiplier "x" is no number`},
		{"taken", "ComputeFilter: host.up", "", `the name "ComputeFilter" is taken`},
		{"syntax", "a: host.up &&", "", "a does not compile:\nERROR: a:1:11: Syntax error"},
		{"field", "a: 'X' in host.trais", "",
			"ERROR: a:1:12: undefined field 'trais'\n | 'X' in host.trais\n | ...........^\na host has: name, node, zone"},
		{"variable", "a: server.name == ''", "", "undeclared reference to 'server'"},
		{"types", "a: host.name > 3", "", "no matching overload"},
		{"number for a filter", "a: host.servers", "",
			"must be true or false, or a text that says why not, and is of type int"},
		{"text for a weigher", "", "a: host.name", "must be a number, and is of type string"},
		{"expression that knows no type", "a: dyn(host.servers)", "", "must be true or false"},
		{"dear", "a: host.traits.all(a, host.traits.all(b, host.traits.all(c, a != b || b != c)))", "",
			"loops within loops are dear"},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			_, err := expression.Filters(expression.Config{Filters: []string{x.filter}}, []string{"ComputeFilter"})
			option := "expression_filter: "
			if x.weigher != "" {
				_, err = expression.Weighers(expression.Config{Weighers: []string{x.weigher}})
				option = "expression_weigher: "
			}
			if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), x.want) ||
				!strings.HasPrefix(err.Error(), option) {
				t.Errorf("got %v, want %s", err, x.want)
			}
		})
	}
	if _, err := expression.Filters(expression.Config{Filters: []string{"a: host.up", "a: !host.up"}}, nil); !fault.Is(err,
		fault.Invalid) {
		t.Errorf("a name used twice: %v", err)
	}
}

// TestCostIsBoundedDuringEvaluation has a host with larger values than the estimate assumes.
func TestCostIsBoundedDuringEvaluation(t *testing.T) {
	t.Parallel()
	h := host("h1", 1)
	for i := range 20_000 {
		h.Provider.Traits = append(h.Provider.Traits, fmt.Sprint("CUSTOM_", i))
	}
	if v := verdict(t, `host.traits.exists(t, t == 'NONE')`, h); !fault.Is(v.Err, fault.NoValidHost) ||
		!strings.Contains(v.Err.Error(), "cost limit") {
		t.Errorf("got %+v", v)
	}
}

func TestDocumentationNamesEveryVariable(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../../docs/scheduler-expressions.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range expression.Names() {
		if !strings.Contains(string(text), "`"+name+"`") {
			t.Errorf("the document does not name %s", name)
		}
	}
}

// BenchmarkTenThousandHosts measures one request on 10,000 hosts, with a simple expression and with one that loops.
func BenchmarkTenThousandHosts(b *testing.B) {
	hosts := make([]*snapshot.Host, 10_000)
	for i := range hosts {
		hosts[i] = host(fmt.Sprintf("h%d", i), i%20)
	}
	for name, c := range map[string]expression.Config{
		"comparison": {Filters: []string{`a: host.servers < 50 && host.free.MEMORY_MB > request.flavor.ram`}},
		"licence": {Filters: []string{
			`a: request.image.properties.os_type != 'windows' || 'CUSTOM_WINDOWS' in host.traits`}},
		"loop": {Filters: []string{
			`a: host.aggregates.exists(a, a.metadata.ssd == 'true') ? '' : 'has no fast disks'`}},
		"weigher": {Weighers: []string{`a -1: host.servers * 2 + host.busy`}},
	} {
		b.Run(name, func(b *testing.B) {
			fs, err := expression.Filters(c, nil)
			if err != nil {
				b.Fatal(err)
			}
			ws, err := expression.Weighers(c)
			if err != nil {
				b.Fatal(err)
			}
			p := choose.Pipeline[*snapshot.Request, *snapshot.Host]{Filters: fs, Weighers: ws,
				Name: (*snapshot.Host).Name, Limit: 3}
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := p.Run(request(), hosts); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
