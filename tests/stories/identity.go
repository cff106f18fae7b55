package stories

// Identity returns the sequences of Identity v3. They are independent of each other.
func Identity() []Sequence {
	chapters := [][]Step{domains, domainOptions, projects, users, groups, roles, grants(), tokens, delegation,
		credentials, federation, login,
		catalog, filters, storedPolicies, limits}
	var out []Sequence
	for _, steps := range chapters {
		out = append(out, Sequence{Service: "identity", Caller: "admin", Steps: steps})
	}
	return out
}

var domains = []Step{
	{Call: "GET /", Want: 300, Open: true},
	{Call: "GET /v3", Want: 200, Open: true},
	{Call: "POST /v3/domains",
		Body: `{"domain":{"name":"{new:name}","description":"d","enabled":true,"options":{"immutable":false}}}`, Want: 201,
		Keep: "d=domain.id", Again: 409},
	{Call: "GET /v3/domains", Want: 200},
	{Call: "GET /v3/domains?name={name}&enabled=true", Want: 200, Case: "filtered"},
	{Call: "GET /v3/domains/{d}", Want: 200, Case: "foreign"},
	{Call: "GET /v3/domains/{domain}", Want: 200},
	{Call: "PATCH /v3/domains/{d}", Body: `{"domain":{"description":"other","enabled":false}}`, Want: 200},
	{Call: "DELETE /v3/domains/{d}", Want: 204, Again: 404},
}

var domainOptions = []Step{
	{Call: "PUT /v3/domains/{domain}/config",
		Body: `{"config":{"ldap":{"url":"ldap://localhost","user_tree_dn":"ou=u"},"identity":{"driver":"ldap"}}}`, Want: 201,
		Again: 200},
	{Call: "GET /v3/domains/{domain}/config", Want: 200},
	{Call: "PATCH /v3/domains/{domain}/config", Body: `{"config":{"ldap":{"url":"ldap://other"}}}`, Want: 200},
	{Call: "GET /v3/domains/{domain}/config/ldap", Want: 200},
	{Call: "PATCH /v3/domains/{domain}/config/ldap", Body: `{"config":{"ldap":{"url":"ldap://third"}}}`, Want: 200},
	{Call: "GET /v3/domains/{domain}/config/ldap/url", Want: 200},
	{Call: "PATCH /v3/domains/{domain}/config/ldap/url", Body: `{"config":{"url":"ldap://fourth"}}`, Want: 200},
	{Call: "GET /v3/domains/{domain}/config/security_compliance", Want: 200, Case: "open"},
	{Call: "GET /v3/domains/config/default", Want: 200},
	{Call: "GET /v3/domains/config/ldap/default", Want: 200},
	{Call: "GET /v3/domains/config/ldap/url/default", Want: 200},
	{Call: "DELETE /v3/domains/{domain}/config/ldap/url", Want: 204, Again: 404},
	{Call: "DELETE /v3/domains/{domain}/config/ldap", Want: 204, Again: 404},
	{Call: "DELETE /v3/domains/{domain}/config", Want: 204},
}

var projects = []Step{
	{Call: "POST /v3/projects",
		Body: `{"project":{"name":"{new:name}","domain_id":"{domain}","description":"d","enabled":true,"is_domain":false,"tags":["a"],"options":{}}}`,
		Want: 201, Keep: "p=project.id", Again: 409},
	{Call: "GET /v3/projects", Want: 200},
	{Call: "GET /v3/projects?domain_id={domain}&name={name}", Want: 200, Case: "filtered"},
	{Call: "GET /v3/projects/{home}", Want: 200},
	{Call: "PATCH /v3/projects/{p}", Body: `{"project":{"description":"other"}}`, Want: 200},
	{Call: "GET /v3/projects/{home}/tags", Want: 200},
	{Call: "PUT /v3/projects/{p}/tags", Body: `{"tags":["red","blue"]}`, Want: 200},
	{Call: "PUT /v3/projects/{p}/tags/green", Want: 201},
	{Call: "PUT /v3/projects/{home}/tags/green", Want: 201},
	{Call: "GET /v3/projects/{home}/tags/green", Want: 204},
	{Call: "DELETE /v3/projects/{p}/tags/green", Want: 204, Again: 404},
	{Call: "DELETE /v3/projects/{p}/tags", Want: 204},
	{Call: "DELETE /v3/projects/{p}", Want: 204, Again: 404},
}

