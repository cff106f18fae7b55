package api

import (
	"errors"
	"html"
	"net/http"
	"strconv"
	"strings"

	"hypernova/oslo/fault"
)

// Dialect is a service's error shape.
type Dialect interface {
	// Write answers with the fault. status is already decided (kind map + dialect override).
	Write(w http.ResponseWriter, r *Request, status int, f *fault.Fault)
	// Status maps a kind to a status for this service.
	Status(k fault.Kind) int
	// media is the status for a request content type that is not understood.
	media() int
}

// statuses is the one map of kinds to statuses; dialects override single kinds.
func statusOf(k fault.Kind) int {
	switch k {
	case fault.Invalid:
		return http.StatusBadRequest
	case fault.Unauthorized:
		return http.StatusUnauthorized
	case fault.Forbidden, fault.OverQuota:
		return http.StatusForbidden
	case fault.NotFound:
		return http.StatusNotFound
	case fault.Conflict:
		return http.StatusConflict
	case fault.TooLarge:
		return http.StatusRequestEntityTooLarge
	case fault.Unavailable:
		return http.StatusServiceUnavailable
	case fault.NotImplemented:
		return http.StatusNotImplemented
	case fault.Gone:
		return http.StatusGone
	}
	return http.StatusInternalServerError
}

type statusError struct {
	status int
	err    error
}

func (e *statusError) Error() string { return e.err.Error() }
func (e *statusError) Unwrap() error { return e.err }

// WithStatus makes the kit answer err with a status that its kind does not map to (405, 406, 415, 422 …).
func WithStatus(status int, err error) error { return &statusError{status, err} }

// unauthenticated is a request without a usable token: all services answer it in the same shape.
type unauthenticated struct{ err error }

func (e *unauthenticated) Error() string {
	if e.err != nil {
		return "no usable token: " + e.err.Error()
	}
	return "no token"
}
func (e *unauthenticated) Unwrap() error {
	return fault.New(fault.Unauthorized, "%s", unauthorizedText)
}

const unauthorizedText = "The request you have made requires authentication."

// clientGone is a failed write of an answer: nobody is there to be told.
type clientGone struct{ err error }

func (e *clientGone) Error() string { return "client went away: " + e.err.Error() }
func (e *clientGone) Unwrap() error { return e.err }

func gone(err error) error {
	if err == nil {
		return nil
	}
	return &clientGone{err}
}

// retryAfter is when a client may ask again what could not be answered now, in seconds: databases and neighbours that are restarted are back
// soon.
const retryAfter = "2"

// fail answers with an error, unless the answer has begun.
func (s *server) fail(w *recorder, r *Request, err error) {
	if w.status != 0 {
		return
	}
	var ua *unauthenticated
	if errors.As(err, &ua) {
		w.Header().Set("WWW-Authenticate", `Keystone uri="`+s.authURI(r)+`"`)
		answer(w, http.StatusUnauthorized, keystoneBody(http.StatusUnauthorized, unauthorizedText))
		return
	}
	status := s.c.Dialect.Status(fault.KindOf(err))
	var se *statusError
	if errors.As(err, &se) {
		status = se.status
	}
	for k, v := range r.header {
		if k == "Retry-After" || k == "Location" {
			w.Header()[k] = v
		}
	}
	if status == http.StatusServiceUnavailable && w.Header().Get("Retry-After") == "" {
		w.Header().Set("Retry-After", retryAfter)
	}
	f := &fault.Fault{Kind: fault.KindOf(err), Msg: fault.Message(err)}
	if known := fault.Of(err); known != nil {
		f.Code = known.Code
	}
	var in *inputError
	if d, ok := s.c.Dialect.(inputSpeaker); ok && errors.As(err, &in) {
		f = d.input(in)
	}
	s.c.Dialect.Write(w, r, status, f)
}

// inputSpeaker is a dialect that says in its own words what is wrong with a request body.
type inputSpeaker interface {
	input(e *inputError) *fault.Fault
}

func (s *server) authURI(r *Request) string {
	if s.c.AuthURI != "" {
		return s.c.AuthURI
	}
	return s.base(r.HTTP)
}

// answer writes a finished JSON document.
func answer(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client may be gone; the log has the outcome
}

