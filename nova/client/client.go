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

// New makes a client of the compute API at base, with or without the API's version at its end. The tokens must hold the admin or service role.
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

// ExternalEvents tells compute. Events of servers that are not there, or not yet on a host, are compute's to ignore; an older release says by
// fault.NotFound that all of them were.
func (c *Client) ExternalEvents(ctx context.Context, es []nova.ExternalEvent) error {
	if len(es) == 0 {
		return nil
	}
	body := eventsBody{}
	for _, e := range es {
		body.Events = append(body.Events, event(e))
	}
	_, err := httpc.Do[struct{}](ctx, c.http, httpc.Request{Method: http.MethodPost, Path: "/os-server-external-events", Body: body})
	return err
}
