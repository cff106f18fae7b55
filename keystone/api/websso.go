package api

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"hypernova/keystone/federation"
	"hypernova/keystone/oidc"
	"hypernova/keystone/token"
	"hypernova/oslo/api"
	"hypernova/oslo/clock"
	"hypernova/oslo/fault"
)

// WebSSO is logins inside a browser, for dashboards.
type WebSSO struct {
	Dashboards []string // the addresses that tokens may be sent to
	Now        clock.Now
}

const webPath = "/auth/OS-FEDERATION/identity_providers/{idp_id}/protocols/{protocol_id}/websso"

// webLoginsAPI logs browsers in at identity providers.
type webLoginsAPI struct {
	WebSSO     WebSSO
	Federation *federation.Service
	Tokens     *token.Service
}

// webLogins send a browser to the identity provider, take it back at the same path, and hand a token to the dashboard
// by a form that submits itself.
var webLogins = api.Resource[*webLoginsAPI]{Name: "token", Plural: "tokens", Ops: api.Ops[*webLoginsAPI]{
	api.Raw("GET /auth/OS-FEDERATION/websso/{protocol_id}", nil, (*webLoginsAPI).loadSender, (*webLoginsAPI).ask,
		api.NoAuth()),
	api.Raw("POST /auth/OS-FEDERATION/websso/{protocol_id}", nil, (*webLoginsAPI).loadSender, (*webLoginsAPI).ask,
		api.NoAuth()),
	api.Raw("GET "+webPath, nil, (*webLoginsAPI).loadNamed, (*webLoginsAPI).login, api.NoAuth()),
	api.Raw("POST "+webPath, nil, (*webLoginsAPI).loadNamed, (*webLoginsAPI).ask, api.NoAuth()),
}}

// webCookie carries the dialogue; it lives as long as somebody may take to log in at the provider.
const (
	webCookie = "keystone_websso"
	webTime   = 10 * time.Minute
)

// sender is the provider that a browser is sent to.
type sender struct{ provider, protocol string }

func (a *webLoginsAPI) loadSender(ctx context.Context, r *api.Request) (sender, error) {
	protocol := r.Param("protocol_id")
	p, err := a.Federation.Sender(ctx, protocol)
	return sender{p, protocol}, err
}

func (a *webLoginsAPI) loadNamed(_ context.Context, r *api.Request) (sender, error) {
	return sender{r.Param("idp_id"), r.Param("protocol_id")}, nil
}

// trusted finds the address of the dashboard that a request comes from, which is where the token goes.
func (a *webLoginsAPI) trusted(r *http.Request) (string, error) {
	origin := r.URL.Query().Get("origin")
	if origin == "" {
		return "", fault.Invalidf("Request must have an origin query parameter")
	}
	if slices.ContainsFunc(a.WebSSO.Dashboards, func(d string) bool { return lowerHost(d) == origin }) {
		return origin, nil
	}
	return "", fault.New(fault.Unauthorized, "%.255s is not a trusted dashboard host", origin)
}

// lowerHost writes the host of an address as browsers do.
func lowerHost(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	return strings.Replace(address, u.Host, strings.ToLower(u.Host), 1)
}

// callback is the address that the provider sends the browser back to, which an operator registers there.
func callback(r *api.Request, s sender) string {
	return r.URL("/auth/OS-FEDERATION/identity_providers/%s/protocols/%s/websso", url.PathEscape(s.provider),
		url.PathEscape(s.protocol))
}

func (a *webLoginsAPI) ask(ctx context.Context, r *api.Request, s sender, w http.ResponseWriter) error {
	origin, err := a.trusted(r.HTTP)
	if err != nil {
		return err
	}
	issuer, err := a.Federation.Issuer(ctx, s.provider, s.protocol)
	if err != nil {
		return err
	}
	back := callback(r, s)
	q := oidc.Question{Issuer: issuer, Redirect: back, State: rand.Text(), Nonce: rand.Text(),
		Verifier: rand.Text() + rand.Text()}
	there, err := a.Federation.Ask(ctx, q)
	if err != nil {
		return err
	}
	sealed, err := a.Tokens.SealDialogue(token.Dialogue{Provider: s.provider, Protocol: s.protocol, Issuer: issuer,
		Origin: origin,
		State:  q.State, Nonce: q.Nonce, Verifier: q.Verifier, Expires: a.WebSSO.Now().Add(webTime)})
	if err != nil {
		return err
	}
	setCookie(w, back, sealed, webTime)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Location", there)
	w.WriteHeader(http.StatusFound)
	return nil
}