// Nova, Keystone, Neutron, Placement, Glance and Cinder are the dialects.
var (
	Nova      Dialect = novaDialect{}
	Cinder    Dialect = novaDialect{cinder: true}
	Keystone  Dialect = keystoneDialect{}
	Neutron   Dialect = neutronDialect{}
	Placement Dialect = placementDialect{}
	Glance    Dialect = glanceDialect{}
)

type novaDialect struct{ cinder bool }

func (d novaDialect) media() int { return http.StatusUnsupportedMediaType }
func (d novaDialect) Status(k fault.Kind) int {
	if d.cinder && k == fault.OverQuota {
		return http.StatusRequestEntityTooLarge
	}
	return statusOf(k)
}

func (d novaDialect) Write(w http.ResponseWriter, r *Request, status int, f *fault.Fault) {
	name := novaFaultName(status)
	b := append([]byte(`{`), appendString(nil, name)...)
	b = append(b, `:{"code":`...)
	b = appendInt(b, int64(status))
	b = append(b, `,"message":`...)
	b = appendString(b, novaMessage(status, f))
	if retry := w.Header().Get("Retry-After"); status == http.StatusRequestEntityTooLarge || status == http.StatusTooManyRequests {
		if retry == "" {
			retry = "0"
			w.Header().Set("Retry-After", retry)
		}
		b = append(b, `,"retryAfter":`...)
		b = appendString(b, retry)
	}
	answer(w, status, append(b, "}}"...))
}

// novaMessage adds what nova's clients look for in an unexpected error.
func novaMessage(status int, f *fault.Fault) string {
	if status == http.StatusInternalServerError && f.Kind == fault.Internal {
		return "Unexpected API Error. " + f.Msg
	}
	return f.Msg
}

func novaFaultName(status int) string {
	switch status {
	case 400:
		return "badRequest"
	case 401:
		return "unauthorized"
	case 403:
		return "forbidden"
	case 404:
		return "itemNotFound"
	case 405:
		return "badMethod"
	case 409:
		return "conflictingRequest"
	case 413, 429:
		return "overLimit"
	case 415:
		return "badMediaType"
	case 501:
		return "notImplemented"
	case 503:
		return "serviceUnavailable"
	}
	return "computeFault"
}

type keystoneDialect struct{}

func (keystoneDialect) media() int { return http.StatusBadRequest }
func (keystoneDialect) Status(k fault.Kind) int {
	return statusOf(k)
}

