// Package httpc is the HTTP client for calls between services, as keystoneauth's sessions are: tokens, request ids,
// timeouts, retries of idempotent requests, and error bodies as faults.
package httpc

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"hypernova/oslo/auth"
	"hypernova/oslo/backoff"
	"hypernova/oslo/fault"
	"hypernova/oslo/log"
)

// TokenSource supplies the token of a request. It may block on the network.
type TokenSource interface {
	Token(ctx context.Context) (string, error)
}

// Forgetter is a TokenSource that drops a token which a service has rejected.
type Forgetter interface{ Forget(token string) }

// Static is a constant token.
type Static string

func (s Static) Token(context.Context) (string, error) { return string(s), nil }

// Config configures a client. Only Base is required.
type Config struct {
	Base    string            // "http://controller:9292/v2"
	Name    string            // name of the called service, for messages: "glance"
	Tokens  TokenSource       // nil: requests carry no token
	Headers map[string]string // sent with every request, for example "OpenStack-API-Version"
	Timeout time.Duration     // limit of one attempt including its body; default 60 s; for a stream only until the headers
	Retries int               // further attempts of a GET or HEAD; default 3, negative: none
	HTTP    *http.Client      // nil: a client with its own connection pool
	// Asker sends the user in the context along (auth.AskerHeader), unless the request is a service's own. The called
	// service then applies the user's rights.
	Asker bool
}

// Client sends requests to one service. It is safe for concurrent use.
type Client struct {
	c    Config
	http *http.Client
}

// New makes a client.
func New(c Config) *Client {
	c.Base = strings.TrimRight(c.Base, "/")
	if c.Timeout <= 0 {
		c.Timeout = time.Minute
	}
	if c.Retries == 0 {
		c.Retries = 3
	}
	if c.Name == "" {
		c.Name = c.Base
	}
	h := c.HTTP
	if h == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.MaxIdleConnsPerHost = 64
		t.ResponseHeaderTimeout = c.Timeout
		h = &http.Client{Transport: t}
	}
	return &Client{c: c, http: h}
}

// Request is one request. Path is relative to Base. Free text in it is already escaped (url.PathEscape).
type Request struct {
	Method string // default GET
	Path   string
	Query  url.Values
	Header http.Header
	Body   any // encoded as JSON; nil: no body
	// Data is sent in place of Body, as it is. Then the request is sent once: it is not repeated. Size is its length in
	// bytes; below zero: unknown.
	Data io.Reader
	Size int64
}

// Do sends a request and decodes the JSON answer into Out. An answer without a body leaves Out zero. A status of 400
// and above is a fault of its kind with the service's message. A service that cannot be reached is fault.Unavailable.
func Do[Out any](ctx context.Context, c *Client, r Request) (Out, error) {
	var out Out
	err := c.tries(ctx, r, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, c.c.Timeout)
		defer cancel()
		resp, err := c.once(ctx, r)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			return c.unreachable(err)
		}
		if len(bytes.TrimSpace(body)) == 0 {
			return nil
		}
		if err := json.Unmarshal(body, &out); err != nil {
			return fmt.Errorf("decode the answer of %s: %w", c.c.Name, err)
		}
		return nil
	})
	return out, err
}

// Stream sends a request and returns the response with an unread body. The caller closes it. ctx must live as long as
// the body is read.
func (c *Client) Stream(ctx context.Context, r Request) (*http.Response, error) {
	var resp *http.Response
	err := c.tries(ctx, r, func(ctx context.Context) (err error) {
		resp, err = c.once(ctx, r)
		return err
	})
	return resp, err
}

// tries repeats what is safe to repeat: reads while the service is unavailable, and any request once after its token
// was rejected.
func (c *Client) tries(ctx context.Context, r Request, try func(context.Context) error) error {
	pauses := backoff.Policy{First: 150 * time.Millisecond, Most: 10 * time.Second}
	renewed := false
	for n := 0; ; n++ {
		err := try(ctx)
		var refused *tokenError
		switch {
		case err == nil:
			return nil
		case errors.As(err, &refused) && !renewed && r.Data == nil:
			renewed = true
			f, ok := c.c.Tokens.(Forgetter)
			if !ok {
				return err
			}
			f.Forget(refused.token)
			continue
		case !fault.Is(err, fault.Unavailable) || !r.safe() || n >= c.c.Retries || ctx.Err() != nil:
			return err
		}
		if pauses.Wait(ctx, n) != nil {
			return err
		}
		log.From(ctx).DebugContext(ctx, "retrying request: service unavailable or token rejected", "service", c.c.Name,
			"path", r.Path, log.Err, err.Error())
	}
}

func (r Request) safe() bool { return r.Method == "" || r.Method == "GET" || r.Method == "HEAD" }

// tokenError is a 401 for a token that should be valid.
type tokenError struct {
	token string
	err   error
}

func (e *tokenError) Error() string { return e.err.Error() }
func (e *tokenError) Unwrap() error { return e.err }

