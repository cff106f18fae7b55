// Package client is keystone.API over HTTP: what a service in another process asks of identity.
package client

import (
	"context"
	"crypto/sha256"
	"net/http"
	"sync"
	"time"

	"hypernova/keystone"
	"hypernova/oslo/auth"
	"hypernova/oslo/fault"
	"hypernova/oslo/httpc"
)

// Client asks a keystone. What tokens prove is remembered for a second, so that a revocation is late by no more than that.
type Client struct {
	http  *httpc.Client
	mu    sync.Mutex
	known map[[32]byte]answer
}

type answer struct {
	caller *auth.Caller
	at     time.Time
}

// remember is how long an answer may be used again; entries bounds the memory.
const (
	remember = time.Second
	entries  = 20_000
)

// New makes a client of the identity API behind h, whose base is the v3 address and whose tokens are the service's own.
func New(h *httpc.Client) *Client { return &Client{http: h, known: map[[32]byte]answer{}} }
