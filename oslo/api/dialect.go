package api

import (
	"errors"
	"net/http"
	"slices"
	"strconv"

	"hypernova/oslo/fault"
)

// Dialect is the form of a service's errors.
type Dialect interface {
	// Write answers with the fault. status is already decided (kind map + dialect override).
	Write(w http.ResponseWriter, r *Request, status int, f *fault.Fault)
	// Status maps a kind to a status for this service.
	Status(k fault.Kind) int
	// MediaStatus is the status for a request content type that is not understood: 415, unless the service answers
	// otherwise.
	MediaStatus() int
}

// InputSpeaker is a dialect with its own messages for invalid members of a request body.
type InputSpeaker interface {
	Input(e BadInput) *fault.Fault
}

// BadInput describes an invalid member of a request body.
type BadInput struct {
	// Path leads to the member from outside in; the first element is the envelope.
	Path []string
	Fact InputFact
	Got  string // the value as text, where Fact is about a value
	Why  string // the kit's words for the end of a sentence about the member
	Text string // the kit's whole sentence
}

// InputFact is the sort of an error in a member.
type InputFact int

// The facts. WrongInput is any that has no constant of its own: only Why and Text tell.
const (
	WrongInput    InputFact = iota
	WrongString             // Got is no string
	WrongBool               // Got is no boolean
	WrongInt                // Got is no integer
	UnknownMember           // the member has no meaning
	MissingMember           // the member is required and not there
)

// StatusOf is the one map of kinds to statuses; dialects override single kinds.
func StatusOf(k fault.Kind) int {
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

// clientGone is a failed write of an answer: the client closed the connection.
type clientGone struct{ err error }

func (e *clientGone) Error() string { return "client went away: " + e.err.Error() }
func (e *clientGone) Unwrap() error { return e.err }

func gone(err error) error {
	if err == nil {
		return nil
	}
	return &clientGone{err}
}

// retryAfter is the Retry-After of 503 in seconds: a restarted database or service is back soon.
const retryAfter = "2"

// fail answers with an error, unless the answer has begun.
func (s *server) fail(w *recorder, r *Request, err error) {
	if w.status != 0 {
		return
	}
	var ua *unauthenticated
	if errors.As(err, &ua) {
		w.Header().Set("WWW-Authenticate", `Keystone uri="`+s.authURI(r)+`"`)
		WriteJSON(w, http.StatusUnauthorized, unauthorizedBody())
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
	if d, ok := s.c.Dialect.(InputSpeaker); ok && errors.As(err, &in) {
		f = d.Input(in.told())
	}
	s.c.Dialect.Write(w, r, status, f)
}

func (e *inputError) told() BadInput {
	path := slices.Clone(e.path)
	slices.Reverse(path)
	return BadInput{Path: path, Fact: e.fact, Got: e.got, Why: e.why, Text: e.Error()}
}

func (s *server) authURI(r *Request) string {
	if s.c.AuthURI != "" {
		return s.c.AuthURI
	}
	return s.base(r.HTTP)
}

// AuthURI is where clients that have no token get one, for WWW-Authenticate.
func (r *Request) AuthURI() string { return r.s.authURI(r) }

// Offered is the versions that the service offers; ok is false where it has none.
func (r *Request) Offered() (v Versions, ok bool) {
	if r.s.c.Versions == nil {
		return Versions{}, false
	}
	return *r.s.c.Versions, true
}

// WriteJSON answers with a finished JSON document.
func WriteJSON(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client may be gone; the log has the outcome
}

// unauthorizedBody is the body of keystonemiddleware's 401 in every service.
func unauthorizedBody() []byte {
	b := append([]byte(`{"error":{"code":401,"message":`), AppendString(nil, unauthorizedText)...)
	return append(b, `,"title":"Unauthorized"}}`...)
}

// Title is the reason phrase of a status, as HTTP's registry and OpenStack's services word it.
func Title(status int) string {
	if status == http.StatusRequestEntityTooLarge {
		return "Request Entity Too Large"
	}
	return http.StatusText(status)
}

// AppendString appends a text as JSON.
func AppendString(b []byte, s string) []byte { return appendString(b, s) }
