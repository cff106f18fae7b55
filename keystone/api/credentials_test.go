package api_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"hypernova/keystone/store"
	"hypernova/oslo/db/dbtest"
)

// signed is a request in version 0 of EC2's signatures.
func signed(access, secret string) string {
	m := hmac.New(sha1.New, []byte(secret))
	m.Write([]byte("DescribeInstances"))
	return fmt.Sprintf(`{"credentials":{"access":%q,"signature":%q,"host":"cloud:8773","verb":"GET","path":"/","params":{"SignatureVersion":"0","Action":"DescribeInstances"}}}`,
		access, base64.StdEncoding.EncodeToString(m.Sum(nil)))
}

func TestCredentialsAreSealedInTheDatabase(t *testing.T) {
	t.Parallel()
	c := &cloud{t: t}
	c.now = time.Now().UTC()
	d := dbtest.Memory(t, dbtest.Migrations{Name: "keystone", FS: store.Migrations()})
	c.build(d, func() time.Time { return c.now })
	demo, me := c.login("demo", demoProject), c.id("users", "demo")
	a := c.want(201, "POST", "/v3/credentials", demo,
		fmt.Sprintf(`{"credential":{"user_id":%q,"type":"cert","blob":"a very secret text","note":"x"}}`, me))
	id := a.at("credential", "id").(string)
	row, err := store.Credential(t.Context(), d, id)
	if err != nil || row.Blob == "" || strings.Contains(row.Blob, "secret") {
		t.Errorf("the database keeps %q, %v", row.Blob, err)
	}
	if _, err := c.api.Credentials.Reseal(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := c.want(200, "GET", "/v3/credentials/"+id, demo, "")
	if got.at("credential", "blob") != "a very secret text" || got.at("credential", "note") != "x" {
		t.Errorf("got %s", got.text)
	}
	c.want(403, "GET", "/v3/credentials/"+id, c.login("stranger", project("other")), "")
	c.want(200, "PATCH", "/v3/credentials/"+id, demo, `{"credential":{"blob":"new"}}`)
	c.want(403, "PATCH", "/v3/credentials/"+id, demo, fmt.Sprintf(`{"credential":{"user_id":%q}}`,
		c.id("users", "stranger")))
	if n := len(c.want(200, "GET", "/v3/credentials?type=ec2", demo, "").at("credentials").([]any)); n != 0 {
		t.Errorf("%d EC2 keys", n)
	}
	c.want(204, "DELETE", "/v3/credentials/"+id, demo, "")
	c.want(403, "GET", "/v3/credentials/"+id, demo, "") // what is not there is nobody's
}

func TestASignedRequestGetsATokenFromAServiceOnly(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	admin, demo, me := c.login("admin", project("admin")), c.login("demo", demoProject), c.id("users", "demo")
	key := c.want(201, "POST", "/v3/users/"+me+"/credentials/OS-EC2", demo, fmt.Sprintf(`{"tenant_id":%q}`,
		c.id("projects", "demo")))
	access, secret := key.at("credential", "access").(string), key.at("credential", "secret").(string)
	a := c.want(200, "POST", "/v3/ec2tokens", admin, signed(access, secret))
	if a.at("token", "user", "name") != "demo" || a.at("token", "project", "name") != "demo" ||
		a.at("token", "methods", 0) != "ec2credential" {
		t.Errorf("got %s", a.text)
	}
	c.want(403, "GET", "/v3/auth/projects", a.header.Get("X-Subject-Token"), "") // it is for other services
	c.want(403, "POST", "/v3/ec2tokens", demo, signed(access, secret))
	c.want(401, "POST", "/v3/ec2tokens", "", signed(access, secret))
	c.want(401, "POST", "/v3/ec2tokens", admin, signed(access, "wrong"))
	c.want(404, "POST", "/v3/ec2tokens", admin, signed("unknown", secret))
	text := base64.URLEncoding.EncodeToString([]byte("GET\n\n\ndate\n/bucket"))
	m := hmac.New(sha1.New, []byte(secret))
	m.Write([]byte("GET\n\n\ndate\n/bucket"))
	s3 := fmt.Sprintf(`{"credentials":{"access":%q,"token":%q,"signature":%q}}`, access, text,
		base64.StdEncoding.EncodeToString(m.Sum(nil)))
	b := c.want(200, "POST", "/v3/s3tokens", admin, s3)
	if b.at("token", "user", "name") != "demo" || b.header.Get("X-Subject-Token") != "" {
		t.Errorf("got %s", b.text)
	}
	c.want(403, "GET", "/v3/users/"+me+"/credentials/OS-EC2/"+access, c.login("stranger", project("other")), "")
	c.want(204, "DELETE", "/v3/users/"+me+"/credentials/OS-EC2/"+access, demo, "")
	c.want(404, "POST", "/v3/ec2tokens", admin, signed(access, secret))
}

const seed = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"

func (c *cloud) code(at time.Time) string {
	c.t.Helper()
	code, err := totp.GenerateCode(seed, at)
	if err != nil {
		c.t.Fatal(err)
	}
	return code
}

func totpMember(code string) string {
	return fmt.Sprintf(`"totp":{"user":{"name":"demo","domain":{"id":"default"},"passcode":%q}}`, code)
}

const passwordMember = `"password":{"user":{"name":"demo","domain":{"id":"default"},"password":"secret"}}`

func identityBody(methods, members string) string {
	return `{"auth":{"identity":{"methods":[` + methods + `],` + members + `},"scope":` + demoProject + `}}`
}

func TestSecondFactorsAreAskedForWhereRulesSaySo(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	admin, demo, me := c.login("admin", project("admin")), c.login("demo", demoProject), c.id("users", "demo")
	c.want(201, "POST", "/v3/credentials", demo, fmt.Sprintf(`{"credential":{"user_id":%q,"type":"totp","blob":%q}}`, me,
		seed))
	c.want(201, "POST", "/v3/auth/tokens", "", identityBody(`"totp"`, totpMember(c.code(c.now))))
	c.want(201, "POST", "/v3/auth/tokens", "", identityBody(`"totp"`, totpMember(c.code(c.now.Add(-30*time.Second)))))
	c.want(401, "POST", "/v3/auth/tokens", "", identityBody(`"totp"`, totpMember(c.code(c.now.Add(-5*time.Minute)))))
	c.want(400, "PATCH", "/v3/users/"+me, admin, `{"user":{"options":{"multi_factor_auth_rules":["password"]}}}`)
	c.want(200, "PATCH", "/v3/users/"+me, admin,
		`{"user":{"options":{"multi_factor_auth_enabled":true,"multi_factor_auth_rules":[["password","totp"]]}}}`)

	a := c.want(401, "POST", "/v3/auth/tokens", "", identityBody(`"password"`, passwordMember))
	receipt := a.header.Get("Openstack-Auth-Receipt")
	if receipt == "" || a.at("receipt", "methods", 0) != "password" || a.at("required_auth_methods", 0, 1) != "totp" ||
		a.header.Get("X-Subject-Token") != "" {
		t.Errorf("got %s", a.text)
	}
	c.want(401, "GET", "/v3/auth/projects", receipt, "") // it is no token
	c.want(401, "POST", "/v3/auth/tokens", "", identityBody(`"totp"`, totpMember("000000")), "Openstack-Auth-Receipt",
		receipt)
	c.now = c.now.Add(30 * time.Second)
	b := c.want(201, "POST", "/v3/auth/tokens", "", identityBody(`"totp"`, totpMember(c.code(c.now))),
		"Openstack-Auth-Receipt", receipt)
	if n := len(b.at("token", "methods").([]any)); n != 2 {
		t.Errorf("got %s", b.text)
	}
	c.now = c.now.Add(30 * time.Second)
	c.want(201, "POST", "/v3/auth/tokens", "", identityBody(`"password","totp"`, passwordMember+","+
		totpMember(c.code(c.now))))
	c.now = c.now.Add(6 * time.Minute)
	c.want(401, "POST", "/v3/auth/tokens", "", identityBody(`"totp"`, totpMember(c.code(c.now))), "Openstack-Auth-Receipt",
		receipt)
}

func TestAReceiptIsOfOneUser(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	admin, me := c.login("admin", project("admin")), c.id("users", "demo")
	c.want(200, "PATCH", "/v3/users/"+me, admin,
		`{"user":{"options":{"multi_factor_auth_enabled":true,"multi_factor_auth_rules":[["password","totp"]]}}}`)
	receipt := c.want(401, "POST", "/v3/auth/tokens", "", identityBody(`"password"`, passwordMember)).header.Get(
		"Openstack-Auth-Receipt")
	c.want(401, "POST", "/v3/auth/tokens", "", authBody("stranger", "secret", project("other")), "Openstack-Auth-Receipt",
		receipt)
	c.want(401, "POST", "/v3/auth/tokens", "", appCredentialAuth("x", "y"), "Openstack-Auth-Receipt", receipt)
}

func TestAllTokensOfAUserEndAtOnce(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	admin, one, two, me := c.login("admin", project("admin")), c.login("demo", demoProject),
		c.login("demo", project("other")), c.id("users", "demo")
	c.want(204, "DELETE", "/v3/users/"+me+"/tokens", one, "")
	c.want(401, "GET", "/v3/auth/projects", one, "")
	c.want(401, "GET", "/v3/auth/projects", two, "")
	a := c.want(200, "GET", "/v3/OS-REVOKE/events", admin, "")
	if a.at("events", 0, "user_id") != me {
		t.Errorf("got %s", a.text)
	}
	c.want(403, "GET", "/v3/auth/tokens/OS-PKI/revoked", admin, "")
	c.want(410, "GET", "/v3/OS-SIMPLE-CERT/ca", "", "")
	c.now = c.now.Add(time.Second)
	c.login("demo", demoProject)
}
