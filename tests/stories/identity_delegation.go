package stories

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
)

// signed computes the EC2 signature (version 0) of a text with the kept secret.
func signed(name, text string, token bool) func(Names) {
	return func(n Names) {
		m := hmac.New(sha1.New, []byte(n["secret"]))
		m.Write([]byte(text))
		n[name] = base64.StdEncoding.EncodeToString(m.Sum(nil))
		if token {
			n["text"] = base64.URLEncoding.EncodeToString([]byte(text))
		}
	}
}

var credentials = []Step{
	{Call: "POST /v3/credentials",
		Body: `{"credential":{"type":"cert","blob":"x","user_id":"{member}","project_id":"{home}"}}`, Want: 201,
		Keep: "c=credential.id"},
	{Call: "GET /v3/credentials", Want: 200},
	{Call: "GET /v3/credentials?user_id={member}&type=cert", Want: 200},
	{Call: "GET /v3/credentials/{c}", Want: 200},
	{Call: "PATCH /v3/credentials/{c}", Body: `{"credential":{"blob":"y"}}`, Want: 200},
	{Call: "DELETE /v3/credentials/{c}", Want: 204, Again: 404},
	{Call: "POST /v3/users/{member}/credentials/OS-EC2", Body: `{"tenant_id":"{home}"}`, Want: 201,
		Keep: "access=credential.access secret=credential.secret"},
	{Call: "GET /v3/users/{member}/credentials/OS-EC2", Want: 200},
	{Call: "GET /v3/users/{member}/credentials/OS-EC2/{access}", Want: 200},
	{Call: "POST /v3/ec2tokens", Prepare: signed("signature", "Listnow", false), Want: 200,
		Body: `{"credentials":{"access":"{access}","signature":"{signature}","host":"cloud:8773","verb":"GET","path":"/","params":{"SignatureVersion":"0","Action":"Listnow"}}}`},
	{Call: "POST /v3/s3tokens", Prepare: signed("signature", "GET\n\n\ndate\n/bucket", true), Want: 200,
		Body: `{"credentials":{"access":"{access}","token":"{text}","signature":"{signature}"}}`},
	{Call: "DELETE /v3/users/{member}/credentials/OS-EC2/{access}", Want: 204, Again: 404},
}

var delegation = []Step{
	{Call: "POST /v3/users/{member}/application_credentials", Who: "member",
		Body: `{"application_credential":{"name":"{new:name}","description":"d","expires_at":"2099-01-01T00:00:00.000000Z",
		"roles":[{"id":"{member_role}"}],"unrestricted":false,"access_rules":[{"service":"compute","method":"GET","path":"/v2.1/servers"}]}}`, Want: 201,
		Keep: "ac=application_credential.id acs=application_credential.secret", Again: 409, Unknown: 403},
	{Call: "POST /v3/auth/tokens",
		Body: `{"auth":{"identity":{"methods":["application_credential"],"application_credential":{"id":"{ac}","secret":"{acs}"}}}}`, Want: 201, Open: true},
	{Call: "POST /v3/OS-OAUTH2/token", Body: "grant_type=client_credentials&client_id={ac}&client_secret={acs}",
		Type: "application/x-www-form-urlencoded", Want: 200, Open: true},
	{Call: "GET /v3/users/{member}/access_rules", Who: "member", Want: 200, Keep: "ar=access_rules.0.id", Unknown: 403},
	{Call: "GET /v3/users/{member}/access_rules/{ar}", Who: "member", Want: 200},
	{Call: "GET /v3/users/{member}/application_credentials", Who: "member", Want: 200, Unknown: 403},
	{Call: "GET /v3/users/{member}/application_credentials/{ac}", Who: "member", Want: 200},
	{Call: "DELETE /v3/users/{member}/application_credentials/{ac}", Who: "member", Want: 204, Again: 404},
	{Call: "DELETE /v3/users/{member}/access_rules/{ar}", Who: "member", Want: 204, Again: 404},
	{Call: "POST /v3/OS-TRUST/trusts", Who: "member",
		Body: `{"trust":{"trustor_user_id":"{member}","trustee_user_id":"{stranger}","impersonation":true,"project_id":"{home}",
		"roles":[{"id":"{member_role}"}],"expires_at":"2099-01-01T00:00:00.000000Z"}}`, Want: 201, Keep: "trust=trust.id"},
	{Call: "GET /v3/OS-TRUST/trusts", Want: 200},
	{Call: "GET /v3/OS-TRUST/trusts?trustor_user_id={member}", Who: "member", Want: 200, Case: "of the trustor"},
	{Call: "GET /v3/OS-TRUST/trusts?trustee_user_id={stranger}", Who: "stranger", Want: 200, Case: "of the trustee"},
	{Call: "GET /v3/OS-TRUST/trusts/{trust}", Who: "member", Want: 200},
	{Call: "GET /v3/OS-TRUST/trusts/{trust}/roles", Who: "member", Want: 200},
	{Call: "GET /v3/OS-TRUST/trusts/{trust}/roles/{member_role}", Who: "member", Want: 200},
	{Call: "DELETE /v3/OS-TRUST/trusts/{trust}", Who: "member", Want: 204, Again: 404},
}

const mapping = `{"mapping":{"rules":[{"local":[{"user":{"name":"{0}"}}],"remote":[{"type":"REMOTE_USER"}]}]}}`

