// Package contract validates responses against OpenAPI documents of OpenStack's APIs.
package contract

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"hypernova/tests/stories"
)

// Document is the OpenAPI document of one service.
type Document struct {
	name      string
	paths     map[string]map[string]any
	schema    map[string]any // the components, by name
	templates []string
	compiler  *jsonschema.Compiler
	mu        sync.Mutex
	schemas   map[string]*jsonschema.Schema
}

// Load reads the newest document whose file name begins with name ("compute" for compute-v2.104.yaml).
func Load(dir, name string) (*Document, error) {
	files, err := filepath.Glob(filepath.Join(dir, name+"-v*.yaml"))
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("%s has no document of %s: %w", dir, name, err)
	}
	src, err := os.ReadFile(files[len(files)-1])
	if err != nil {
		return nil, err
	}
	var doc map[string]any
	if err := yaml.Unmarshal(src, &doc); err != nil {
		return nil, err
	}
	// Through JSON, so that numbers and keys have the types that the schema compiler expects.
	b, err := json.Marshal(plain(doc))
	if err != nil {
		return nil, err
	}
	tree, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	d := &Document{name: name, paths: map[string]map[string]any{}, compiler: jsonschema.NewCompiler(),
		schemas: map[string]*jsonschema.Schema{}}
	d.compiler.AssertFormat() // an address is either IPv4 or IPv6, not both
	for _, name := range []string{"uuid", "uri", "date-time"} {
		// OpenStack has ids without dashes or that are words ("default"), relative links, and times without a zone.
		d.compiler.RegisterFormat(&jsonschema.Format{Name: name, Validate: func(any) error { return nil }})
	}
	if err := d.compiler.AddResource("contract.json", tree); err != nil {
		return nil, err
	}
	paths, _ := tree.(map[string]any)["paths"].(map[string]any)
	for p, v := range paths {
		d.paths[p], _ = v.(map[string]any)
		d.templates = append(d.templates, p)
	}
	slices.Sort(d.templates)
	components, _ := tree.(map[string]any)["components"].(map[string]any)
	d.schema, _ = components["schemas"].(map[string]any)
	return d, nil
}

// badPattern reports whether only Python supports a regular expression.
func badPattern(pattern string) bool {
	_, err := regexp.Compile(pattern)
	return err != nil
}

// plain converts map keys to strings (YAML has response codes as numbers) and removes unsupported patterns.
func plain(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			v[k] = plain(e)
		}
		if pattern, ok := v["pattern"].(string); ok && badPattern(pattern) {
			delete(v, "pattern")
		}
	case map[any]any:
		out := map[string]any{}
		for k, e := range v {
			out[fmt.Sprint(k)] = plain(e)
		}
		return out
	case []any:
		for i, e := range v {
			v[i] = plain(e)
		}
	}
	return v
}

// find returns the path template that fits a path best: the one with most literal segments.
func (d *Document) find(path string) string { return stories.Match(d.templates, path) }

func (d *Document) compile(ref string) (*jsonschema.Schema, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s := d.schemas[ref]; s != nil {
		return s, nil
	}
	s, err := d.compiler.Compile("contract.json" + ref)
	if err == nil {
		d.schemas[ref] = s
	}
	return s, err
}
