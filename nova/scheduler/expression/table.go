package expression

import (
	"fmt"
	"maps"
	"reflect"
	"slices"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// table is a map whose missing keys read as 0, an empty text or an empty list, so that a rule needs no guard against hosts and images
// that do not say; has() and in tell what is there. Either m is set, or find and all compute.
type table[V any] struct {
	m    map[string]V
	find func(string) (V, bool)
	all  func() map[string]V
}

var (
	_ traits.Indexer     = table[string]{}
	_ traits.FieldTester = table[string]{}
	_ traits.Container   = table[string]{}
	_ traits.Iterable    = table[string]{}
	_ traits.Sizer       = table[string]{}
)

func (t table[V]) look(key ref.Val) (V, bool) {
	k, _ := key.Value().(string)
	if t.find != nil {
		return t.find(k)
	}
	v, ok := t.m[k]
	return v, ok
}

func (t table[V]) whole() map[string]V {
	if t.all != nil {
		return t.all()
	}
	return t.m
}

// Get reads a key.
func (t table[V]) Get(key ref.Val) ref.Val {
	v, _ := t.look(key)
	return types.DefaultTypeAdapter.NativeToValue(v)
}

// IsSet is has(table.key).
func (t table[V]) IsSet(key ref.Val) ref.Val { return t.Contains(key) }

// Contains is key in table.
func (t table[V]) Contains(key ref.Val) ref.Val {
	_, ok := t.look(key)
	return types.Bool(ok)
}

// Iterator goes over the keys in order, so that an expression answers the same each time.
func (t table[V]) Iterator() traits.Iterator {
	keys := slices.Sorted(maps.Keys(t.whole()))
	return types.DefaultTypeAdapter.NativeToValue(keys).(traits.Lister).Iterator()
}

// Size is how many keys there are.
func (t table[V]) Size() ref.Val { return types.Int(len(t.whole())) }

// Equal compares with another table or a map literal.
func (t table[V]) Equal(other ref.Val) ref.Val {
	if o, ok := other.(table[V]); ok {
		other = types.DefaultTypeAdapter.NativeToValue(o.whole())
	}
	return types.DefaultTypeAdapter.NativeToValue(t.whole()).Equal(other)
}

// ConvertToNative is not needed: nothing leaves an expression but its answer.
func (t table[V]) ConvertToNative(to reflect.Type) (any, error) {
	return nil, fmt.Errorf("a map is no %s", to)
}

// ConvertToType is not needed either.
func (t table[V]) ConvertToType(to ref.Type) ref.Val {
	return types.NewErr("a map is no %s", to.TypeName())
}

// Type is that of a map.
func (t table[V]) Type() ref.Type { return types.MapType }

// Value is the whole map.
func (t table[V]) Value() any { return t.whole() }
