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

// table is a map whose missing keys read as 0, an empty string or an empty list, so that an expression needs no test
// for them; has() and in report whether a key exists. Either m is set, or find and all.
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

// lookup returns the value of a key.
func (t table[V]) lookup(key ref.Val) (V, bool) {
	k, _ := key.Value().(string)
	if t.find != nil {
		return t.find(k)
	}
	v, ok := t.m[k]
	return v, ok
}

// whole returns the map.
func (t table[V]) whole() map[string]V {
	if t.all != nil {
		return t.all()
	}
	return t.m
}

// Get returns the value of a key, or a zero value.
func (t table[V]) Get(key ref.Val) ref.Val {
	v, _ := t.lookup(key)
	return types.DefaultTypeAdapter.NativeToValue(v)
}

// IsSet implements has(table.key).
func (t table[V]) IsSet(key ref.Val) ref.Val { return t.Contains(key) }

// Contains implements key in table.
func (t table[V]) Contains(key ref.Val) ref.Val {
	_, ok := t.lookup(key)
	return types.Bool(ok)
}

// Iterator iterates over the keys in order, so that an expression always has the same result.
func (t table[V]) Iterator() traits.Iterator {
	keys := slices.Sorted(maps.Keys(t.whole()))
	return types.DefaultTypeAdapter.NativeToValue(keys).(traits.Lister).Iterator()
}

// Size returns the number of keys.
func (t table[V]) Size() ref.Val { return types.Int(len(t.whole())) }

// Equal compares with another table or a map literal.
func (t table[V]) Equal(other ref.Val) ref.Val {
	if o, ok := other.(table[V]); ok {
		other = types.DefaultTypeAdapter.NativeToValue(o.whole())
	}
	return types.DefaultTypeAdapter.NativeToValue(t.whole()).Equal(other)
}

// ConvertToNative always fails. No expression returns a map.
func (t table[V]) ConvertToNative(to reflect.Type) (any, error) {
	return nil, fmt.Errorf("a map is no %s", to)
}

// ConvertToType always fails.
func (t table[V]) ConvertToType(to ref.Type) ref.Val {
	return types.NewErr("a map is no %s", to.TypeName())
}

// Type returns the type of maps.
func (t table[V]) Type() ref.Type { return types.MapType }

// Value returns the map.
func (t table[V]) Value() any { return t.whole() }
