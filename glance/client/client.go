// Package client is the client of the image service, over HTTP.
package client

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"time"

	"hypernova/glance"
	"hypernova/oslo/auth"
	"hypernova/oslo/fault"
	"hypernova/oslo/httpc"
)

// Client calls the image service in another process. It authenticates as its own service and sends the user on whose
// behalf it calls, so that the image service applies that user's rights. Without a caller in ctx every image is
// fault.NotFound.
type Client struct{ http *httpc.Client }

var _ glance.API = (*Client)(nil)

// New returns a client over an HTTP client with httpc.Config.Asker. The base of c is the versioned API, for example
// "http://controller:9292/v2".
func New(h *httpc.Client) *Client { return &Client{http: h} }

func path(id string) string { return "/images/" + url.PathEscape(id) }

// Image returns an image. fault.NotFound if it does not exist or is not visible to the caller.
func (c *Client) Image(ctx context.Context, id string) (glance.Image, error) {
	if auth.From(ctx) == nil {
		return glance.Image{}, fault.NotFoundf("No image found with ID %s", id)
	}
	doc, err := httpc.Do[document](ctx, c.http, httpc.Request{Path: path(id)})
	return doc.Image, err
}

// Open opens the data of an active image. The reader returns an error at its end if the data does not match the
// checksum. ctx must live until the caller has closed the reader.
func (c *Client) Open(ctx context.Context, id string) (glance.Image, io.ReadCloser, error) {
	i, err := c.Image(ctx, id)
	if err != nil {
		return i, nil, err
	}
	if i.Status != glance.Active && i.Status != glance.Deactivated {
		return i, nil, fault.Conflictf("Image %s has no data: it is %s.", id, i.Status)
	}
	resp, err := c.http.Stream(ctx, httpc.Request{Path: path(id) + "/file",
		Header: http.Header{"Accept": {"application/octet-stream"}}})
	if err != nil {
		return i, nil, err
	}
	return i, check(resp.Body, i), nil
}

var _ glance.Writer = (*Client)(nil)

// Create makes the record of an image without data; see glance.Writer.
func (c *Client) Create(ctx context.Context, i glance.NewImage) (glance.Image, error) {
	body := map[string]any{"id": i.ID, "name": i.Name, "visibility": glance.Private, "disk_format": i.DiskFormat,
		"container_format": i.ContainerFormat, "min_disk": i.MinDisk, "min_ram": i.MinRAM}
	for name, v := range i.Properties {
		body[name] = v
	}
	doc, err := httpc.Do[document](ctx, c.http, httpc.Request{Method: http.MethodPost, Path: "/images", Body: body})
	return doc.Image, err
}

// Upload stores the data of a queued image; see glance.Writer. It is not repeated.
func (c *Client) Upload(ctx context.Context, id string, data io.Reader, size int64) error {
	resp, err := c.http.Stream(ctx, httpc.Request{Method: http.MethodPut, Path: path(id) + "/file", Data: data, Size: size,
		Header: http.Header{"Content-Type": {"application/octet-stream"}}})
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// Delete deletes an image; see glance.Writer.
func (c *Client) Delete(ctx context.Context, id string) error {
	_, err := httpc.Do[struct{}](ctx, c.http, httpc.Request{Method: http.MethodDelete, Path: path(id)})
	return err
}

// Find returns the images with properties; see glance.Writer.
func (c *Client) Find(ctx context.Context, properties map[string]string) ([]glance.Image, error) {
	q := url.Values{"sort_key": {"created_at"}, "sort_dir": {"desc"}, "limit": {"1000"}}
	if who := auth.From(ctx); who != nil {
		q.Set("owner", who.ProjectID)
	}
	for name, v := range properties {
		q.Set(name, v)
	}
	found, err := httpc.Do[struct{ Images []document }](ctx, c.http, httpc.Request{Path: "/images", Query: q})
	out := make([]glance.Image, len(found.Images))
	for i, d := range found.Images {
		out[i] = d.Image
	}
	return out, err
}

// document is an image in the API's form: named members, and the additional properties beside them.
type document struct{ glance.Image }

func (d *document) UnmarshalJSON(b []byte) error {
	var named struct {
		ID              string    `json:"id"`
		Name            string    `json:"name"`
		Owner           string    `json:"owner"`
		Status          string    `json:"status"`
		Visibility      string    `json:"visibility"`
		DiskFormat      string    `json:"disk_format"`
		ContainerFormat string    `json:"container_format"`
		Checksum        string    `json:"checksum"`
		HashAlgo        string    `json:"os_hash_algo"`
		HashValue       string    `json:"os_hash_value"`
		Size            *int64    `json:"size"`
		VirtualSize     *int64    `json:"virtual_size"`
		MinDisk         int64     `json:"min_disk"`
		MinRAM          int64     `json:"min_ram"`
		Protected       bool      `json:"protected"`
		Hidden          bool      `json:"os_hidden"`
		Tags            []string  `json:"tags"`
		Created         time.Time `json:"created_at"`
		Updated         time.Time `json:"updated_at"`
	}
	if err := json.Unmarshal(b, &named); err != nil {
		return err
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(b, &all); err != nil {
		return err
	}
	d.Image = glance.Image{ID: named.ID, Name: named.Name, Owner: named.Owner, Status: named.Status,
		Visibility: named.Visibility,
		DiskFormat: named.DiskFormat, ContainerFormat: named.ContainerFormat, Checksum: named.Checksum,
		HashAlgo: named.HashAlgo, HashValue: named.HashValue,
		Size: known(named.Size), VirtualSize: known(named.VirtualSize), MinDisk: named.MinDisk, MinRAM: named.MinRAM,
		Protected: named.Protected,
		Hidden:    named.Hidden, Tags: named.Tags, Created: named.Created, Updated: named.Updated,
		Properties: map[string]string{}}
	for name, raw := range all {
		var s string
		if !glance.Named(name) && json.Unmarshal(raw, &s) == nil {
			d.Properties[name] = s
		}
	}
	return nil
}

func known(n *int64) int64 {
	if n == nil {
		return -1
	}
	return *n
}
