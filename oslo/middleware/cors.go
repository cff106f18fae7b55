package middleware

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// CORS is the section [cors]: which web sites' scripts may use an API. For fills empty lists with a service's defaults.
type CORS struct {
	Origins     []string      `conf:"allowed_origin" help:"Web sites whose scripts may use the APIs, as scheme://host or scheme://host:port without a slash at the end; * is any."`
	Credentials bool          `conf:"allow_credentials" default:"true" help:"Whether such requests may carry the browser's credentials."`
	Expose      []string      `conf:"expose_headers" help:"Headers of answers that scripts may read. Empty: those that each service's clients need."`
	MaxAge      time.Duration `conf:"max_age" default:"3600" min:"0" help:"How long a browser may remember what it was allowed."`
	Methods     []string      `conf:"allow_methods" help:"Methods that scripts may use. Empty: GET, PUT, POST, DELETE and PATCH."`
	Headers     []string      `conf:"allow_headers" help:"Headers that scripts may send. Empty: those that each service's clients send."`
}

// simple returns the headers that scripts may always send.
func simple() []string {
	return []string{"Accept", "Accept-Language", "Content-Type", "Cache-Control", "Content-Language", "Expires",
		"Last-Modified", "Pragma"}
}

// For returns the section with its empty lists replaced by those of own.
func (c CORS) For(own CORS) CORS {
	if len(c.Expose) == 0 {
		c.Expose = own.Expose
	}
	if len(c.Headers) == 0 {
		c.Headers = own.Headers
	}
	if len(c.Methods) == 0 {
		c.Methods = []string{http.MethodGet, http.MethodPut, http.MethodPost, http.MethodDelete, http.MethodPatch}
	}
	return c
}

// Handler answers preflight requests and adds the CORS headers to other responses, if the origin is allowed. An OPTIONS
// request that h does not handle is answered with 200 and no body, for every client.
func (c CORS) Handler(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodOptions {
			c.preflight(&options{ResponseWriter: w, header: http.Header{}}, r, h)
			return
		}
		if origin, ok := c.origin(r); ok {
			w = &marked{ResponseWriter: w, mark: func(h http.Header) { c.mark(h, origin) }}
		}
		h.ServeHTTP(w, r)
	})
}

// origin returns the value of Access-Control-Allow-Origin for a request. ok is false if the origin is not allowed.
func (c CORS) origin(r *http.Request) (string, bool) {
	o := r.Header.Get("Origin")
	switch {
	case o == "":
		return "", false
	case slices.Contains(c.Origins, o):
		return o, true
	}
	return "*", slices.Contains(c.Origins, "*")
}

// mark adds the CORS headers for an origin to a response.
func (c CORS) mark(h http.Header, origin string) {
	if h.Get("Access-Control-Allow-Origin") != "" {
		return // an inner handler has set them
	}
	if v := h.Get("Vary"); v != "" {
		h.Set("Vary", v+",Origin")
	} else {
		h.Set("Vary", "Origin")
	}
	h.Set("Access-Control-Allow-Origin", origin)
	if c.Credentials {
		h.Set("Access-Control-Allow-Credentials", "true")
	}
	if len(c.Expose) > 0 {
		h.Set("Access-Control-Expose-Headers", strings.Join(c.Expose, ","))
	}
}

func (c CORS) preflight(w *options, r *http.Request, h http.Handler) {
	h.ServeHTTP(w, r)
	if w.answered() {
		c.allow(w.header, r)
		w.flush()
		return
	}
	c.allow(w.ResponseWriter.Header(), r)
	w.ResponseWriter.Header().Set("Content-Length", "0")
	w.ResponseWriter.WriteHeader(http.StatusOK)
}

// allow adds the CORS headers of a preflight response, if the requested method and headers are allowed.
func (c CORS) allow(h http.Header, r *http.Request) {
	origin, ok := c.origin(r)
	method := r.Header.Get("Access-Control-Request-Method")
	if !ok || h.Get("Access-Control-Allow-Origin") != "" || !slices.Contains(c.Methods, method) {
		return
	}
	var asked []string
	for name := range strings.SplitSeq(r.Header.Get("Access-Control-Request-Headers"), ",") {
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		if !slices.ContainsFunc(append(simple(), c.Headers...), func(x string) bool { return strings.EqualFold(x, name) }) {
			return
		}
		asked = append(asked, name)
	}
	h.Set("Vary", "Origin")
	h.Set("Access-Control-Allow-Origin", origin)
	if c.Credentials {
		h.Set("Access-Control-Allow-Credentials", "true")
	}
	if c.MaxAge > 0 {
		h.Set("Access-Control-Max-Age", strconv.Itoa(int(c.MaxAge/time.Second)))
	}
	h.Set("Access-Control-Allow-Methods", method)
	if len(asked) > 0 {
		h.Set("Access-Control-Allow-Headers", strings.Join(asked, ","))
	}
}

// marked adds the CORS headers when the handler writes its headers.
type marked struct {
	http.ResponseWriter
	mark func(http.Header)
	done bool
}

func (w *marked) WriteHeader(status int) {
	if !w.done && status >= 200 {
		w.done = true
		w.mark(w.Header())
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *marked) Write(b []byte) (int, error) {
	if !w.done {
		w.WriteHeader(http.StatusOK)
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *marked) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// options buffers the response of h to an OPTIONS request, so that it can be replaced if h does not handle the method.
type options struct {
	http.ResponseWriter
	header http.Header
	status int
	body   []byte
}

func (w *options) Header() http.Header { return w.header }

func (w *options) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status = status
	}
}

func (w *options) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	w.body = append(w.body, b...)
	return len(b), nil
}

func (w *options) answered() bool { return w.status >= 200 && w.status < 300 }

func (w *options) flush() {
	for name, values := range w.header {
		w.ResponseWriter.Header()[name] = values
	}
	w.ResponseWriter.WriteHeader(w.status)
	_, _ = w.ResponseWriter.Write(w.body) // an error means that the client has gone
}
