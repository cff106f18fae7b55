package expression

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/cost"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/ext"

	"hypernova/nova"
	"hypernova/nova/scheduler/snapshot"
)

// environment returns the CEL environment with the variables host and request. seen records unknown fields.
func environment(seen *fields) (*cel.Env, error) {
	registry, err := types.NewRegistry()
	if err != nil {
		return nil, err
	}
	seen.Registry = registry
	return cel.NewEnv(
		cel.CustomTypeProvider(seen), cel.CustomTypeAdapter(seen), cel.OptionalTypes(), ext.Strings(), ext.Math(),
		cel.CrossTypeNumericComparisons(true),
		cel.Variable("host", cel.ObjectType("Host")), cel.Variable("request", cel.ObjectType("Request")))
}

// fields is the type provider of one compilation: CEL's types and the objects of this package.
type fields struct {
	*types.Registry
	missed []string // hints for unknown fields that the expression uses
}

// FindStructType returns the type of an object.
func (f *fields) FindStructType(name string) (*types.Type, bool) {
	if find(name) != nil {
		return types.NewTypeTypeWithParam(types.NewObjectType(name)), true
	}
	return f.Registry.FindStructType(name)
}

// FindStructFieldNames returns the fields of an object.
func (f *fields) FindStructFieldNames(name string) ([]string, bool) {
	if o := find(name); o != nil {
		return o.names(), true
	}
	return f.Registry.FindStructFieldNames(name)
}

// FindStructFieldType returns the type of a field and how it is read. It records an unknown field.
func (f *fields) FindStructFieldType(name, field string) (*types.FieldType, bool) {
	o := find(name)
	if o == nil {
		return f.Registry.FindStructFieldType(name, field)
	}
	i := slices.IndexFunc(o.fields, func(a attribute) bool { return a.name == field })
	if i < 0 {
		miss := fmt.Sprintf("a %s has: %s", strings.ToLower(name), strings.Join(o.names(), ", "))
		if !slices.Contains(f.missed, miss) {
			f.missed = append(f.missed, miss)
		}
		return nil, false
	}
	a := o.fields[i]
	return &types.FieldType{Type: a.t, IsSet: func(any) bool { return true },
		GetFrom: func(v any) (any, error) { return a.get(v), nil }}, true
}

// NativeToValue returns the CEL value of an attribute.
func (f *fields) NativeToValue(v any) ref.Val {
	switch v := v.(type) {
	case ref.Val:
		return v
	case *snapshot.Host:
		return value{v, "Host"}
	case *snapshot.Request:
		return value{v, "Request"}
	case *nova.Aggregate:
		return value{v, "Aggregate"}
	case *nova.Flavor:
		return value{v, "Flavor"}
	case *nova.ImageMeta:
		return value{v, "Image"}
	case []*nova.Aggregate:
		return types.NewDynamicList(f, v)
	}
	return types.DefaultTypeAdapter.NativeToValue(v)
}

// find returns the object type of a name, or nil.
func find(name string) *object {
	for i := range objects {
		if objects[i].name == name {
			return &objects[i]
		}
	}
	return nil
}

func (o *object) names() []string {
	var ns []string
	for _, a := range o.fields {
		ns = append(ns, a.name)
	}
	return ns
}

// value is an object as a CEL value: its fields can be read, and it can be compared.
type value struct {
	v    any
	name string
}

// ConvertToNative always fails. No expression returns an object.
func (x value) ConvertToNative(reflect.Type) (any, error) {
	return nil, fmt.Errorf("a %s cannot be converted", strings.ToLower(x.name))
}

// ConvertToType always fails.
func (x value) ConvertToType(ref.Type) ref.Val {
	return types.NewErr("a %s cannot be converted", strings.ToLower(x.name))
}

// Equal reports whether other is the same object.
func (x value) Equal(other ref.Val) ref.Val { return types.Bool(x.v == other.Value()) }

// Type returns the object's type.
func (x value) Type() ref.Type { return types.NewObjectType(x.name) }

// Value returns the object that attributes are read from.
func (x value) Value() any { return x.v }

// sizes are the sizes of values that the estimate of an expression's cost assumes.
type sizes struct{}

// EstimateSize returns the assumed largest size of a string, list or map.
func (sizes) EstimateSize(n cost.AstNode) *cost.SizeEstimate {
	largest := uint64(64)
	if n.Type() != nil && n.Type().Kind() == types.StringKind {
		largest = 256
	}
	if p := n.Path(); len(p) == 2 && p[1] == "traits" {
		largest = 256
	}
	return &cost.SizeEstimate{Min: 0, Max: largest}
}

// EstimateCallCost returns nil: the cost of functions is the library's.
func (sizes) EstimateCallCost(_, _ string, _ *cost.AstNode, _ []cost.AstNode) *cost.CallEstimate {
	return nil
}
