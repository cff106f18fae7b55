package images

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"hypernova/glance/backend"
	"hypernova/oslo/fault"
)

// webStore reads data that stays on web servers. Keys are URLs; each read checks them like web-download does.
type webStore struct{ *web }

var (
	_ backend.Backend  = webStore{}
	_ backend.ReadOnly = webStore{}
	_ backend.Locator  = webStore{}
)

// ReadOnly implements backend.ReadOnly.
func (webStore) ReadOnly() {}

// Put returns fault.NotImplemented.
func (webStore) Put(context.Context, string, io.Reader, int64) (int64, error) {
	return 0, fault.New(fault.NotImplemented, "A web server takes no images.")
}

// Delete does nothing: the data is not this service's.
func (webStore) Delete(context.Context, string) error { return nil }

// List returns nothing.
func (webStore) List(context.Context) ([]backend.Info, error) { return nil, nil }

// URL returns the key, which is a URL.
func (webStore) URL(key string) string { return key }

// Key accepts URLs of an allowed form.
func (w webStore) Key(location string) (string, bool) {
	u, err := url.Parse(location)
	return location, err == nil && w.form(u) == nil
}

func (w webStore) ask(ctx context.Context, method, key string, span string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, key, nil)
	if err != nil || w.form(req.URL) != nil {
		return nil, filtered(key)
	}
	if span != "" {
		req.Header.Set("Range", span)
	}
	resp, err := w.client.Do(req)
	if err != nil {
		return nil, fault.Unavailablef("the image's web server cannot be asked").Because(err)
	}
	switch resp.StatusCode {
	case http.StatusOK, http.StatusPartialContent:
		return resp, nil
	case http.StatusNotFound, http.StatusGone:
		err = fault.NotFoundf("image data is not at its location")
	default:
		err = fault.Unavailablef("the image's web server answers with status %d", resp.StatusCode)
	}
	return nil, errors.Join(err, resp.Body.Close())
}

// Stat sends a HEAD request. fault.Invalid if the server does not announce the size.
func (w webStore) Stat(ctx context.Context, key string) (backend.Info, error) {
	resp, err := w.ask(ctx, http.MethodHead, key, "")
	if err != nil {
		return backend.Info{}, err
	}
	defer resp.Body.Close()
	if resp.ContentLength <= 0 {
		return backend.Info{}, fault.Invalidf("the web server does not say how long the image is")
	}
	modified, _ := http.ParseTime(resp.Header.Get("Last-Modified")) // zero where it is not said
	if modified.IsZero() {
		modified = time.Unix(0, 0)
	}
	return backend.Info{Key: key, Size: resp.ContentLength, Modified: modified.UTC()}, nil
}

// Open requests a range. From a server without support for ranges it skips the beginning.
func (w webStore) Open(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	span := ""
	if offset > 0 || length > 0 {
		span = "bytes=" + strconv.FormatInt(offset, 10) + "-"
		if length > 0 {
			span += strconv.FormatInt(offset+length-1, 10)
		}
	}
	resp, err := w.ask(ctx, http.MethodGet, key, span)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode == http.StatusPartialContent {
		var from int64
		if _, err := fmt.Sscanf(resp.Header.Get("Content-Range"), "bytes %d-", &from); err != nil || from != offset {
			return nil, errors.Join(fault.Unavailablef("the image's web server sends another range than it was asked for"),
				resp.Body.Close())
		}
	} else if _, err := io.CopyN(io.Discard, resp.Body, offset); err != nil && !errors.Is(err, io.EOF) {
		return nil, errors.Join(err, resp.Body.Close())
	}
	if length < 0 {
		return resp.Body, nil
	}
	return struct {
		io.Reader
		io.Closer
	}{io.LimitReader(resp.Body, length), resp.Body}, nil
}