func (keystoneDialect) Write(w http.ResponseWriter, r *Request, status int, f *fault.Fault) {
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Keystone uri="`+r.s.authURI(r)+`"`)
	}
	answer(w, status, keystoneBody(status, f.Msg))
}

func keystoneBody(status int, msg string) []byte {
	b := append([]byte(`{"error":{"code":`), strconv.Itoa(status)...)
	b = append(b, `,"message":`...)
	b = appendString(b, msg)
	b = append(b, `,"title":`...)
	b = appendString(b, title(status))
	return append(b, "}}"...)
}

// title is the reason phrase, as HTTP's registry and OpenStack's services word it.
func title(status int) string {
	if status == http.StatusRequestEntityTooLarge {
		return "Request Entity Too Large"
	}
	return http.StatusText(status)
}

type neutronDialect struct{}

func (neutronDialect) media() int { return http.StatusUnsupportedMediaType }
func (neutronDialect) Status(k fault.Kind) int {
	if k == fault.OverQuota {
		return http.StatusConflict
	}
	return statusOf(k)
}

func (neutronDialect) Write(w http.ResponseWriter, r *Request, status int, f *fault.Fault) {
	b := append([]byte(`{"NeutronError":{"type":`), appendString(nil, neutronType(status, f))...)
	b = append(b, `,"message":`...)
	b = appendString(b, f.Msg)
	answer(w, status, append(b, `,"detail":""}}`...))
}

// input says what is wrong with an attribute as neutron's validators do. Values that it converts before it looks at
// them have a type of error of their own.
func (neutronDialect) input(e *inputError) *fault.Fault {
	name := ""
	if n := len(e.path); n > 1 {
		name = e.path[n-2] // the attribute; the outermost element is the envelope
	}
	switch {
	case name == "":
		return fault.Invalidf("%s", e.Error())
	case e.fact == unknownMember && len(e.path) == 2:
		return fault.Invalidf("Unrecognized attribute(s) '%s'", name)
	case e.fact == missingMember && len(e.path) == 2:
		return fault.Invalidf("Failed to parse request. Required attribute '%s' not specified", name)
	case e.fact == wrongBool:
		return fault.Invalidf("Invalid input for operation: '%s' cannot be converted to boolean.", e.got).Coded("InvalidInput")
	case e.fact == wrongInt:
		return fault.Invalidf("Invalid input for operation: '%s' is not an integer.", e.got).Coded("InvalidInput")
	case e.fact == wrongString:
		return fault.Invalidf("Invalid input for %s. Reason: '%s' is not a valid string.", name, e.got)
	}
	return fault.Invalidf("Invalid input for %s. Reason: %s.", name, e.why)
}

func neutronType(status int, f *fault.Fault) string {
	if f.Code != "" {
		return f.Code
	}
	if f.Kind == fault.OverQuota {
		return "OverQuota"
	}
	switch status {
	case 400:
		return "HTTPBadRequest"
	case 401:
		return "HTTPUnauthorized"
	case 403:
		return "PolicyNotAuthorized"
	case 404:
		return "HTTPNotFound"
	case 405:
		return "HTTPMethodNotAllowed"
	case 409:
		return "HTTPConflict"
	case 413:
		return "HTTPRequestEntityTooLarge"
	case 415:
		return "HTTPUnsupportedMediaType"
	case 501:
		return "HTTPNotImplemented"
	case 503:
		return "HTTPServiceUnavailable"
	}
	return "HTTPInternalServerError"
}

type placementDialect struct{}

func (placementDialect) media() int { return http.StatusUnsupportedMediaType }
func (placementDialect) Status(k fault.Kind) int {
	return statusOf(k)
}

func (placementDialect) Write(w http.ResponseWriter, r *Request, status int, f *fault.Fault) {
	b := append([]byte(`{"errors":[{"status":`), strconv.Itoa(status)...)
	b = append(b, `,"title":`...)
	b = appendString(b, title(status))
	b = append(b, `,"detail":`...)
	b = appendString(b, f.Msg)
	b = append(b, `,"request_id":`...)
	b = appendString(b, r.ID)
	if !r.Version.Less(Version{1, 23}) {
		code := f.Code
		if !strings.HasPrefix(code, "placement.") {
			code = "placement.undefined_code"
		}
		b = append(b, `,"code":`...)
		b = appendString(b, code)
	}
	if vs := r.s.c.Versions; status == http.StatusNotAcceptable && vs != nil {
		b = append(b, `,"max_version":`...)
		b = appendString(b, vs.Max.String())
		b = append(b, `,"min_version":`...)
		b = appendString(b, vs.Min.String())
	}
	answer(w, status, append(b, "}]}"...))
}

type glanceDialect struct{}

func (glanceDialect) media() int { return http.StatusUnsupportedMediaType }
func (glanceDialect) Status(k fault.Kind) int {
	if k == fault.OverQuota {
		return http.StatusRequestEntityTooLarge
	}
	return statusOf(k)
}

// Write answers JSON to clients that ask for it by name and a small page to the others, as webob does for glance.
func (glanceDialect) Write(w http.ResponseWriter, r *Request, status int, f *fault.Fault) {
	line := strconv.Itoa(status) + " " + title(status)
	if strings.Contains(r.HTTP.Header.Get("Accept"), "application/json") {
		b := append([]byte(`{"message":`), appendString(nil, f.Msg)...)
		b = append(b, `,"code":`...)
		b = appendString(b, line)
		b = append(b, `,"title":`...)
		b = appendString(b, title(status))
		answer(w, status, append(b, '}'))
		return
	}
	page := "<html>\n <head>\n  <title>" + line + "</title>\n </head>\n <body>\n  <h1>" + line + "</h1>\n  " +
		html.EscapeString(f.Msg) + "<br /><br />\n\n\n </body>\n</html>"
	w.Header().Set("Content-Type", "text/html; charset=UTF-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(page)))
	w.WriteHeader(status)
	_, _ = w.Write([]byte(page)) // the client may be gone; the log has the outcome
}
