// Package client is the client of compute, over HTTP, for the external events that networking sends.
package client

import (
	"context"
	"net/http"
	"strings"

	"hypernova/nova"
	"hypernova/oslo/httpc"
)

// Client calls the Compute API.
type Client struct{ http *httpc.Client }

// New makes a client of the Compute API at base, with or without the API's version at its end. The tokens must hold the
// admin or service role.
func New(base string, tokens httpc.TokenSource) *Client {
	base = strings.TrimRight(base, "/")
	if !strings.HasSuffix(base, "/v2.1") {
		base += "/v2.1"
	}
	return &Client{http: httpc.New(httpc.Config{Base: base, Name: "nova", Tokens: tokens})}
}

type eventsBody struct {
	Events []event `json:"events"`
}

type event struct {
	Name   string `json:"name"`
	Server string `json:"server_uuid"`
	Tag    string `json:"tag,omitempty"`
	Status string `json:"status,omitempty"`
}

// ExternalEvents sends events of servers. Compute ignores those of servers that do not exist or have no host yet; an
// older release answers fault.NotFound if it ignores all of them.
func (c *Client) ExternalEvents(ctx context.Context, es []nova.ExternalEvent) error {
	if len(es) == 0 {
		return nil
	}
	body := eventsBody{}
	for _, e := range es {
		body.Events = append(body.Events, event(e))
	}
	_, err := httpc.Do[struct{}](ctx, c.http, httpc.Request{Method: http.MethodPost, Path: "/os-server-external-events",
		Body: body})
	return err
}
