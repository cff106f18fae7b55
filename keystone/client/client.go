// Package client is the client of the identity service, over HTTP.
package client

import (
	"context"
	"crypto/sha256"
	"net/http"
	"net/url"
	"slices"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"hypernova/keystone"
	"hypernova/oslo/auth"
	"hypernova/oslo/fault"
	"hypernova/oslo/httpc"
)

// Client asks a keystone. What a token proves is remembered for a second, so that a revocation is late by no more
// than that.
type Client struct {
	http  *httpc.Client
	known *lru.Cache[[32]byte, answer] // by the token's hash: memory holds nothing that could be used to log in
}

type answer struct {
	caller *auth.Caller
	rules  []keystone.AccessRule
	ruled  bool
	at     time.Time
}

// allows refuses a ruled token where it is not known what it is used for, or where no rule covers that.
func (a answer) allows(ctx context.Context) (*auth.Caller, error) {
	u, known := keystone.UseOf(ctx)
	if !a.ruled || known && slices.ContainsFunc(a.rules, func(r keystone.AccessRule) bool { return r.Allows(u) }) {
		return a.caller, nil
	}
	return nil, fault.New(fault.Unauthorized, "The request you have made requires authentication.")
}

// remember is how long an answer is used again. entries bounds their number; the least recently used leave first.
const (
	remember = time.Second
	entries  = 20_000
)

// New makes a client. h's base is the identity API's v3 address; its tokens are the calling service's own.
func New(h *httpc.Client) *Client {
	known, err := lru.New[[32]byte, answer](entries)
	if err != nil {
		panic(err) // the size is a positive constant
	}
	return &Client{http: h, known: known}
}

type ref struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Domain struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	} `json:"domain"`
}

type rule struct {
	Service string `json:"service"`
	Method  string `json:"method"`
	Path    string `json:"path"`
}

type document struct {
	Token struct {
		User     ref       `json:"user"`
		Project  *ref      `json:"project"`
		Domain   *ref      `json:"domain"`
		System   *struct{} `json:"system"`
		Roles    []ref     `json:"roles"`
		Methods  []string  `json:"methods"`
		AuditIDs []string  `json:"audit_ids"`
		Expires  time.Time `json:"expires_at"`

		AppCredential *struct {
			Rules *[]rule `json:"access_rules"`
		} `json:"application_credential"`
	} `json:"token"`
}

// Validate is auth.Validator.
func (c *Client) Validate(ctx context.Context, token string) (*auth.Caller, error) {
	key := sha256.Sum256([]byte(token))
	if a, ok := c.recall(key); ok {
		return a.allows(ctx)
	}
	d, err := httpc.Do[document](ctx, c.http, httpc.Request{Path: "/auth/tokens", Query: url.Values{"nocatalog": {""}},
		Header: http.Header{"X-Subject-Token": {token}, "Openstack-Identity-Access-Rules": {"1.0"}}})
	switch {
	case fault.Is(err, fault.NotFound):
		return nil, fault.New(fault.Unauthorized, "The request you have made requires authentication.").Because(err)
	case err != nil:
		// The service's own token being refused says nothing of the caller's.
		return nil, fault.Unavailablef("The identity service cannot check tokens now.").Because(err)
	}
	a := answer{caller: d.caller(), at: time.Now()}
	if d.Token.AppCredential != nil && d.Token.AppCredential.Rules != nil {
		a.ruled = true
		for _, r := range *d.Token.AppCredential.Rules {
			a.rules = append(a.rules, keystone.AccessRule{Service: r.Service, Method: r.Method, Path: r.Path})
		}
	}
	c.known.Add(key, a)
	return a.allows(ctx)
}

func (c *Client) recall(key [32]byte) (answer, bool) {
	a, ok := c.known.Get(key)
	if !ok || time.Since(a.at) > remember || !time.Now().Before(a.caller.Expires) {
		return a, false
	}
	return a, true
}

func (d document) caller() *auth.Caller {
	t := d.Token
	who := &auth.Caller{UserID: t.User.ID, UserName: t.User.Name, UserDomainID: t.User.Domain.ID,
		UserDomainName: t.User.Domain.Name,
		Methods:        t.Methods, Expires: t.Expires}
	if len(t.AuditIDs) > 0 {
		who.AuditID = t.AuditIDs[0]
	}
	for _, r := range t.Roles {
		who.Roles = append(who.Roles, r.Name)
	}
	switch {
	case t.Project != nil:
		who.ProjectID, who.ProjectName = t.Project.ID, t.Project.Name
		who.ProjectDomainID, who.ProjectDomainName = t.Project.Domain.ID, t.Project.Domain.Name
	case t.Domain != nil:
		who.DomainID, who.DomainName = t.Domain.ID, t.Domain.Name
	case t.System != nil:
		who.System = "all"
	}
	return who
}

// Project is keystone.API.
func (c *Client) Project(ctx context.Context, id string) (keystone.Project, error) {
	type reply struct {
		Project struct {
			ID          string   `json:"id"`
			Name        string   `json:"name"`
			DomainID    string   `json:"domain_id"`
			ParentID    string   `json:"parent_id"`
			Description string   `json:"description"`
			Enabled     bool     `json:"enabled"`
			IsDomain    bool     `json:"is_domain"`
			Tags        []string `json:"tags"`
		} `json:"project"`
	}
	r, err := httpc.Do[reply](ctx, c.http, httpc.Request{Path: "/projects/" + url.PathEscape(id)})
	p := r.Project
	return keystone.Project{ID: p.ID, Name: p.Name, DomainID: p.DomainID, ParentID: p.ParentID, Description: p.Description,
		Enabled:  p.Enabled,
		IsDomain: p.IsDomain, Tags: p.Tags}, err
}