var users = []Step{
	{Call: "POST /v3/users", Body: `{"user":{"name":"{new:name}","domain_id":"{domain}","password":"Correct-horse-7","email":"a@example.org","enabled":true,"description":"d",
		"default_project_id":"{home}","options":{"ignore_password_expiry":true,"multi_factor_auth_enabled":false}}}`, Want: 201, Keep: "u=user.id", Again: 409},
	{Call: "GET /v3/users", Want: 200},
	{Call: "GET /v3/users?domain_id={domain}&enabled=true", Want: 200, Case: "filtered"},
	{Call: "GET /v3/users/{member}", Want: 200},
	{Call: "PATCH /v3/users/{u}", Body: `{"user":{"description":"other","email":null}}`, Want: 200},
	{Call: "POST /v3/users/{u}/password",
		Body: `{"user":{"original_password":"Correct-horse-7","password":"Correct-horse-8"}}`, Want: 204, Open: true},
	{Call: "PATCH /v3/users/{u}", Body: `{"user":{"password":"Correct-horse-7"}}`, Want: 200},
	{Call: "GET /v3/users/{member}/groups", Want: 200},
	{Call: "GET /v3/users/{member}/projects", Want: 200},
	{Call: "DELETE /v3/users/{u}/tokens", Want: 204, Unknown: -1},
	{Call: "DELETE /v3/users/{u}", Want: 204, Again: 404},
}

var groups = []Step{
	{Call: "POST /v3/groups", Body: `{"group":{"name":"{new:name}","domain_id":"{domain}","description":"d"}}`, Want: 201,
		Keep: "g=group.id", Again: 409},
	{Call: "GET /v3/groups", Want: 200},
	{Call: "GET /v3/groups?domain_id={domain}&name={name}", Want: 200, Case: "filtered"},
	{Call: "GET /v3/groups/{g}", Want: 200},
	{Call: "PATCH /v3/groups/{g}", Body: `{"group":{"description":"other"}}`, Want: 200},
	{Call: "PUT /v3/groups/{g}/users/{stranger}", Want: 204},
	{Call: "GET /v3/groups/{g}/users", Want: 200},
	{Call: "GET /v3/groups/{g}/users/{stranger}", Want: 204},
	{Call: "DELETE /v3/groups/{g}/users/{stranger}", Want: 204, Again: 404},
	{Call: "DELETE /v3/groups/{g}", Want: 204, Again: 404},
}

var roles = []Step{
	{Call: "POST /v3/roles", Body: `{"role":{"name":"{new:prior}","description":"d","options":{"immutable":false}}}`,
		Want: 201, Keep: "prior_role=role.id", Again: 409},
	{Call: "POST /v3/roles", Body: `{"role":{"name":"{new:implied}"}}`, Want: 201, Keep: "implied_role=role.id"},
	{Call: "POST /v3/roles", Body: `{"role":{"name":"{new:local}","domain_id":"{domain}"}}`, Want: 201,
		Keep: "local_role=role.id", Case: "of a domain"},
	{Call: "GET /v3/roles", Want: 200},
	{Call: "GET /v3/roles?domain_id={domain}", Want: 200, Case: "of a domain"},
	{Call: "GET /v3/roles/{prior_role}", Want: 200},
	{Call: "GET /v3/roles/{local_role}", Want: 200, Case: "of a domain"},
	{Call: "GET /v3/roles/{member_role}", Want: 200, Case: "managed"},
	{Call: "PATCH /v3/roles/{prior_role}", Body: `{"role":{"description":"other"}}`, Want: 200},
	{Call: "PATCH /v3/roles/{local_role}", Body: `{"role":{"description":"other"}}`, Want: 200, Case: "of a domain"},
	{Call: "PUT /v3/roles/{prior_role}/implies/{implied_role}", Want: 201},
	{Call: "GET /v3/roles/{prior_role}/implies", Want: 200},
	{Call: "GET /v3/roles/{prior_role}/implies/{implied_role}", Want: 200, Head: 204},
	{Call: "GET /v3/role_inferences", Want: 200},
	{Call: "DELETE /v3/roles/{prior_role}/implies/{implied_role}", Want: 204, Again: 404},
	{Call: "DELETE /v3/roles/{implied_role}", Want: 204},
	{Call: "DELETE /v3/roles/{local_role}", Want: 204, Case: "of a domain"},
	{Call: "DELETE /v3/roles/{prior_role}", Want: 204, Again: 404},
}

