package compat

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"hypernova/keystone/ldap/ldaptest"
	"hypernova/keystone/oidc/oidctest"
	"hypernova/tests/running"
)

// federated is a cloud with a trusted identity provider, and with a domain whose users are in an LDAP server.
type federated struct {
	*running.Cloud
	provider *oidctest.Provider
	admin    desk
}

func newFederated(t *testing.T) *federated {
	t.Helper()
	f := &federated{Cloud: running.Up(t, t.TempDir(), "--memory", "--virt", "fake", "--set", "oidc.audiences=cloud",
		"--set", "identity.domain_specific_drivers_enabled=true", "--set",
		"identity.domain_configurations_from_database=true")}
	f.admin = desk{f.Cloud, t, "hypernova", &seen{commands: map[string]bool{}}}
	return f
}

// trust creates the identity provider with a mapping: members of the provider's group ops are members of the cloud's
// group ops and have their own project.
func (f *federated) trust(t *testing.T) {
	t.Helper()
	f.provider = oidctest.New(t, map[string]oidctest.Person{
		"alice":           {Password: "pw", Claims: map[string]any{"groups": []string{"ops"}}},
		"service-account": {Claims: map[string]any{"groups": []string{"ops"}}}})
	rules := filepath.Join(t.TempDir(), "rules.json")
	if err := os.WriteFile(rules, []byte(`[{"remote":[{"type":"OIDC-sub"},{"type":"OIDC-groups"}],
		"local":[{"user":{"name":"{0}"}},{"groups":"{1}","domain":{"name":"Default"}},{"projects":[{"name":"home of {0}","roles":[{"name":"member"}]}]}]}]`), 0o600); err != nil {
		t.Fatal(err)
	}
	f.admin.run("identity", "provider", "create", "--remote-id", f.provider.URL, "idp")
	f.admin.run("mapping", "create", "--rules", rules, "idp")
	f.admin.run("federation", "protocol", "create", "--identity-provider", "idp", "--mapping", "idp", "openid")
	f.admin.run("group", "create", "ops")
	f.admin.run("role", "add", "--group", "ops", "--project", "demo", "member")
}

// as runs the client with an auth type and its options only.
func (f *federated) as(t *testing.T, options []string, args ...string) (map[string]any, error) {
	t.Helper()
	base := []string{"--os-auth-url", f.Identity(t), "--os-identity-api-version", "3"}
	cmd := exec.CommandContext(t.Context(), "openstack",
		append(append(append(base, options...), args...), "-f", "json")...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "LANG=C.UTF-8"}
	out, err := cmd.Output()
	if err != nil {
		if bad, ok := err.(*exec.ExitError); ok {
			err = fmt.Errorf("%w: %s", err, bad.Stderr)
		}
		return nil, err
	}
	got := map[string]any{}
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return got, nil
}

// Each plugin of keystoneauth that gets a token of an identity provider gets a token of this cloud.
func TestOpenStackClientLogsInByAnIdentityProvider(t *testing.T) {
	if testing.Short() {
		t.Skip("each command is a process of its own: not in the quick run")
	}
	running.NeedClient(t)
	t.Parallel()
	f := newFederated(t)
	f.trust(t)
	on := []string{"--os-identity-provider", "idp", "--os-protocol", "openid"}
	client := append([]string{"--os-client-id", "cloud", "--os-client-secret", "secret",
		"--os-discovery-endpoint", f.provider.URL + "/.well-known/openid-configuration"}, on...)
	scope := []string{"--os-project-name", "demo", "--os-project-domain-name", "Default"}
	demo := f.admin.show("project", "show", "demo")["id"]
	for name, options := range map[string][]string{
		"password": append([]string{"--os-auth-type", "v3oidcpassword", "--os-username", "alice",
			"--os-password", "pw"}, client...),
		"client credentials": append([]string{"--os-auth-type", "v3oidcclientcredentials"}, client...),
		"authorization code": append([]string{"--os-auth-type", "v3oidcauthcode", "--os-code", "alice", "--os-redirect-uri",
			"http://localhost/"}, client...),
		"access token": append([]string{"--os-auth-type", "v3oidcaccesstoken", "--os-access-token",
			f.provider.Token("alice")}, on...),
	} {
		got, err := f.as(t, append(options, scope...), "token", "issue")
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if got["project_id"] != demo {
			t.Errorf("%s: got %v", name, got)
		}
	}
	alice := append([]string{"--os-auth-type", "v3oidcaccesstoken", "--os-access-token", f.provider.Token("alice")}, on...)
	domain := f.admin.show("identity", "provider", "show", "idp")["domain_id"].(string)
	if got, err := f.as(t, append(alice, "--os-project-name", "home of alice", "--os-project-domain-id", domain), "token",
		"issue"); err != nil || got["project_id"] == nil {
		t.Errorf("the project that the mapping makes: %v, %v", got, err)
	}
	if got, err := f.as(t, append(alice, "--os-project-name", "admin", "--os-project-domain-name", "Default"), "token",
		"issue"); err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("a project of others: %v, %v", got, err)
	}
	bad := append([]string{"--os-auth-type", "v3oidcpassword", "--os-username", "alice", "--os-password", "wrong"},
		client...)
	if got, err := f.as(t, append(bad, scope...), "token", "issue"); err == nil {
		t.Errorf("a wrong password: %v", got)
	}
}

func TestOpenStackClientLogsInByADirectory(t *testing.T) {
	if testing.Short() {
		t.Skip("each command is a process of its own: not in the quick run")
	}
	running.NeedClient(t)
	t.Parallel()
	s := ldaptest.New(t, ldaptest.People)
	f := newFederated(t)
	domain := f.admin.show("domain", "create", "people")["id"].(string)
	body, err := json.Marshal(map[string]any{"config": map[string]any{"identity": map[string]any{"driver": "ldap"},
		"ldap": map[string]any{"url": s.URL, "user": "cn=reader," + ldaptest.Suffix, "password": "reader secret",
			"suffix":            ldaptest.Suffix,
			"user_id_attribute": "uid", "user_name_attribute": "uid", "user_enabled_attribute": "employeeType",
			"page_size": 100}}})
	if err != nil {
		t.Fatal(err)
	}
	f.API(t).Do(t, "PUT", "identity", "/domains/"+domain+"/config", string(body), 201, nil)
	find(t, f.admin.list("user", "list", "--domain", "people"), "Name", "bob")
	find(t, f.admin.list("group", "list", "--domain", "people"), "Name", "operators")
	f.admin.run("role", "add", "--group", "operators", "--group-domain", "people", "--project", "demo", "member")
	who := []string{"--os-auth-type", "v3password", "--os-username", "bob", "--os-user-domain-name", "people",
		"--os-project-name", "demo",
		"--os-project-domain-name", "Default"}
	got, err := f.as(t, append(who, "--os-password", "bob secret"), "token", "issue")
	if err != nil {
		t.Fatal(err)
	}
	if shown := f.admin.show("user", "show", "--domain", "people", "bob"); got["user_id"] != shown["id"] ||
		got["project_id"] != f.admin.show("project", "show", "demo")["id"] {
		t.Errorf("got %v and %v", got, shown)
	}
	if got, err := f.as(t, append(who, "--os-password", "alice secret"), "token", "issue"); err == nil ||
		!strings.Contains(err.Error(), "401") {
		t.Errorf("a wrong password: %v, %v", got, err)
	}
	f.admin.refused("403", "user", "set", "--domain", "people", "--email", "x@example.org", "bob")
}
