package api_test

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"testing"
)

func TestAClientGetsATokenForItsCredentials(t *testing.T) {
	t.Parallel()
	c := start(&cloud{t: t})
	demo := c.login("demo", project("demo"))
	made := c.want(201, "POST", "/v3/users/"+c.id("users", "demo")+"/application_credentials", demo,
		`{"application_credential":{"name":"a"}}`)
	id, secret := made.at("application_credential", "id").(string), made.at("application_credential", "secret").(string)
	ask := func(form url.Values, basic ...string) answer {
		t.Helper()
		header := []string{"Content-Type", "application/x-www-form-urlencoded"}
		if len(basic) == 2 {
			header = append(header, "Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(basic[0]+":"+basic[1])))
		}
		return c.do("POST", "/v3/OS-OAUTH2/token", "", form.Encode(), header...)
	}
	kind := url.Values{"grant_type": {"client_credentials"}}
	for _, got := range []answer{ask(kind, id, secret),
		ask(url.Values{"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {secret}})} {
		text, _ := got.at("access_token").(string)
		if got.status != 200 || got.at("token_type") != "Bearer" || fmt.Sprint(got.at("expires_in")) != "3600" ||
			got.header.Get("Cache-Control") != "no-store" {
			t.Fatalf("%d %s %v", got.status, got.text, got.header)
		}
		if me := c.want(200, "GET", "/v3/auth/tokens", text, "", "X-Subject-Token", text); me.at("token",
			"application_credential", "id") != id {
			t.Errorf("got %s", me.text)
		}
	}
	for name, x := range map[string]struct {
		got    answer
		status int
		code   string
	}{
		"no kind":          {ask(url.Values{}, id, secret), 400, "invalid_request"},
		"another kind":     {ask(url.Values{"grant_type": {"password"}}, id, secret), 400, "unsupported_grant_type"},
		"a wrong secret":   {ask(kind, id, "wrong"), 401, "invalid_client"},
		"an unknown one":   {ask(kind, "nobody", secret), 401, "invalid_client"},
		"no secret":        {ask(kind, id, ""), 401, "invalid_client"},
		"nobody":           {ask(kind), 401, "invalid_client"},
		"more than a form": {ask(url.Values{"grant_type": {strings.Repeat("a", 100_000)}}), 400, "invalid_request"},
	} {
		got := x.got
		if got.status != x.status || got.at("error") != x.code || got.at("error_description") == nil ||
			(x.status == 401) != (got.header.Get("WWW-Authenticate") != "") {
			t.Errorf("%s: got %d %s %v, want %d %s", name, got.status, got.text, got.header, x.status, x.code)
		}
	}
}
