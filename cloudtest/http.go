package cloudtest

import (
	"context"
	"encoding/json"

	"hypernova/cloudtest/scenario"
)

// Token is a token of a user; nobody's is empty.
func (c *Cloud) Token(user string) string {
	c.t.Helper()
	l, err := c.users.Login(c.t.Context(), user)
	c.must(err)
	return l.Token
}

// Do sends body (nil: none, a string: as it is, anything else: as JSON) to a service of the catalog as a user, and
// answers the status and the decoded answer.
func (c *Cloud) Do(user, method, service, path string, body any) (int, map[string]any) {
	c.t.Helper()
	r := scenario.Request{Method: method, Service: service, Path: path}
	switch b := body.(type) {
	case nil:
	case string:
		r.Body = b
	default:
		text, err := json.Marshal(b)
		c.must(err)
		r.Body = string(text)
	}
	a, err := c.users.Request(c.t.Context(), user, r)
	c.must(err)
	var doc map[string]any
	if len(a.Body) > 0 && json.Unmarshal(a.Body, &doc) != nil {
		doc = map[string]any{"text": string(a.Body)}
	}
	return a.Status, doc
}

// Request is Do with headers, and with the answer as it came.
func (c *Cloud) Request(ctx context.Context, user string, r scenario.Request) (scenario.Answer, error) {
	return c.users.Request(ctx, user, r)
}
