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

// environment is the language with the two variables. seen remembers what was asked for and is not there.
func environment(seen *fields) (*cel.Env, error) {
	registry, err := types.NewRegistry()
	if err != nil {
		return nil, err
	}
	seen.Registry = registry
	return cel.NewEnv(
		cel.CustomTypeProvider(seen), cel.CustomTypeAdapter(seen), cel.OptionalTypes(), ext.Strings(), ext.Math(), cel.CrossTypeNumericComparisons(true),
		cel.Variable("host", cel.ObjectType("Host")), cel.Variable("request", cel.ObjectType("Request")))
}

// fields is the types of the language, its own and ours. One serves one compilation.
type fields struct {
	*types.Registry
	missed []string
}

// FindStructType knows our objects.
func (f *fields) FindStructType(name string) (*types.Type, bool) {
	if find(name) != nil {
		return types.NewTypeTypeWithParam(types.NewObjectType(name)), true
	}
	return f.Registry.FindStructType(name)
}

// FindStructFieldNames lists the fields of an object.
func (f *fields) FindStructFieldNames(name string) ([]string, bool) {
	if o := find(name); o != nil {
		return o.names(), true
	}
	return f.Registry.FindStructFieldNames(name)
}

// FindStructFieldType is how a field is read.
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
	return &types.FieldType{Type: a.t, IsSet: func(any) bool { return true }, GetFrom: func(v any) (any, error) { return a.get(v), nil }}, true
}

// NativeToValue makes values of what attributes answer.
func (f *fields) NativeToValue(v any) ref.Val {
	switch v := v.(type) {
	case ref.Val:
		return v
	case *snapshot.Host:
		return thing{v, "Host"}
	case *snapshot.Request:
		return thing{v, "Request"}
	case *nova.Aggregate:
		return thing{v, "Aggregate"}
	case *nova.Flavor:
		return thing{v, "Flavor"}
	case *nova.ImageMeta:
		return thing{v, "Image"}
	case []*nova.Aggregate:
		return types.NewDynamicList(f, v)
	}
	return types.DefaultTypeAdapter.NativeToValue(v)
}

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

// thing is an object as a value; it can be compared and its attributes read.
type thing struct {
	v    any
	name string
}

// ConvertToNative is not needed: nothing leaves an expression but its answer.
func (t thing) ConvertToNative(reflect.Type) (any, error) {
	return nil, fmt.Errorf("a %s is no other thing", strings.ToLower(t.name))
}

// ConvertToType is not needed either.
func (t thing) ConvertToType(ref.Type) ref.Val {
	return types.NewErr("a %s is no other thing", strings.ToLower(t.name))
}

// Equal holds for the same thing.
func (t thing) Equal(other ref.Val) ref.Val { return types.Bool(t.v == other.Value()) }

// Type is the object's.
func (t thing) Type() ref.Type { return types.NewObjectType(t.name) }

// Value is what attributes are read from.
func (t thing) Value() any { return t.v }

// sizes are what is thought possible of a host or request when an expression's cost is estimated.
type sizes struct{}

// EstimateSize bounds a text, list or map.
func (sizes) EstimateSize(n cost.AstNode) *cost.SizeEstimate {
	most := uint64(64)
	if n.Type() != nil && n.Type().Kind() == types.StringKind {
		most = 256
	}
	if p := n.Path(); len(p) == 2 && p[1] == "traits" {
		most = 256
	}
	return &cost.SizeEstimate{Min: 0, Max: most}
}

// EstimateCallCost leaves functions to the library's own figures.
func (sizes) EstimateCallCost(_, _ string, _ *cost.AstNode, _ []cost.AstNode) *cost.CallEstimate {
	return nil
}
