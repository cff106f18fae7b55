package api_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

// ask sends one request of a fuzzer. Whatever it was, the answer is no fault of the service.
func ask(t *testing.T, c *cloud, method, path, token, body string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, c.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("X-Auth-Token", token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode >= 500 {
		t.Fatalf("%s %.300s: %d %v %s\nsent: %.1000q", method, path, resp.StatusCode, err, text, body)
	}
	if resp.StatusCode >= 400 && !json.Valid(text) {
		t.Fatalf("%s %.300s: %d %q is no refusal", method, path, resp.StatusCode, text)
	}
	return resp, string(text)
}

// FuzzLogin asks for tokens with any document. There is one exactly where the answer says so, and it is of somebody
// whose password was sent.
func FuzzLogin(f *testing.F) {
	c := newCloud(f)
	for _, seed := range []string{
		authBody("demo", "secret", demoProject), authBody("demo", "wrong", ""), authBody("nobody", "secret", system),
		authBody("admin", "secret", system), authBody("boss", "secret", domain),
		`{"auth":{"identity":{"methods":["token"],"token":{"id":"x"}}}}`,
		`{"auth":{"identity":{"methods":["password","totp"],"totp":{"user":{"id":"x","passcode":"000000"}}}}}`,
		`{"auth":{"identity":{"methods":["application_credential"],"application_credential":{"name":"a","user":{"name":"demo","domain":{"id":"default"}},"secret":"s"}}}}`,
		`{"auth":{"identity":{"methods":["password"],"password":{"user":{"name":"demo","domain":{"id":"default"},"password":"secret"}}},"scope":"unscoped"}}`,
		`{"auth":{"identity":{"methods":[]},"scope":{"OS-TRUST:trust":{"id":"x"}}}}`,
		`{"auth":{"identity":{"methods":["password"],"password":{"user":{"name":"demo","password":"secret"}}},"scope":{"project":{},"domain":{}}}}`,
		`{"auth":{"identity":{"methods":["external","saml2","oauth1","password","password"]}}}`, `{"auth":null}`, `[]`,
		`{"auth":{"tenantName":"demo"}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		resp, text := ask(t, c, "POST", "/v3/auth/tokens", "", string(body))
		token := resp.Header.Get("X-Subject-Token")
		if (resp.StatusCode == http.StatusCreated) != (token != "") {
			t.Fatalf("%d with the token %q: %s", resp.StatusCode, token, text)
		}
		if token == "" {
			return
		}
		if !strings.Contains(string(body), "secret") && !strings.Contains(string(body), `\u`) {
			t.Errorf("a token without a password: %s", body)
		}
		if resp, _ := ask(t, c, "GET", "/v3/auth/projects", token, ""); resp.StatusCode != http.StatusOK {
			t.Errorf("the token is refused: %d", resp.StatusCode)
		}
	})
}

// FuzzSignedRequests gives documents to the check of signed requests.
func FuzzSignedRequests(f *testing.F) {
	c := newCloud(f)
	c.want(204, "PUT", "/v3/projects/"+c.id("projects", "service")+"/users/"+c.id("users", "admin")+"/roles/"+
		c.id("roles", "service"), c.login("admin", system), "")
	token := c.login("admin", project("service"))
	for _, seed := range []string{
		`{"ec2Credentials":{"access":"a","signature":"s","params":{"SignatureVersion":"2","n":1,"t":true,"o":{},"l":[]},"host":"h","verb":"GET","path":"/"}}`,
		`{"credentials":{"access":"a","signature":"s","token":"R0VUCgo="}}`,
		`{"credential":{"access":"a","signature":"s","headers":{"Authorization":["x"],"X-Amz-Date":null},"params":{"Timestamp":1e300}}}`, `{}`, `{"credentials":null}`, `[]`} {
		f.Add([]byte(seed), true)
		f.Add([]byte(seed), false)
	}
	f.Fuzz(func(t *testing.T, body []byte, s3 bool) {
		path := "/v3/ec2tokens"
		if s3 {
			path = "/v3/s3tokens"
		}
		if resp, text := ask(t, c, "POST", path, token, string(body)); resp.StatusCode < 400 ||
			resp.Header.Get("X-Subject-Token") != "" {
			t.Errorf("taken: %d %s", resp.StatusCode, text)
		}
	})
}
