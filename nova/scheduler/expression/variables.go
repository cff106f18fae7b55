package expression

import (
	"slices"
	"strings"

	"cel.dev/cel-go/cel"

	"hypernova/nova"
	"hypernova/nova/scheduler/snapshot"
)

// object is a structure type of the language.
type object struct {
	name   string
	fields []attribute
}

// attribute is one field of an object.
type attribute struct {
	name string
	t    *cel.Type
	get  func(any) any
}

// of makes an attribute of objects whose Go type is T.
func of[T any](name string, t *cel.Type, get func(T) any) attribute {
	return attribute{name, t, func(v any) any { return get(v.(T)) }}
}

var (
	texts   = cel.ListType(cel.StringType)
	amounts = cel.MapType(cel.StringType, cel.IntType)
	pairs   = cel.MapType(cel.StringType, cel.StringType)
	lists   = cel.MapType(cel.StringType, texts)
)

// objects has all types and fields that an expression can read. docs/scheduler-expressions.md describes them.
var objects = []object{
	{"Host", []attribute{
		of("name", cel.StringType, func(h *snapshot.Host) any { return h.Name() }),
		of("node", cel.StringType, func(h *snapshot.Host) any { return h.Node.Name }),
		of("zone", cel.StringType, func(h *snapshot.Host) any { return h.Zone }),
		of("up", cel.BoolType, func(h *snapshot.Host) any { return h.Up }),
		of("disabled", cel.BoolType, func(h *snapshot.Host) any { return h.Service.Disabled }),
		of("servers", cel.IntType, func(h *snapshot.Host) any { return h.Load.Servers }),
		of("busy", cel.IntType, func(h *snapshot.Host) any { return h.Load.Busy }),
		of("hypervisor_type", cel.StringType, func(h *snapshot.Host) any { return h.Node.Type }),
		of("hypervisor_version", cel.IntType, func(h *snapshot.Host) any { return h.Node.Version }),
		of("architecture", cel.StringType, func(h *snapshot.Host) any { return cpuText(h, "arch") }),
		of("cpu_model", cel.StringType, func(h *snapshot.Host) any { return cpuText(h, "model") }),
		of("traits", texts, func(h *snapshot.Host) any { return h.Provider.Traits }),
		of("total", amounts, func(h *snapshot.Host) any { return inventory(h, h.Capacity) }),
		of("used", amounts, func(h *snapshot.Host) any {
			return inventory(h, func(class string) int64 { return h.Provider.Used[class] })
		}),
		of("free", amounts, func(h *snapshot.Host) any { return inventory(h, h.Free) }),
		of("metadata", lists, func(h *snapshot.Host) any { return metadata(h) }),
		of("aggregates", cel.ListType(cel.ObjectType("Aggregate")),
			func(h *snapshot.Host) any { return pointers(h.Aggregates) }),
	}},
	{"Aggregate", []attribute{
		of("name", cel.StringType, func(a *nova.Aggregate) any { return a.Name }),
		of("metadata", pairs, func(a *nova.Aggregate) any { return texted(a.Metadata) }),
	}},
	{"Request", []attribute{
		of("server", cel.StringType, func(r *snapshot.Request) any { return r.Server }),
		of("project", cel.StringType, func(r *snapshot.Request) any { return r.Project }),
		of("user", cel.StringType, func(r *snapshot.Request) any { return r.User }),
		of("zone", cel.StringType, func(r *snapshot.Request) any { return r.AZ }),
		of("hints", lists, func(r *snapshot.Request) any { return table[[]string]{m: r.Hints} }),
		of("resources", amounts, func(r *snapshot.Request) any { return table[int64]{m: r.Ask.Resources} }),
		of("required_traits", texts, func(r *snapshot.Request) any { return r.Ask.Required }),
		of("flavor", cel.ObjectType("Flavor"), func(r *snapshot.Request) any { return &r.Flavor }),
		of("image", cel.ObjectType("Image"), func(r *snapshot.Request) any { return &r.Image }),
	}},
	{"Flavor", []attribute{
		of("name", cel.StringType, func(f *nova.Flavor) any { return f.Name }),
		of("vcpus", cel.IntType, func(f *nova.Flavor) any { return f.VCPUs }),
		of("ram", cel.IntType, func(f *nova.Flavor) any { return f.RAM }),
		of("disk", cel.IntType, func(f *nova.Flavor) any { return f.Disk }),
		of("ephemeral", cel.IntType, func(f *nova.Flavor) any { return f.Ephemeral }),
		of("swap", cel.IntType, func(f *nova.Flavor) any { return f.Swap }),
		of("extra_specs", pairs, func(f *nova.Flavor) any { return texted(f.ExtraSpecs) }),
	}},
	{"Image", []attribute{
		of("id", cel.StringType, func(i *nova.ImageMeta) any { return i.ID }),
		of("properties", pairs, func(i *nova.ImageMeta) any { return texted(i.Properties) }),
	}},
}

// cpuText returns a string of the host's CPU description.
func cpuText(h *snapshot.Host, key string) string {
	s, _ := h.CPU()[key].(string)
	return s
}

// inventory returns an amount for each resource class that the host has.
func inventory(h *snapshot.Host, amount func(string) int64) table[int64] {
	return table[int64]{
		find: func(class string) (int64, bool) {
			_, ok := h.Provider.Inventories[class]
			return amount(class), ok
		},
		all: func() map[string]int64 {
			m := make(map[string]int64, len(h.Provider.Inventories))
			for class := range h.Provider.Inventories {
				m[class] = amount(class)
			}
			return m
		},
	}
}

// metadata returns the metadata of a host's aggregates. A key has the values of all aggregates, which may differ.
func metadata(h *snapshot.Host) table[[]string] {
	values := func(key string) ([]string, bool) {
		var vs []string
		for i := range h.Aggregates {
			if v, ok := h.Aggregates[i].Metadata[key]; ok && !slices.Contains(vs, v) {
				vs = append(vs, v)
			}
		}
		return vs, vs != nil
	}
	return table[[]string]{find: values, all: func() map[string][]string {
		m := map[string][]string{}
		for i := range h.Aggregates {
			for key := range h.Aggregates[i].Metadata {
				m[key], _ = values(key)
			}
		}
		return m
	}}
}

func pointers(as []nova.Aggregate) []*nova.Aggregate {
	ps := make([]*nova.Aggregate, len(as))
	for i := range as {
		ps[i] = &as[i]
	}
	return ps
}

func texted(m map[string]string) table[string] { return table[string]{m: m} }

// Names returns every variable and field, such as "host.name". A test compares it with the documentation.
func Names() []string {
	var ns []string
	for _, o := range objects {
		for _, a := range o.fields {
			ns = append(ns, strings.ToLower(o.name)+"."+a.name)
		}
	}
	return ns
}
