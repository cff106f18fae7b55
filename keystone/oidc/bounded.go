package oidc

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"hypernova/oslo/clock"
)

// awayError marks that a provider did not answer, among what libraries make of it.
type awayError struct{ err error }

func (e *awayError) Error() string { return e.err.Error() }
func (e *awayError) Unwrap() error { return e.err }

// bounded is a transport that reads no more than maxAnswer of an answer, marks failures, and asks for the same
// document only once in a while: somebody who sends tokens with invented key ids must not make this cloud hammer the
// provider.
type bounded struct {
	next http.RoundTripper
	now  clock.Now

	mu   sync.Mutex
	kept map[string]keptAnswer
}

type keptAnswer struct {
	status int
	header http.Header
	body   []byte
	at     time.Time
}

func (b *bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodGet {
		resp, err := b.next.RoundTrip(r)
		if err == nil {
			resp.Body = struct {
				io.Reader
				io.Closer
			}{io.LimitReader(resp.Body, maxAnswer), resp.Body}
		}
		return resp, away(err)
	}
	where := r.URL.String()
	b.mu.Lock()
	have, ok := b.kept[where]
	b.mu.Unlock()
	if !ok || b.now().Sub(have.at) >= rekey {
		resp, err := b.next.RoundTrip(r)
		if err != nil {
			return nil, away(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
		if err == nil && len(body) > maxAnswer {
			err = errors.New("the answer is too long")
		}
		if err == nil && resp.StatusCode >= http.StatusInternalServerError {
			err = fmt.Errorf("it answers %s", resp.Status)
		}
		if err != nil {
			return nil, away(err)
		}
		have = keptAnswer{resp.StatusCode, resp.Header, body, b.now()}
		b.mu.Lock()
		b.kept[where] = have
		b.mu.Unlock()
	}
	return &http.Response{StatusCode: have.status, Status: http.StatusText(have.status), Proto: "HTTP/1.1", ProtoMajor: 1,
		ProtoMinor: 1,
		Header:     have.header.Clone(), Body: io.NopCloser(bytes.NewReader(have.body)), ContentLength: int64(len(have.body)),
		Request: r}, nil
}

func away(err error) error {
	if err == nil {
		return nil
	}
	return &awayError{err}
}
