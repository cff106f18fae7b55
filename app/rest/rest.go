// Package rest is an HTTP client of the cloud's own APIs, for commands and tests.
package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"hypernova/oslo/fault"
	"hypernova/oslo/httpc"
)

// maxReply bounds an answer that is read whole.
const maxReply = 64 << 20

// Client is somebody logged in. Endpoints are by service type ("compute"), as the token's catalog names them.
type Client struct {
	HTTP      *http.Client // nil: http.DefaultClient
	Token     string
	Endpoints map[string]string
}

// Credentials are what a login needs. The project may be empty: the token then has no scope and no catalog.
type Credentials struct {
	User, Password, Project string
	Domain                  string // of user and project, by name; empty: Default
}

// Login asks identity at url (without version) for a token.
func Login(ctx context.Context, h *http.Client, url string, c Credentials) (*Client, error) {
	domain := map[string]any{"name": c.Domain}
	if c.Domain == "" {
		domain = map[string]any{"id": "default"}
	}
	auth := map[string]any{"identity": map[string]any{"methods": []string{"password"},
		"password": map[string]any{"user": map[string]any{"name": c.User, "password": c.Password, "domain": domain}}}}
	if c.Project != "" {
		auth["scope"] = map[string]any{"project": map[string]any{"name": c.Project, "domain": domain}}
	}
	cl := &Client{HTTP: h, Endpoints: map[string]string{"identity": url + "/v3"}}
	var reply struct {
		Token struct {
			Catalog []struct {
				Type      string
				Endpoints []struct{ Interface, URL string }
			}
		}
	}
	header, err := cl.call(ctx, http.MethodPost, url+"/v3/auth/tokens", map[string]any{"auth": auth}, &reply)
	if err != nil {
		return nil, err
	}
	cl.Token = header.Get("X-Subject-Token")
	for _, s := range reply.Token.Catalog {
		for _, e := range s.Endpoints {
			if e.Interface == "public" {
				cl.Endpoints[s.Type] = e.URL
			}
		}
	}
	return cl, nil
}

// Do sends body as JSON (nil: none; an io.Reader: as it is) to a path of a service and decodes the answer into out
// (nil: ignored). A status of 400 or more is a fault of the kind it stands for, with the service's own text.
func (c *Client) Do(ctx context.Context, method, service, path string, body, out any) error {
	base := c.Endpoints[service]
	if base == "" {
		return fault.Unavailablef("the catalog has no public endpoint for %s", service)
	}
	_, err := c.call(ctx, method, strings.TrimRight(base, "/")+path, body, out)
	return err
}

func (c *Client) call(ctx context.Context, method, url string, body, out any) (http.Header, error) {
	req, err := request(ctx, method, url, body)
	if err != nil {
		return nil, err
	}
	if c.Token != "" {
		req.Header.Set("X-Auth-Token", c.Token)
	}
	h := c.HTTP
	if h == nil {
		h = http.DefaultClient
	}
	resp, err := h.Do(req)
	if err != nil {
		return nil, fault.Unavailablef("%s does not answer", url).Because(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxReply))
	if err != nil {
		return nil, fault.Unavailablef("%s broke off its answer", url).Because(err)
	}
	if resp.StatusCode >= 400 {
		msg, _ := httpc.Message(text)
		return nil, fault.New(httpc.KindOf(resp.StatusCode), "%s %s: %d %s", method, url, resp.StatusCode, msg)
	}
	if out != nil && len(text) > 0 {
		if err := json.Unmarshal(text, out); err != nil {
			return nil, fmt.Errorf("answer of %s: %w", url, err)
		}
	}
	return resp.Header, nil
}

func request(ctx context.Context, method, url string, body any) (*http.Request, error) {
	var r io.Reader
	media := "application/json"
	switch b := body.(type) {
	case nil:
	case io.Reader:
		r, media = b, "application/octet-stream"
	default:
		text, err := json.Marshal(b)
		if err != nil {
			return nil, err
		}
		r = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, url, r)
	if err != nil {
		return nil, err
	}
	if r != nil {
		req.Header.Set("Content-Type", media)
	}
	req.Header.Set("Accept", "application/json")
	return req, nil
}