var federation = []Step{
	{Call: "PUT /v3/OS-FEDERATION/identity_providers/{new:idp}",
		Body: `{"identity_provider":{"description":"d","enabled":true,"remote_ids":["{new}"]}}`, Want: 201, Again: 409,
		Unknown: -1},
	{Call: "GET /v3/OS-FEDERATION/identity_providers", Want: 200},
	{Call: "GET /v3/OS-FEDERATION/identity_providers/{idp}", Want: 200},
	{Call: "PATCH /v3/OS-FEDERATION/identity_providers/{idp}", Body: `{"identity_provider":{"enabled":true}}`, Want: 200},
	{Call: "PUT /v3/OS-FEDERATION/mappings/{new:mapping}", Body: mapping, Want: 201, Again: 409, Unknown: -1},
	{Call: "GET /v3/OS-FEDERATION/mappings", Want: 200},
	{Call: "GET /v3/OS-FEDERATION/mappings/{mapping}", Want: 200},
	{Call: "PATCH /v3/OS-FEDERATION/mappings/{mapping}", Body: mapping, Want: 200},
	{Call: "PUT /v3/OS-FEDERATION/identity_providers/{idp}/protocols/openid",
		Body: `{"protocol":{"mapping_id":"{mapping}"}}`, Want: 201, Again: 409},
	{Call: "GET /v3/OS-FEDERATION/identity_providers/{idp}/protocols", Want: 200, Unknown: -1},
	{Call: "GET /v3/OS-FEDERATION/identity_providers/{idp}/protocols/openid", Want: 200},
	{Call: "PATCH /v3/OS-FEDERATION/identity_providers/{idp}/protocols/openid",
		Body: `{"protocol":{"mapping_id":"{mapping}"}}`, Want: 200},
	{Call: "DELETE /v3/OS-FEDERATION/identity_providers/{idp}/protocols/openid", Want: 204, Again: 404},
	{Call: "DELETE /v3/OS-FEDERATION/identity_providers/{idp}", Want: 204, Again: 404},
	{Call: "DELETE /v3/OS-FEDERATION/mappings/{mapping}", Want: 204, Again: 404},
	{Call: "PUT /v3/OS-FEDERATION/service_providers/{new:sp}",
		Body: `{"service_provider":{"auth_url":"https://a.example/x","sp_url":"https://a.example/y","description":"d","enabled":true}}`,
		Want: 201, Again: 409, Unknown: -1},
	{Call: "GET /v3/OS-FEDERATION/service_providers", Want: 200},
	{Call: "GET /v3/OS-FEDERATION/service_providers/{sp}", Want: 200},
	{Call: "PATCH /v3/OS-FEDERATION/service_providers/{sp}", Body: `{"service_provider":{"description":"other"}}`,
		Want: 200},
	{Call: "DELETE /v3/OS-FEDERATION/service_providers/{sp}", Want: 204, Again: 404},
}

// login logs in by an identity provider, and lists a caller's projects and domains by their older paths.
var login = []Step{
	{Call: "POST /v3/groups", Body: `{"group":{"name":"{new}","domain_id":"{domain}"}}`, Want: 201, Keep: "g=group.id"},
	{Call: "PUT /v3/OS-FEDERATION/identity_providers/{new:idp}",
		Body: `{"identity_provider":{"enabled":true,"remote_ids":["{issuer}"]}}`, Want: 201, Unknown: -1},
	{Call: "PUT /v3/OS-FEDERATION/mappings/{new:mapping}", Want: 201, Unknown: -1,
		Body: `{"mapping":{"rules":[{"local":[{"user":{"name":"{0}"}},{"group":{"id":"{g}"}}],"remote":[{"type":"OIDC-preferred_username"}]}]}}`},
	{Call: "PUT /v3/OS-FEDERATION/identity_providers/{idp}/protocols/openid",
		Body: `{"protocol":{"mapping_id":"{mapping}"}}`, Want: 201},
	{Call: "POST /v3/OS-FEDERATION/identity_providers/{idp}/protocols/openid/auth",
		Header: "Authorization: Bearer {bearer}", Want: 201, Open: true},
	{Call: "GET /v3/OS-FEDERATION/identity_providers/{idp}/protocols/openid/auth",
		Header: "Authorization: Bearer {bearer}", Want: 201, Open: true},
	{Call: "GET /v3/auth/OS-FEDERATION/identity_providers/{idp}/protocols/openid/websso?origin=http://dashboard.example/auth/websso/", Want: 302, Open: true},
	{Call: "POST /v3/auth/OS-FEDERATION/identity_providers/{idp}/protocols/openid/websso?origin=http://dashboard.example/auth/websso/", Want: 302, Open: true},
	{Call: "PUT /v3/OS-FEDERATION/identity_providers/{idp}/protocols/{new:sole}",
		Body: `{"protocol":{"mapping_id":"{mapping}"}}`, Want: 201, Unknown: -1},
	{Call: "GET /v3/auth/OS-FEDERATION/websso/{sole}?origin=http://dashboard.example/auth/websso/", Want: 302, Open: true},
	{Call: "POST /v3/auth/OS-FEDERATION/websso/{sole}?origin=http://dashboard.example/auth/websso/",
		Want: 302, Open: true},
	{Call: "GET /v3/OS-FEDERATION/projects", Want: 200},
	{Call: "GET /v3/OS-FEDERATION/domains", Want: 200},
	{Call: "DELETE /v3/OS-FEDERATION/identity_providers/{idp}", Want: 204},
	{Call: "DELETE /v3/OS-FEDERATION/mappings/{mapping}", Want: 204},
	{Call: "DELETE /v3/groups/{g}", Want: 204},
}