func (c *Client) once(ctx context.Context, r Request) (*http.Response, error) {
	req, token, err := c.request(ctx, r)
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.unreachable(err)
	}
	if resp.StatusCode < 400 {
		return resp, nil
	}
	defer resp.Body.Close()
	err = readFault(c.c.Name, resp)
	if resp.StatusCode == http.StatusUnauthorized && token != "" {
		return nil, &tokenError{token, err}
	}
	return nil, err
}

func (c *Client) request(ctx context.Context, r Request) (*http.Request, string, error) {
	target := c.c.Base + r.Path
	if len(r.Query) > 0 {
		target += "?" + r.Query.Encode()
	}
	var body io.Reader
	if r.Body != nil {
		b, err := json.Marshal(r.Body)
		if err != nil {
			return nil, "", fmt.Errorf("encode a request to %s: %w", c.c.Name, err)
		}
		body = bytes.NewReader(b)
	}
	if r.Data != nil {
		body = io.NopCloser(r.Data) // the caller closes it
	}
	req, err := http.NewRequestWithContext(ctx, r.Method, target, body)
	if err != nil {
		return nil, "", fmt.Errorf("make a request to %s: %w", c.c.Name, err)
	}
	if r.Data != nil {
		req.ContentLength = r.Size
	}
	for k, v := range c.c.Headers {
		req.Header.Set(k, v)
	}
	for k, vs := range r.Header {
		req.Header[k] = vs
	}
	if body != nil && req.Header.Get("Content-Type") == "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if req.Header.Get("Accept") == "" {
		req.Header.Set("Accept", "application/json")
	}
	if id := auth.RequestID(ctx); id != "" {
		req.Header.Set("X-Openstack-Request-Id", id)
	}
	if who := auth.From(ctx); c.c.Asker && !who.Own() {
		req.Header.Set(auth.AskerHeader, auth.EncodeAsker(who))
	}
	token := ""
	if c.c.Tokens != nil {
		if token, err = c.c.Tokens.Token(ctx); err != nil {
			return nil, "", err
		}
		req.Header.Set("X-Auth-Token", token)
	}
	return req, token, nil
}

func (c *Client) unreachable(err error) error {
	return fault.Unavailablef("%s does not answer", c.c.Name).Because(err)
}

// maxErrorBody bounds the part of an error body that is read, in bytes.
const maxErrorBody = 64 << 10

// readFault makes a fault from an error response.
func readFault(service string, resp *http.Response) error {
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody)) // a part of the text is better than none
	msg, code := Message(body)
	if msg == "" {
		msg = service + " answered " + strconv.Itoa(resp.StatusCode) + " " + http.StatusText(resp.StatusCode)
	}
	return &fault.Fault{Kind: KindOf(resp.StatusCode), Msg: msg, Code: code,
		Err: fmt.Errorf("%s %s: status %d", resp.Request.Method, resp.Request.URL.Redacted(), resp.StatusCode)}
}

// KindOf returns the fault kind of a status of 400 and above.
func KindOf(status int) fault.Kind {
	switch status {
	case http.StatusBadRequest, http.StatusUnprocessableEntity, http.StatusNotAcceptable, http.StatusUnsupportedMediaType:
		return fault.Invalid
	case http.StatusUnauthorized:
		return fault.Unauthorized
	case http.StatusForbidden:
		return fault.Forbidden
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		return fault.NotFound
	case http.StatusConflict, http.StatusPreconditionFailed:
		return fault.Conflict
	case http.StatusGone:
		return fault.Gone
	case http.StatusRequestEntityTooLarge:
		return fault.TooLarge
	case http.StatusNotImplemented:
		return fault.NotImplemented
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return fault.Unavailable
	}
	return fault.Internal
}

// Message returns text and code of an error body in any service's form: {"itemNotFound":{"message"}},
// {"error":{"message"}}, {"NeutronError":{"type","message"}}, {"errors":[{"code","detail"}]}, {"message"}.
func Message(body []byte) (msg, code string) {
	type inner struct {
		Message, Detail, Type string
		Code                  json.RawMessage
	}
	read := func(raw []byte) bool {
		var in inner
		if json.Unmarshal(raw, &in) != nil {
			return false
		}
		if msg = in.Message; msg == "" {
			msg = in.Detail
		}
		if code = in.Type; code == "" {
			_ = json.Unmarshal(in.Code, &code) // a number only repeats the status
		}
		return msg != ""
	}
	var outer map[string]json.RawMessage
	if json.Unmarshal(body, &outer) != nil {
		return "", ""
	}
	if raw, ok := outer["errors"]; ok {
		var list []json.RawMessage
		if json.Unmarshal(raw, &list) == nil && len(list) > 0 && read(list[0]) {
			return msg, code
		}
	}
	if len(outer) == 1 {
		for _, raw := range outer {
			if read(raw) {
				return msg, code
			}
		}
	}
	if read(body) {
		return msg, code
	}
	return "", ""
}
