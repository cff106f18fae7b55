// Package contract holds the answers of the cloud against OpenAPI documents of OpenStack's APIs: every response that passes through
// is validated against the schema of its operation, status and microversion.
package contract

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// Document is one API's contract.
type Document struct {
	name     string
	paths    map[string]map[string]any
	compiler *jsonschema.Compiler
	mu       sync.Mutex
	schemas  map[string]*jsonschema.Schema
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
	// Through JSON, so that numbers and keys are what the schema compiler expects.
	b, err := json.Marshal(plain(doc))
	if err != nil {
		return nil, err
	}
	tree, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	d := &Document{name: name, paths: map[string]map[string]any{}, compiler: jsonschema.NewCompiler(), schemas: map[string]*jsonschema.Schema{}}
	d.compiler.AssertFormat() // an address is either IPv4 or IPv6, not both
	for _, name := range []string{"uuid", "uri", "date-time"} {
		// OpenStack has ids without dashes or of words ("default"), relative links, and times without a zone.
		d.compiler.RegisterFormat(&jsonschema.Format{Name: name, Validate: func(any) error { return nil }})
	}
	if err := d.compiler.AddResource("contract.json", tree); err != nil {
		return nil, err
	}
	paths, _ := tree.(map[string]any)["paths"].(map[string]any)
	for p, v := range paths {
		d.paths[p], _ = v.(map[string]any)
	}
	return d, nil
}

// plain makes map keys strings: YAML has response codes as numbers.
func plain(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			v[k] = plain(e)
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

// find is the path template that a request's path fits best: the one with most literal segments.
func (d *Document) find(path string) string {
	best, most := "", -1
	have := strings.Split(strings.Trim(path, "/"), "/")
	for template := range d.paths {
		want := strings.Split(strings.Trim(template, "/"), "/")
		if len(want) != len(have) {
			continue
		}
		literal := 0
		for i, w := range want {
			switch {
			case w == have[i]:
				literal++
			case !strings.HasPrefix(w, "{"):
				literal = -1
			}
			if literal < 0 {
				break
			}
		}
		if literal > most {
			best, most = template, literal
		}
	}
	return best
}

// Check validates an answer. known is false where the document has no schema for it. action is the member that names what a POST to
// …/action does, empty elsewhere; minor is the microversion's second number, -1 where there is none.
func (d *Document) Check(method, path, action string, status, minor int, body []byte) (known bool, err error) {
	template := d.find(path)
	op, _ := d.paths[template][strings.ToLower(method)].(map[string]any)
	responses, _ := op["responses"].(map[string]any)
	response, _ := responses[strconv.Itoa(status)].(map[string]any)
	if response == nil || action != "" {
		return false, nil
	}
	content, _ := response["content"].(map[string]any)
	media, _ := content["application/json"].(map[string]any)
	schema, _ := media["schema"].(map[string]any)
	if schema == nil {
		return false, nil
	}
	ref := pick(schema, minor)
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

// pick chooses among the schemas of all microversions, which end in the version they begin with (_2100 is 2.100), the newest that is not
// too new.
func pick(schema map[string]any, minor int) string {
	if ref, ok := schema["$ref"].(string); ok {
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
		n, err := strconv.Atoi(tail[1:]) // behind the major version's one digit
		if err == nil && n <= minor && n > from {
			best, from = ref, n
		}
	}
	return best
}

func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}

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

// Quirk is a place where the document and the real service differ: what the document says there does not count.
type Quirk struct {
	Operation string // regular expression on "api METHOD template"
	At        string // regular expression on "path: what is wrong"
	Below     int    // only for microversions whose second number is smaller; 0: for all
	Why       string
}

// leaves are the single things that are wrong, without those that a quirk explains.
func leaves(op string, minor int, err error, quirks []Quirk) []string {
	var v *jsonschema.ValidationError
	if !errors.As(err, &v) {
		return []string{err.Error()}
	}
	if len(v.Causes) > 0 {
		var out []string
		for _, c := range v.Causes {
			out = append(out, leaves(op, minor, c, quirks)...)
		}
		return out
	}
	text := "/" + strings.Join(v.InstanceLocation, "/") + ": " + v.ErrorKind.LocalizedString(message.NewPrinter(language.English))
	for _, q := range quirks {
		if (q.Below == 0 || minor < q.Below) && regexp.MustCompile(q.Operation).MatchString(op) && regexp.MustCompile(q.At).MatchString(text) {
			return nil
		}
	}
	return []string{text}
}

// Watcher is an HTTP transport that checks what comes back. Documents are by the host:port of the API.
type Watcher struct {
	Documents map[string]*Document
	Quirks    []Quirk
	Next      http.RoundTripper

	mu       sync.Mutex
	checked  map[string]int // operation -> answers validated
	unknown  map[string]int
	problems []string
}

// RoundTrip is http.RoundTripper.
func (w *Watcher) RoundTrip(r *http.Request) (*http.Response, error) {
	var sent []byte
	if r.Body != nil {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		sent = b
		r.Body = io.NopCloser(bytes.NewReader(b))
	}
	resp, err := w.Next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	d := w.Documents[r.URL.Host]
	if d == nil || !strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json") {
		return resp, nil
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(body))
	if err != nil || len(body) == 0 {
		return resp, err
	}
	minor := -1
	if _, v, ok := strings.Cut(resp.Header.Get("OpenStack-API-Version"), "."); ok {
		if n, err := strconv.Atoi(strings.TrimSpace(v)); err == nil {
			minor = n
		}
	}
	w.note(d, r, sent, resp.StatusCode, minor, body)
	return resp, nil
}

func (w *Watcher) note(d *Document, r *http.Request, sent []byte, status, minor int, body []byte) {
	action := ""
	if strings.HasSuffix(r.URL.Path, "/action") {
		var m map[string]json.RawMessage
		if json.Unmarshal(sent, &m) == nil {
			for k := range m {
				action = k
			}
		}
	}
	known, err := d.Check(r.Method, r.URL.Path, action, status, minor, body)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.checked == nil {
		w.checked, w.unknown = map[string]int{}, map[string]int{}
	}
	name := fmt.Sprintf("%s %s %s %d", d.name, r.Method, d.find(r.URL.Path), status)
	if !known {
		w.unknown[name]++
	} else {
		w.checked[name]++
	}
	if err == nil {
		return
	}
	if wrong := leaves(name, minor, err, w.Quirks); len(wrong) > 0 {
		w.problems = append(w.problems, fmt.Sprintf("%s (minor %d, %s):\n  %s\n%.600s", name, minor, r.URL.RequestURI(), strings.Join(wrong, "\n  "), body))
	}
}

// Report is the operations whose answers were validated, and what was wrong with any.
func (w *Watcher) Report() (checked []string, answers int, problems []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for k, n := range w.checked {
		checked = append(checked, k)
		answers += n
	}
	slices.Sort(checked)
	return checked, answers, slices.Clone(w.problems)
}
