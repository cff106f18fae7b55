package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"runtime/debug"
	"strings"
	"time"

	"hypernova/oslo/auth"
	"hypernova/oslo/conns"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
)

var inboundID = regexp.MustCompile(`^req-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// ServeHTTP answers one request with exactly one answer and one log line, also after a panic of the handler.
func (s *server) ServeHTTP(w http.ResponseWriter, h *http.Request) {
	if s.discovery(h) {
		s.c.Root.ServeHTTP(w, h)
		return
	}
	start := time.Now()
	rec := &recorder{ResponseWriter: w}
	r := &Request{ID: ids.Request(), HTTP: h, s: s}
	if id := h.Header.Get("X-Openstack-Request-Id"); inboundID.MatchString(id) {
		r.global = id
	}
	rec.Header().Set("X-Openstack-Request-Id", r.ID)
	if s.c.RequestIDHeader != "" {
		rec.Header().Set(s.c.RequestIDHeader, r.ID)
	}
	var op *opDef
	err := s.guarded(rec, r, &op)
	switch {
	case err != nil && rec.status == 0 && errors.Is(h.Context().Err(), context.Canceled) && !errors.Is(err, errPanic):
		rec.status = statusGone // nobody is there to be answered
	case err != nil:
		s.fail(rec, r, err)
	}
	if r.Caller != nil || rec.status == http.StatusCreated { // a token was shown, or one was given for a password
		conns.Proven(h.Context())
	}
	took := time.Since(start)
	s.report(h.Context(), r, op, rec.status, took, err)
}

// statusGone is the status in the log and the metrics of requests whose client closed the connection before there was
// an answer.
const statusGone = 499

// discovery reports requests for version documents.
func (s *server) discovery(h *http.Request) bool {
	if s.c.Root == nil {
		return false
	}
	path := strings.TrimSuffix(h.URL.Path, "/")
	return path == "" || path == s.c.Base || s.c.FormatSuffix && path == s.c.Base+".json"
}

// errPanic is the cause of the fault that a handler's panic becomes.
var errPanic = errors.New("panicked")

// guarded contains a handler's panic to its request.
func (s *server) guarded(rec *recorder, r *Request, op **opDef) (err error) {
	defer func() {
		if p := recover(); p != nil {
			if p == http.ErrAbortHandler { // net/http's own way to drop a connection
				panic(p)
			}
			err = fault.New(fault.Internal, "panic").Because(fmt.Errorf("%w: %v\n%s", errPanic, p, debug.Stack()))
		}
	}()
	return s.serve(rec, r, op)
}

func (s *server) serve(rec *recorder, r *Request, op **opDef) error {
	m, found := s.route(r)
	if err := s.identify(r, found && open(m.ops)); err != nil {
		return err
	}
	ctx := auth.WithRequest(r.HTTP.Context(), r.ID)
	if r.Caller != nil {
		ctx = auth.With(ctx, r.Caller)
	}
	r.HTTP = r.HTTP.WithContext(ctx)
	if err := s.negotiate(rec, r); err != nil {
		return err
	}
	if !found {
		return s.lost(rec, r, m)
	}
	if err := checkGiven(r.HTTP); err != nil {
		return err
	}
	if r.project != "" && (r.Caller == nil || r.Caller.ProjectID != r.project) {
		have := ""
		if r.Caller != nil {
			have = r.Caller.ProjectID
		}
		return fault.Invalidf("Malformed request URL: URL's project_id '%s' doesn't match Context's project_id '%s'",
			r.project, have)
	}
	r.params = m.params
	c := &call{s: s, r: r, w: rec, ctx: ctx}
	if err := c.choose(m.ops); err != nil {
		return err
	}
	*op = c.op.def
	if s.c.Exacting {
		if err := c.speaksJSON(); err != nil {
			return err
		}
	}
	if err := c.unknownQuery(); err != nil {
		return err
	}
	return c.op.run(c)
}

// route finds the operations of the path; without a hit the path is tried with its first segment as the project.
func (s *server) route(r *Request) (match, bool) {
	path := r.HTTP.URL.EscapedPath()
	below, ok := strings.CutPrefix(path, s.c.Base)
	if !ok || below != "" && below[0] != '/' || s.c.StrictSlash && below != "/" && strings.HasSuffix(below, "/") {
		return match{}, false
	}
	if s.c.FormatSuffix {
		below = strings.TrimSuffix(strings.TrimRight(below, "/"), ".json")
	}
	segs, ok := split(below)
	if !ok {
		return match{odd: !Storable(r.HTTP.URL.Path)}, false
	}
	m, found := s.root.find(r.HTTP.Method, segs)
	if found || !s.c.ProjectInPath || len(segs) == 0 {
		return m, found
	}
	p, found := s.root.find(r.HTTP.Method, segs[1:])
	if found {
		r.project = segs[0]
		return p, true
	}
	if len(m.allow) == 0 {
		m = p
	}
	return m, false
}

func open(ops []*bound) bool {
	for _, b := range ops {
		if !b.def.noAuth {
			return false
		}
	}
	return true
}

// identify validates the token. For NoAuth operations an invalid token counts as none.
func (s *server) identify(r *Request, open bool) error {
	token := r.HTTP.Header.Get("X-Auth-Token")
	if token == "" || s.c.Validator == nil {
		if open {
			return nil
		}
		return &unauthenticated{}
	}
	if !Storable(token) { // no token looks like this, and identity refuses to look it up
		if open {
			return nil
		}
		return &unauthenticated{}
	}
	c, err := s.c.Validator.Validate(auth.WithRequest(r.HTTP.Context(), r.ID), token)
	switch {
	case err == nil:
		r.Caller = c
		return s.asker(r)
	case open:
		return nil
	case fault.Is(err, fault.Unauthorized), fault.Is(err, fault.NotFound):
		return &unauthenticated{err}
	}
	return err
}

// asker makes the user for whom a service acts the caller. Only services may act for others.
func (s *server) asker(r *Request) error {
	said := r.HTTP.Header.Values(auth.AskerHeader)
	if len(said) == 0 || !s.c.Askers {
		return nil
	}
	if !r.Caller.HasRole("service") {
		return fault.Forbiddenf("Only services may ask for somebody else.")
	}
	// An empty value is malformed, not absent: a service that meant to name somebody does not get its own rights.
	who, err := auth.DecodeAsker(strings.Join(said, ","))
	if err != nil {
		return fault.Invalidf("The header %s is malformed.", auth.AskerHeader).Because(err)
	}
	r.Service, r.Caller = r.Caller, who
	return nil
}

func (s *server) negotiate(rec *recorder, r *Request) error {
	vs := s.c.Versions
	if vs == nil {
		return nil
	}
	v, malformed, outside := vs.negotiate(r.HTTP.Header)
	vs.respond(rec.Header(), v)
	switch {
	case malformed != "":
		return fault.Invalidf("API Version String %s is of invalid format. Must be of format MajorNum.MinorNum.", malformed)
	case outside != "":
		return WithStatus(http.StatusNotAcceptable,
			fault.Invalidf("Version %s is not supported by the API. Minimum is %s and maximum is %s.", outside, vs.Min, vs.Max))
	}
	r.Version = v
	return nil
}

// lost answers a path or method without an operation.
func (s *server) lost(rec *recorder, r *Request, m match) error {
	switch method := r.HTTP.Method; {
	case m.odd && (method == http.MethodPut || method == http.MethodPost || method == http.MethodPatch):
		return fault.Invalidf("The path is not UTF-8, or has a NUL character.")
	case len(m.allow) == 0:
		return fault.NotFoundf("The resource could not be found.")
	}
	rec.Header().Set("Allow", strings.Join(m.allow, ", "))
	return WithStatus(http.StatusMethodNotAllowed, fault.Invalidf("The method is not allowed for this resource."))
}

// recorder records the status and the size of the answer.
type recorder struct {
	http.ResponseWriter
	status int
}

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// call is one request to an operation.
type call struct {
	s      *server
	r      *Request
	w      *recorder
	ctx    context.Context
	op     *bound
	action []byte // the value of an action's member
	hollow bool   // the body has no member, but must
}