// setCookie gives the browser something for the callback alone. It comes along when the provider sends the browser
// back (SameSite=Lax).
func setCookie(w http.ResponseWriter, back, value string, life time.Duration) {
	u, err := url.Parse(back)
	if err != nil {
		return // without the cookie the second half is refused
	}
	age := int(life / time.Second)
	if age == 0 {
		age = -1
	}
	http.SetCookie(w, &http.Cookie{Name: webCookie, Value: value, Path: u.EscapedPath(), MaxAge: age, HttpOnly: true,
		Secure:   u.Scheme == "https",
		SameSite: http.SameSiteLaxMode})
}

// login is the first half of a login, or the second where the provider has sent the browser back.
func (a *webLoginsAPI) login(ctx context.Context, r *api.Request, s sender, w http.ResponseWriter) error {
	q := r.HTTP.URL.Query()
	if !q.Has("state") {
		return a.ask(ctx, r, s, w)
	}
	refused := fault.New(fault.Unauthorized,
		"The login has failed or taken too long. Please begin again at the dashboard.")
	back := callback(r, s)
	setCookie(w, back, "", 0) // one answer to one question
	c, err := r.HTTP.Cookie(webCookie)
	if err != nil {
		return refused.Because(err)
	}
	d, err := a.Tokens.OpenDialogue(c.Value)
	switch {
	case err != nil:
		return refused.Because(err)
	case d.Provider != s.provider || d.Protocol != s.protocol, subtle.ConstantTimeCompare([]byte(d.State),
		[]byte(q.Get("state"))) != 1:
		return refused
	case q.Get("code") == "", q.Has("iss") && q.Get("iss") != d.Issuer:
		return refused // the provider says no, or it is another one (RFC 9207)
	}
	if err := a.Tokens.EndDialogue(ctx, d); err != nil {
		return err
	}
	p, err := a.Federation.LoginByCode(ctx, s.provider, s.protocol, oidc.Question{Issuer: d.Issuer, Redirect: back,
		State: d.State, Nonce: d.Nonce, Verifier: d.Verifier}, q.Get("code"))
	if err != nil {
		return err
	}
	text, _, err := a.Tokens.Authenticate(ctx, token.Request{Vouched: vouchedFor(p), Unscoped: true})
	if err != nil {
		return err
	}
	return handOver(w, d.Origin, text)
}

func vouchedFor(p federation.Person) *token.Vouched {
	v := &token.Vouched{User: p.UserID}
	if !p.Local {
		v.Federation = &token.Federation{Provider: p.ProviderID, Protocol: p.Protocol, Groups: p.GroupIDs}
	}
	return v
}

type formView struct{ Host, Token, Nonce string }

// handOver answers the form that brings the token to the dashboard. No other page may frame it, and no script but its
// own runs in it.
func handOver(w http.ResponseWriter, host, text string) error {
	page, err := template.New("form").Parse(handOverForm)
	if err != nil {
		return err
	}
	v := formView{host, text, rand.Text()}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'nonce-"+v.Nonce+
		"'; frame-ancestors 'none'; base-uri 'none'")
	w.WriteHeader(http.StatusOK)
	return page.Execute(w, v)
}

const handOverForm = `<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>Logging in</title></head>
<body>
<form id="sso" name="sso" action="{{.Host}}" method="post">
<p>One moment, please.</p>
<input type="hidden" name="token" id="token" value="{{.Token}}">
<noscript><input type="submit" value="Go on to the dashboard"></noscript>
</form>
<script nonce="{{.Nonce}}">document.getElementById("sso").submit();</script>
</body>
</html>
`
