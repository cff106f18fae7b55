package contract

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// Quirk is a place where the document and the real service differ: what the document says there does not count.
type Quirk struct {
	Operation string // regular expression on "api METHOD template"
	At        string // regular expression on "path: what is wrong"
	Below     int    // only for microversions whose second number is smaller; 0: for all
	Why       string
}

// leaves are the single things that are wrong, without those that a quirk explains.
func leaves(op string, minor int, err error, quirks []Quirk, used map[int]int) []string {
	var v *jsonschema.ValidationError
	if !errors.As(err, &v) {
		return []string{err.Error()}
	}
	if len(v.Causes) > 0 {
		var out []string
		for _, c := range v.Causes {
			out = append(out, leaves(op, minor, c, quirks, used)...)
		}
		return out
	}
	text := "/" + strings.Join(v.InstanceLocation, "/") + ": " + v.ErrorKind.LocalizedString(message.NewPrinter(language.English))
	for i, q := range quirks {
		if (q.Below == 0 || minor < q.Below) && regexp.MustCompile(q.Operation).MatchString(op) && regexp.MustCompile(q.At).MatchString(text) {
			used[i]++
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
	used     map[int]int    // by position of the quirk
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
		w.checked, w.unknown, w.used = map[string]int{}, map[string]int{}, map[int]int{}
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
	if wrong := leaves(name, minor, err, w.Quirks, w.used); len(wrong) > 0 {
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
