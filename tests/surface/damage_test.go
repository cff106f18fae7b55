package surface

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
)

// damage is a malformed variant of a request's body.
type damage struct {
	name string
	body string
	kind string // content type; empty: unchanged
}

var deepList = strings.Repeat("[", 20000) + strings.Repeat("]", 20000)

// some returns a sample: each n-th damage, and the first of each kind.
func some(all []damage, n int, seed uint64) []damage {
	kinds := map[string]bool{}
	var out []damage
	for i, d := range all {
		if !kinds[d.name] || uint64(i)%uint64(n) == seed%uint64(n) {
			out = append(out, d)
		}
		kinds[d.name] = true
	}
	return out
}

// damages returns malformed variants of a valid body: each value replaced by each bad one, each member missing, an
// unknown member in each object, invalid JSON, other content types and sizes, and some with two errors.
func damages(good string, seed uint64) []damage {
	out := []damage{
		{"no JSON", `{"a":`, ""}, {"text behind", good + `}`, ""}, {"nothing", "", ""}, {"null", "null", ""},
		{"a list", "[]", ""}, {"a number", "1", ""},
		{"text", `"x"`, ""}, {"an empty object", "{}", ""},
		{"deep", strings.Repeat(`{"a":`, 20000) + "1" + strings.Repeat("}", 20000), ""},
		{"a deep list", deepList, ""}, {"bytes", "\xff\xfe{}", ""}, {"no UTF-8", strings.Replace(good, `":"`, "\":\"\xff", 1),
			""},
		{"another type", good, "text/plain"}, {"a form", "a=b", "application/x-www-form-urlencoded"},
		{"another character set", good, "application/json; charset=utf-7"},
		{"a lone surrogate", strings.Replace(good, `":"`, `":"\ud800`, 1), ""},
		{"NUL", strings.Replace(good, `":"`, `":"\u0000`, 1), ""},
		{"a member twice", strings.Replace(good, "{", `{"x":1,"x":2,`, 1), ""},
		{"deep inside", strings.Replace(good, `":"`, `":`+deepList+`,"y":"`, 1), ""},
		{"a bad type", good, "application/"}, {"giant", `{"a":"` + strings.Repeat("a", 3<<20) + `"}`, ""},
	}
	var tree any
	if json.Unmarshal([]byte(good), &tree) != nil {
		return out
	}
	var single []func(any) any
	var names []string
	visit(tree, nil, func(path []any, v any) {
		for _, w := range wrongs(v) {
			single = append(single, func(t any) any { return put(t, path, w) })
			names = append(names, "one value")
		}
		if len(path) > 0 {
			single = append(single, func(t any) any { return drop(t, path) })
			names = append(names, "one missing")
		}
		if _, ok := v.(map[string]any); ok {
			for _, extra := range []string{"unexpected", "", "id", "links", strings.Repeat("n", 300)} {
				single = append(single, func(t any) any {
					return put(t, append(slices.Clone(path), extra),
						map[string]any{"x": []any{nil}})
				})
				names = append(names, "one too many")
			}
		}
	})
	encode := func(name string, t any) {
		if b, err := json.Marshal(t); err == nil && string(b) != good {
			out = append(out, damage{name, string(b), ""})
		}
	}
	for i, f := range single {
		encode(names[i], f(copied(tree)))
	}
	dice := rand.New(rand.NewPCG(seed, 4))
	for range min(20, len(single)) {
		encode("two wrongs", single[dice.IntN(len(single))](single[dice.IntN(len(single))](copied(tree))))
	}
	return out
}

// wrongs returns bad values in place of v.
func wrongs(v any) []any {
	text := []any{"", " ", strings.Repeat("a", 256), strings.Repeat("\u00e9", 70000), "a\u0000b", "../../etc/passwd",
		"${x}", "%s%n", "'; DROP TABLE user; --", "\u202e", "true"}
	number := []any{-1.0, 0.0, 1.5, 1e308, 9223372036854775807.0, 9223372036854775808.0, 2147483648.0}
	other := []any{nil, true, []any{}, []any{map[string]any{}}, map[string]any{},
		map[string]any{"a": map[string]any{"b": 1}}}
	switch v.(type) {
	case string:
		return append(append([]any{42.0, "a"}, text...), other...)
	case float64:
		return append(append([]any{"x", "1"}, number...), other...)
	case bool:
		return append([]any{"x", "", 7.0, "yes"}, other...)
	}
	return append([]any{"x", 42.0, ""}, other...)
}

func visit(v any, path []any, f func([]any, any)) {
	f(slices.Clone(path), v)
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			visit(e, append(slices.Clone(path), k), f)
		}
	case []any:
		for i, e := range v {
			visit(e, append(slices.Clone(path), i), f)
		}
	}
}

// put replaces the value at a path. It changes nothing if the path does not exist any more.
func put(t any, path []any, v any) any {
	if len(path) == 0 {
		return v
	}
	switch k := path[0].(type) {
	case string:
		if m, ok := t.(map[string]any); ok {
			m[k] = put(m[k], path[1:], v)
		}
	case int:
		if l, ok := t.([]any); ok && k < len(l) {
			l[k] = put(l[k], path[1:], v)
		}
	}
	return t
}

func drop(t any, path []any) any {
	if k, ok := path[0].(string); ok {
		m, ok := t.(map[string]any)
		switch {
		case ok && len(path) == 1:
			delete(m, k)
		case ok && m[k] != nil:
			m[k] = drop(m[k], path[1:])
		}
		return t
	}
	i, l := path[0].(int), any(nil)
	if s, ok := t.([]any); ok && i < len(s) {
		if len(path) == 1 {
			return slices.Delete(s, i, i+1)
		}
		l = drop(s[i], path[1:])
		s[i] = l
	}
	return t
}

// copied returns a deep copy.
func copied(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, e := range v {
			out[k] = copied(e)
		}
		return out
	case []any:
		out := []any{}
		for _, e := range v {
			out = append(out, copied(e))
		}
		return out
	}
	return v
}
