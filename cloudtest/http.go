package cloudtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"

	"hypernova/app/rest"
	"hypernova/cloudtest/scenario"
)

// login is a user's token and catalog.
type login struct {
	token     string
	endpoints map[string]string
}

// Token is a token of a user; nobody's is empty.
func (c *Cloud) Token(user string) string {
	c.t.Helper()
	l, err := c.login(c.t.Context(), user)
	c.must(err)
	return l.token
}

func (c *Cloud) login(ctx context.Context, user string) (login, error) {
	if user == "nobody" {
		admin, err := c.login(ctx, "admin")
		return login{endpoints: admin.endpoints}, err
	}
	c.mu.Lock()
	l, ok := c.logins[user]
	c.mu.Unlock()
	if ok {
		return l, nil
	}
	cl, err := rest.Login(ctx, http.DefaultClient, c.Endpoint("keystone"), rest.Credentials{User: user, Password: "secret", Project: user})
	if err != nil {
		return l, err
	}
	l = login{cl.Token, cl.Endpoints}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.logins[user] = l
	return l, nil
}

// Do sends body (nil: none, a string: as it is, anything else: as JSON) to a service of the catalog as a user, and answers the status and
// the decoded answer.
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
	a, err := c.Request(c.t.Context(), user, r)
	c.must(err)
	var doc map[string]any
	if len(a.Body) > 0 && json.Unmarshal(a.Body, &doc) != nil {
		doc = map[string]any{"text": string(a.Body)}
	}
	return a.Status, doc
}

// Request sends a request with headers of its own. A body that is no JSON is sent as octets.
func (c *Cloud) Request(ctx context.Context, user string, r scenario.Request) (scenario.Answer, error) {
	l, err := c.login(ctx, user)
	if err != nil {
		return scenario.Answer{}, err
	}
	base := strings.TrimRight(l.endpoints[r.Service], "/")
	if base == "" {
		return scenario.Answer{}, fmt.Errorf("the catalog has no service of type %q", r.Service)
	}
	req, err := http.NewRequestWithContext(ctx, r.Method, base+r.Path, bytes.NewReader([]byte(r.Body)))
	if err != nil {
		return scenario.Answer{}, err
	}
	if l.token != "" {
		req.Header.Set("X-Auth-Token", l.token)
	}
	if r.Body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	maps.Copy(req.Header, r.Header)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return scenario.Answer{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return scenario.Answer{Status: resp.StatusCode, Header: resp.Header, Body: text}, err
}
