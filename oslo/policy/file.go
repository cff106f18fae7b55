package policy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"
)

// LoadFile reads an operator's policy file, YAML or JSON. It maps a rule name to a check string, or to oslo.policy's
// older form: a list of alternatives, each of which may be a list of checks that must all pass. A missing file is an
// empty map.
func LoadFile(path string) (map[string]string, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var m map[string]any
	d := yaml.NewDecoder(bytes.NewReader(b))
	if err := d.Decode(&m); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("policy file %s must map rule names to check strings: %w", path, err)
	}
	if err := d.Decode(new(any)); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("policy file %s has several YAML documents; one is read", path)
	}
	out := make(map[string]string, len(m))
	for name, v := range m {
		text, ok := checkText(v)
		if !ok {
			return nil, fmt.Errorf("policy file %s: the rule %q is no check string", path, name)
		}
		out[name] = text
	}
	return out, nil
}

// LoadFiles reads files in order, and from directories each file whose name does not begin with a dot, sorted by name.
// Later files override earlier ones. A missing path is an empty map.
func LoadFiles(paths ...string) (map[string]string, error) {
	out := map[string]string{}
	for _, p := range paths {
		entries, err := os.ReadDir(p)
		files := []string{p}
		if err == nil {
			files = nil
			for _, e := range entries {
				if !e.IsDir() && !strings.HasPrefix(e.Name(), ".") {
					files = append(files, filepath.Join(p, e.Name()))
				}
			}
		}
		for _, f := range files {
			m, err := LoadFile(f)
			if err != nil {
				return nil, err
			}
			maps.Copy(out, m)
		}
	}
	return out, nil
}

// checkText converts a check of the policy file to a check string: any of the outer list, all of the inner list.
func checkText(v any) (string, bool) {
	switch x := v.(type) {
	case nil:
		return "", true
	case string:
		return x, true
	case []any:
		var either []string
		for _, item := range x {
			if inner, ok := item.([]any); ok {
				item = inner
			} else {
				item = []any{item}
			}
			var all []string
			for _, c := range item.([]any) {
				s, ok := c.(string)
				if !ok {
					return "", false
				}
				all = append(all, "("+s+")")
			}
			if len(all) > 0 {
				either = append(either, "("+strings.Join(all, " and ")+")")
			}
		}
		return strings.Join(either, " or "), true
	}
	return "", false
}