// grants assigns roles to users and groups on projects, domains and the system, also inherited ones.
func grants() []Step {
	out := []Step{
		{Call: "POST /v3/users", Body: `{"user":{"name":"{new}","domain_id":"{domain}"}}`, Want: 201, Keep: "u=user.id"},
		{Call: "POST /v3/groups", Body: `{"group":{"name":"{new}","domain_id":"{domain}"}}`, Want: 201, Keep: "g=group.id"},
	}
	for _, on := range []string{"projects/{home}", "domains/{domain}"} {
		for _, who := range []string{"users/{u}", "groups/{g}"} {
			path := "/v3/" + on + "/" + who + "/roles"
			out = append(out,
				Step{Call: "PUT " + path + "/{member_role}", Want: 204},
				Step{Call: "GET " + path + "/{member_role}", Want: 204},
				Step{Call: "GET " + path, Want: 200, Unknown: 404},
				Step{Call: "DELETE " + path + "/{member_role}", Want: 204, Again: 404},
				Step{Call: "PUT " + path + "/{service_role}", Want: 204, Case: "unmanaged"},
				Step{Call: "DELETE " + path + "/{service_role}", Want: 204, Case: "unmanaged"})
			path = "/v3/OS-INHERIT/" + on + "/" + who + "/roles"
			out = append(out,
				Step{Call: "PUT " + path + "/{member_role}/inherited_to_projects", Want: 204},
				Step{Call: "GET " + path + "/{member_role}/inherited_to_projects", Want: 204})
			if on == "domains/{domain}" {
				out = append(out, Step{Call: "GET " + path + "/inherited_to_projects", Want: 200})
			}
			out = append(out, Step{Call: "DELETE " + path + "/{member_role}/inherited_to_projects", Want: 204, Again: 404})
		}
	}
	for _, who := range []string{"users/{u}", "groups/{g}"} {
		path := "/v3/system/" + who + "/roles"
		out = append(out,
			Step{Call: "PUT " + path + "/{reader_role}", Want: 204},
			Step{Call: "GET " + path + "/{reader_role}", Want: 204},
			Step{Call: "GET " + path, Want: 200},
			Step{Call: "DELETE " + path + "/{reader_role}", Want: 204, Again: 404})
	}
	return append(out,
		Step{Call: "GET /v3/role_assignments", Want: 200},
		Step{Call: "GET /v3/role_assignments?effective&include_names&scope.domain.id={domain}", Want: 200, Case: "filtered"},
		Step{Call: "GET /v3/role_assignments?scope.project.id={home}&include_subtree=true", Want: 200, Case: "tree"},
		Step{Call: "DELETE /v3/users/{u}", Want: 204},
		Step{Call: "DELETE /v3/groups/{g}", Want: 204})
}

var tokens = []Step{
	{Call: "POST /v3/auth/tokens", Body: `{"auth":{"identity":{"methods":["password"],"password":{"user":{"id":"{member}","password":"Correct-horse-7"}}},
		"scope":{"project":{"id":"{home}"}}}}`, Want: 201, Keep: "token=@X-Subject-Token", Open: true},
	{Call: "POST /v3/auth/tokens",
		Body: `{"auth":{"identity":{"methods":["token"],"token":{"id":"{token}"}},"scope":{"project":{"name":"home","domain":{"id":"{domain}"}}}}}`,
		Want: 201, Keep: "second=@X-Subject-Token", Open: true},
	{Call: "GET /v3/auth/tokens", Header: "X-Subject-Token: {token}", Want: 200},
	{Call: "GET /v3/auth/tokens?nocatalog", Header: "X-Subject-Token: {token}", Want: 200},
	{Call: "GET /v3/auth/catalog", Want: 200},
	{Call: "GET /v3/auth/projects", Want: 200},
	{Call: "GET /v3/auth/domains", Want: 200},
	{Call: "GET /v3/auth/system", Want: 200},
	{Call: "DELETE /v3/auth/tokens", Header: "X-Subject-Token: {second}", Want: 204, Again: 404},
	{Call: "GET /v3/OS-REVOKE/events", Want: 200},
	{Call: "GET /v3/auth/tokens/OS-PKI/revoked", Want: 403},
	{Call: "GET /v3/OS-SIMPLE-CERT/ca", Want: 410, Open: true},
	{Call: "GET /v3/OS-SIMPLE-CERT/certificates", Want: 410, Open: true},
}
