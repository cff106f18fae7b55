package httpc

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"hypernova/oslo/auth"
	"hypernova/oslo/fault"
	"hypernova/oslo/lock"
)

// Password is a TokenSource that authenticates with a name and a password ([keystone_authtoken]) and renews the token
// before it expires.
type Password struct {
	AuthURL            string // "http://controller:5000/v3"; the version is added if it is missing
	Username, Password string
	UserDomain         string // name; default "Default"
	// scope; domain names default to "Default"; without project and system the token is unscoped
	ProjectName, ProjectDomain string
	System                     bool // system scope "all"
	HTTP                       *http.Client

	login lock.Keyed[struct{}] // one login at a time

	// Cure tells an operator, in the log, what to do if the password is rejected: which option sets it.
	Cure string

	mu      sync.Mutex // guards the fields below
	token   string
	expires time.Time
}

// margin is the time before its expiry at which a token is renewed, so that requests that use it can finish.
const margin = 2 * time.Minute

// Token returns the current token or a new one. Wrong credentials are fault.Unauthorized; an unreachable identity
// service is fault.Unavailable.
func (p *Password) Token(ctx context.Context) (string, error) {
	if t := p.present(); t != "" {
		return t, nil
	}
	unlock, err := p.login.Lock(ctx, struct{}{})
	if err != nil {
		return "", err
	}
	defer unlock()
	if t := p.present(); t != "" {
		return t, nil // another goroutine has fetched it
	}
	token, expires, err := p.fetch(ctx)
	if err != nil {
		return "", err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.token, p.expires = token, expires
	return token, nil
}

func (p *Password) present() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Until(p.expires) > margin {
		return p.token
	}
	return ""
}

// Forget drops a token that a service has rejected.
func (p *Password) Forget(token string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.token == token {
		p.token = ""
	}
}

func (p *Password) fetch(ctx context.Context) (string, time.Time, error) {
	body, err := json.Marshal(p.body())
	if err != nil {
		return "", time.Time{}, fmt.Errorf("encode the login: %w", err)
	}
	base := strings.TrimRight(p.AuthURL, "/")
	if !strings.HasSuffix(base, "/v3") {
		base += "/v3"
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/auth/tokens?nocatalog", bytes.NewReader(body))
	if err != nil {
		return "", time.Time{}, fault.Invalidf("auth_url %q is no URL", p.AuthURL).Because(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if id := auth.RequestID(ctx); id != "" {
		req.Header.Set("X-Openstack-Request-Id", id)
	}
	client := p.HTTP
	if client == nil {
		client = http.DefaultClient
	}
	resp, err := client.Do(req)
	if err != nil {
		return "", time.Time{}, fault.Unavailablef("identity does not answer at %s", base).Because(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		err := readFault("identity", resp)
		if resp.StatusCode == http.StatusUnauthorized {
			// The text may reach a user, who can do nothing; the cause is for the log.
			err = fault.New(fault.Unauthorized, "%s",
				fault.Message(err)).Because(fmt.Errorf("%s refuses the user %q as whom this process calls others. %s: %w",
				base, p.Username, p.Cure, err))
		}
		return "", time.Time{}, err
	}
	var out struct {
		Token struct {
			Expires time.Time `json:"expires_at"`
		} `json:"token"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&out); err != nil {
		return "", time.Time{}, fault.Unavailablef("identity's answer at %s cannot be read", base).Because(err)
	}
	token := resp.Header.Get("X-Subject-Token")
	if token == "" {
		return "", time.Time{}, fault.Unavailablef("identity's answer at %s has no token", base)
	}
	return token, out.Token.Expires, nil
}

type domainRef struct {
	Name string `json:"name"`
}

type loginBody struct {
	Auth struct {
		Identity struct {
			Methods  []string `json:"methods"`
			Password struct {
				User struct {
					Name     string    `json:"name"`
					Domain   domainRef `json:"domain"`
					Password string    `json:"password"`
				} `json:"user"`
			} `json:"password"`
		} `json:"identity"`
		Scope *scopeRef `json:"scope,omitempty"`
	} `json:"auth"`
}

type scopeRef struct {
	Project *projectRef `json:"project,omitempty"`
	System  *systemRef  `json:"system,omitempty"`
}

type projectRef struct {
	Name   string    `json:"name"`
	Domain domainRef `json:"domain"`
}

type systemRef struct {
	All bool `json:"all"`
}

func (p *Password) body() loginBody {
	var b loginBody
	b.Auth.Identity.Methods = []string{"password"}
	u := &b.Auth.Identity.Password.User
	u.Name, u.Password, u.Domain = p.Username, p.Password, domainRef{orDefault(p.UserDomain)}
	switch {
	case p.System:
		b.Auth.Scope = &scopeRef{System: &systemRef{true}}
	case p.ProjectName != "":
		b.Auth.Scope = &scopeRef{Project: &projectRef{p.ProjectName, domainRef{orDefault(p.ProjectDomain)}}}
	}
	return b
}

func orDefault(domain string) string {
	if domain == "" {
		return "Default"
	}
	return domain
}
