package conf

import (
	"fmt"
	"slices"
	"strings"
)

// resolve replaces $references in the text of option o. seen is the chain of options being resolved; it detects cycles.
func (l *loader) resolve(o *option, text string, seen []*option) (string, error) {
	if o.secret == "true" || !strings.Contains(text, "$") {
		return text, nil
	}
	if slices.Contains(seen, o) {
		return "", fmt.Errorf("its value refers to itself through %s", chain(append(seen, o)))
	}
	seen = append(slices.Clone(seen), o)
	var b strings.Builder
	for {
		before, after, found := strings.Cut(text, "$")
		b.WriteString(before)
		if !found {
			return b.String(), nil
		}
		if rest, ok := strings.CutPrefix(after, "$"); ok {
			b.WriteByte('$')
			text = rest
			continue
		}
		name, rest, err := refName(after)
		if err != nil {
			return "", err
		}
		target := l.lookup(o, name)
		if raw, ok := l.foreignValue(o, name); target == nil && ok {
			text = raw + rest
			if l.turns++; l.turns > 1000 {
				return "", fmt.Errorf("its value refers to itself through $%s", name)
			}
			continue
		}
		if target == nil {
			return "", fmt.Errorf("it refers to $%s, but there is no such option (write $$ for a dollar sign)", name)
		}
		if target.secret == "true" {
			return "", fmt.Errorf("it refers to $%s, which is secret", name)
		}
		v, err := l.resolve(target, l.setting(target).text, seen)
		if err != nil {
			return "", err
		}
		b.WriteString(v)
		text = rest
	}
}

func refName(s string) (name, rest string, err error) {
	if strings.HasPrefix(s, "{") {
		i := strings.IndexByte(s, '}')
		if i < 2 {
			return "", "", fmt.Errorf("${ is not closed (write $$ for a dollar sign)")
		}
		return s[1:i], s[i+1:], nil
	}
	i := 0
	for i < len(s) && (s[i] == '_' || s[i] >= 'a' && s[i] <= 'z' || s[i] >= 'A' && s[i] <= 'Z' || i > 0 && s[i] >= '0' &&
		s[i] <= '9') {
		i++
	}
	if i == 0 {
		return "", "", fmt.Errorf("a lone $ names no option (write $$ for a dollar sign)")
	}
	return s[:i], s[i:], nil
}

// lookup finds the option of a reference: section.option, an option of the same section, or one of [DEFAULT].
func (l *loader) lookup(from *option, name string) *option {
	if i := strings.LastIndexByte(name, '.'); i > 0 {
		if sec := l.schema.section(name[:i]); sec != nil {
			return sec.option(name[i+1:])
		}
		return nil
	}
	if o := l.schema.section(from.section).option(name); o != nil {
		return o
	}
	if sec := l.schema.section("DEFAULT"); sec != nil {
		return sec.option(name)
	}
	return nil
}

// foreignValue returns the value in a file of an option that only another program has.
func (l *loader) foreignValue(from *option, name string) (string, bool) {
	for _, key := range []string{name, from.section + "." + name, "DEFAULT." + name} {
		if v, ok := l.raw[strings.ToLower(key)]; ok {
			return v, true
		}
	}
	return "", false
}

func chain(os []*option) string {
	var names []string
	for _, o := range os {
		names = append(names, o.name)
	}
	return strings.Join(names, " → ")
}
