package contract

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Operation is a path and a method of the document, and an action if the method posts one of several.
type Operation struct{ Method, Template, Action string }

func (o Operation) String() string {
	return strings.TrimSuffix(o.Method+" "+o.Template+" "+o.Action, " ")
}

// Operations returns all operations of the document, sorted by path, method and action.
func (d *Document) Operations() []Operation {
	var out []Operation
	for _, template := range d.templates {
		for _, method := range slices.Sorted(maps.Keys(d.paths[template])) {
			if method == "get" || method == "head" || method == "put" || method == "post" || method == "patch" ||
				method == "delete" {
				o := Operation{Method: strings.ToUpper(method), Template: template}
				actions := d.actions(o)
				if len(actions) == 0 {
					out = append(out, o)
				}
				for _, o.Action = range actions {
					out = append(out, o)
				}
			}
		}
	}
	return out
}

// actions returns the names of the actions that are posted to a path. It is empty for an ordinary operation.
func (d *Document) actions(o Operation) []string {
	if !strings.HasSuffix(o.Template, "/action") {
		return nil
	}
	op, _ := d.paths[o.Template][strings.ToLower(o.Method)].(map[string]any)
	request, _ := op["requestBody"].(map[string]any)
	all, _ := media(request)["oneOf"].([]any)
	found := map[string]bool{}
	for _, e := range all {
		m, _ := e.(map[string]any)
		if name := d.actionName(m); name != "" {
			found[name] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// actionName returns the action of a schema.
func (d *Document) actionName(schema map[string]any) string {
	s := d.resolved(schema)
	hint, _ := s["x-openstack"].(map[string]any)
	if name, ok := hint["action-name"].(string); ok {
		return name
	}
	properties, _ := s["properties"].(map[string]any)
	for name := range properties {
		if len(properties) == 1 {
			return name
		}
	}
	return ""
}

// Find returns the operation of a request. ok is false if the document does not have it.
func (d *Document) Find(method, path, action string) (o Operation, ok bool) {
	o = Operation{Method: method, Template: d.find(path)}
	_, ok = d.paths[o.Template][strings.ToLower(method)]
	if actions := d.actions(o); ok && len(actions) > 0 {
		o.Action, ok = action, slices.Contains(actions, action)
	}
	return o, ok
}

// Says returns the successful statuses of the operation in the document.
func (d *Document) Says(o Operation) []int {
	op, _ := d.paths[o.Template][strings.ToLower(o.Method)].(map[string]any)
	responses, _ := op["responses"].(map[string]any)
	var out []int
	for k := range responses {
		if n, err := strconv.Atoi(k); err == nil && n < 400 {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out
}

// Check validates an answer. known is false if the document has no schema for it. A successful answer with another
// status than the document's is validated with the schema of the document's status. action is the name of the action of
// a POST to …/action, empty for other requests. minor is the microversion's second number, -1 for none.
func (d *Document) Check(method, path, action string, status, minor int, body []byte) (known bool, err error) {
	op, _ := d.paths[d.find(path)][strings.ToLower(method)].(map[string]any)
	responses, _ := op["responses"].(map[string]any)
	response, _ := responses[strconv.Itoa(status)].(map[string]any)
	if says := d.Says(Operation{Method: method, Template: d.find(path)}); response == nil &&
		status < 300 && len(says) == 1 {
		response, _ = responses[strconv.Itoa(says[0])].(map[string]any)
	}
	if response == nil {
		return false, nil
	}
	return d.validate(response, action, minor, body)
}

// Request validates the body of a request. known is false if the document has no schema for it.
func (d *Document) Request(method, path string, minor int, body []byte) (known bool, err error) {
	op, _ := d.paths[d.find(path)][strings.ToLower(method)].(map[string]any)
	request, _ := op["requestBody"].(map[string]any)
	return d.validate(request, actionOf(path, body), minor, body)
}

// actionOf returns the action of a POST to a path that ends in "action".
func actionOf(path string, body []byte) string {
	path, _, _ = strings.Cut(path, "?")
	var members map[string]json.RawMessage
	if !strings.HasSuffix(path, "/action") || json.Unmarshal(body, &members) != nil {
		return ""
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		return name
	}
	return ""
}

func (d *Document) validate(at map[string]any, action string, minor int, body []byte) (known bool, err error) {
	schema := media(at)
	if action != "" {
		schema = d.ofAction(schema, action)
	}
	ref := d.pick(schema, minor)
	if ref == "" {
		return false, nil
	}
	s, err := d.compile(ref)
	if err != nil {
		return false, err
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return true, err
	}
	return true, s.Validate(v)
}

// media returns the JSON schema of a request or an answer.
func media(at map[string]any) map[string]any {
	content, _ := at["content"].(map[string]any)
	media, _ := content["application/json"].(map[string]any)
	schema, _ := media["schema"].(map[string]any)
	return schema
}

// ofAction returns the part of a schema of many actions that belongs to one, or an empty schema. A schema without
// actions is returned unchanged.
func (d *Document) ofAction(schema map[string]any, action string) map[string]any {
	all, ok := schema["oneOf"].([]any)
	if !ok {
		return schema
	}
	var of []any
	for _, e := range all {
		m, _ := e.(map[string]any)
		if d.actionName(m) == action {
			of = append(of, m)
		}
	}
	if len(of) == 1 {
		m, _ := of[0].(map[string]any)
		return m
	}
	return map[string]any{"oneOf": of}
}

// resolved returns the schema that a reference refers to.
func (d *Document) resolved(schema map[string]any) map[string]any {
	ref, ok := schema["$ref"].(string)
	if !ok {
		return schema
	}
	s, _ := d.schema[ref[strings.LastIndex(ref, "/")+1:]].(map[string]any)
	return s
}

// pick returns the schema of a microversion: by the spans in the schemas, or by their names, which end in their first
// microversion (_2100 is 2.100).
func (d *Document) pick(schema map[string]any, minor int) string {
	if ref, ok := schema["$ref"].(string); ok {
		s, _ := d.schema[ref[strings.LastIndex(ref, "/")+1:]].(map[string]any)
		all, _ := s["oneOf"].([]any)
		for i, e := range all {
			m, _ := e.(map[string]any)
			if span, ok := m["x-openstack"].(map[string]any); ok && within(span, minor) {
				return fmt.Sprintf("%s/oneOf/%d", ref, i)
			}
		}
		if len(all) > 0 && spanned(all) {
			return "" // this microversion has no schema
		}
		if hint, _ := s["x-openstack"].(map[string]any); hint["discriminator"] == "microversion" {
			return d.pick(s, minor)
		}
		return ref
	}
	all, _ := schema["oneOf"].([]any)
	best, from := "", -1
	for _, e := range all {
		m, _ := e.(map[string]any)
		ref, _ := m["$ref"].(string)
		_, tail, ok := cutLast(ref, "_")
		if !ok || len(tail) < 2 {
			continue
		}
		n, err := strconv.Atoi(tail[1:]) // after the digit of the major version
		if err == nil && n <= minor && n > from {
			best, from = ref, n
		}
	}
	return best
}

// spanned reports whether schemas have spans of microversions.
func spanned(all []any) bool {
	m, _ := all[0].(map[string]any)
	_, ok := m["x-openstack"].(map[string]any)
	return ok
}

func within(span map[string]any, minor int) bool {
	if minor < 0 {
		return false
	}
	from, _ := span["min-ver"].(string)
	to, _ := span["max-ver"].(string)
	number := func(v string, none int) int {
		_, after, _ := strings.Cut(v, ".")
		if n, err := strconv.Atoi(after); err == nil {
			return n
		}
		return none
	}
	return number(from, 0) <= minor && minor <= number(to, 1<<20)
}

func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}

// Wrong returns the errors of a validation that no quirk explains. used counts how often each quirk was needed.
func Wrong(op string, minor int, err error, quirks []Quirk, used map[int]int) []string {
	if err == nil {
		return nil
	}
	return leaves(op, minor, err, quirks, used)
}
