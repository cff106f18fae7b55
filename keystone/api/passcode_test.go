package api_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"hypernova/keystone/store"
	"hypernova/oslo/db"
	"hypernova/oslo/db/dbtest"
)

func TestAPasscodeIsGoodOnce(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		c := &cloud{t: t, now: time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)}
		c.build(d, func() time.Time { return c.now })
		demo, me := c.login("demo", demoProject), c.id("users", "demo")
		c.want(201, "POST", "/v3/credentials", demo, fmt.Sprintf(`{"credential":{"user_id":%q,"type":"totp","blob":%q}}`, me,
			seed))
		show := func(at time.Time) int {
			return c.do("POST", "/v3/auth/tokens", "", identityBody(`"totp"`, totpMember(c.code(at)))).status
		}
		if got := show(c.now); got != 201 {
			t.Errorf("its first showing: %d", got)
		}
		if got := show(c.now); got != 401 {
			t.Errorf("shown again: %d", got)
		}
		padded := identityBody(`"totp"`, totpMember(" "+c.code(c.now)+" "))
		if a := c.do("POST", "/v3/auth/tokens", "", padded); a.status != 401 {
			t.Errorf("shown again with spaces around it: %d", a.status)
		}
		before := c.now
		c.now = c.now.Add(30 * time.Second)
		if got := show(before); got != 401 {
			t.Errorf("shown again in the next step: %d", got)
		}
		// Of many at once one gets in.
		var in sync.Map
		var all sync.WaitGroup
		for n := range 8 {
			all.Go(func() { in.Store(n, show(c.now)) })
		}
		all.Wait()
		taken := 0
		in.Range(func(_, status any) bool {
			if status == 201 {
				taken++
			}
			return true
		})
		if taken != 1 {
			t.Errorf("one passcode let in %d at once", taken)
		}
		if err := c.api.Tokens.Purge(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := show(c.now); got != 401 {
			t.Errorf("shown again after the purge: %d", got)
		}
	}, dbtest.Migrations{Name: "keystone", FS: store.Migrations()})
}

func TestAScopeIsOne(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	home := c.id("projects", "demo")
	for _, s := range []struct {
		scope  string
		status int
	}{
		{`{"project":{"id":"` + home + `"},"domain":{"id":"default"}}`, 400},
		{`{"project":{"id":"` + home + `"},"system":{"all":true}}`, 400},
		{`{"project":{"id":"` + home + `"},"unscoped":{}}`, 400},
		{`{"project":{"id":"` + home + `"},"OS-TRUST:trust":{"id":"x"}}`, 400},
		{`{}`, 400}, {`{"elsewhere":{}}`, 400}, {`null`, 400}, {`7`, 400}, {`[]`, 400}, {`{"project":null}`, 400},
		{`{"project":{}}`, 400},
		{`{"project":"` + home + `"}`, 400}, {`{"project":{"id":7}}`, 400}, {`{"domain":{}}`, 400},
		{`{"OS-TRUST:trust":{}}`, 400},
		{`{"project":{"name":"demo"}}`, 400}, {`{"project":{"name":"demo","domain":{}}}`, 400},
		{`{"project":{"id":"` + home + `"}}`, 201}, {`{"unscoped":{}}`, 201}, {`"unscoped"`, 201},
		{`{"project":{"id":"nowhere","name":"demo","domain":{"id":"default"}}}`, 201}, // the name counts
		{`{"project":{"id":"` + home + `","name":"nowhere","domain":{"id":"default"}}}`, 401},
		{`{"project":{"name":"demo","domain":{"id":"nowhere","name":"Default"}}}`, 201},
	} {
		if a := c.do("POST", "/v3/auth/tokens", "", authBody("demo", "secret", s.scope)); a.status != s.status {
			t.Errorf("scope %s: got %d, want %d: %s", s.scope, a.status, s.status, a.text)
		}
	}
}

func TestListsAreFilteredByParts(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		c := &cloud{t: t, now: time.Now().UTC()}
		c.build(d, func() time.Time { return c.now })
		admin, demo, me := c.login("admin", project("admin")), c.login("demo", demoProject), c.id("users", "demo")
		c.want(201, "PUT", "/v3/regions/Child", admin, `{"region":{"parent_region_id":"RegionOne"}}`)
		c.want(201, "POST", "/v3/policies", admin, `{"policy":{"type":"Application/json","blob":"x"}}`)
		c.want(201, "POST", "/v3/credentials", demo, fmt.Sprintf(`{"credential":{"user_id":%q,"type":"Cert_1","blob":"x"}}`,
			me))
		for _, l := range []struct {
			list, query string
			want        int
		}{
			{"roles", "name__contains=embe", 1}, {"roles", "name__contains=EMBE", 0}, {"roles", "name__icontains=EMBE", 1},
			{"roles", "name__startswith=mem", 1}, {"roles", "name__startswith=ember", 0}, {"roles", "name__endswith=ber", 1},
			{"roles", "name__iendswith=BER", 1}, {"roles", "name__istartswith=MEM", 1}, {"roles", "name__contains=m.m", 0},
			{"roles", "name__other=x&name=member", 1},
			{"services", "type__startswith=volume", 1}, {"services", "name__iendswith=DER", 1},
			{"services", "name__contains=DER", 0},
			{"regions", "parent_region_id__contains=gionO", 1}, {"regions", "parent_region_id__contains=giono", 0},
			{"policies", "type__startswith=Appl", 1}, {"policies", "type__startswith=appl", 0},
			{"policies", "type__istartswith=appl", 1},
			{"endpoints", "interface__startswith=nothing", 0}, {"credentials", "type__contains=rt_", 1},
			{"credentials", "type__contains=r__", 0},
			{"credentials", "type__icontains=CERT", 1}, {"projects", "name__contains=dem", 1}, {"projects", "name__contains=DEM",
				0},
			{"users", "name__startswith=stra", 1}, {"users", "name__istartswith=STRA", 1}, {"users", "name__contains=%25", 0},
		} {
			who := admin
			if l.list == "credentials" {
				who = demo
			}
			if n := len(c.want(200, "GET", "/v3/"+l.list+"?"+l.query, who, "").at(l.list).([]any)); n != l.want {
				t.Errorf("%s by %s: %d, want %d", l.list, l.query, n, l.want)
			}
		}
		if a, b := c.want(200, "GET", "/v3/users?limit=0", admin, ""), c.want(200, "GET", "/v3/users", admin,
			""); len(a.at("users").([]any)) != len(b.at("users").([]any)) {
			t.Errorf("limit=0 shows %s", a.text)
		}
		// Rules and application credentials come in the order in which they were made.
		var names, paths []string
		for n := range 5 {
			name, path := fmt.Sprintf("n%d", 9-n), fmt.Sprintf("/v2.1/%d", 9-n)
			names, paths = append(names, name), append(paths, path)
			c.want(201, "POST", "/v3/users/"+me+"/application_credentials", demo, fmt.Sprintf(
				`{"application_credential":{"name":%q,"access_rules":[{"service":"compute","method":"GET","path":%q}]}}`, name,
				path))
		}
		for _, l := range []struct{ list, member, want string }{
			{"application_credentials", "name", strings.Join(names, " ")}, {"access_rules", "path", strings.Join(paths, " ")}} {
			var got []string
			for _, x := range c.want(200, "GET", "/v3/users/"+me+"/"+l.list, demo, "").at(l.list).([]any) {
				got = append(got, x.(map[string]any)[l.member].(string))
			}
			if strings.Join(got, " ") != l.want {
				t.Errorf("%s are %v, want %s", l.list, got, l.want)
			}
		}
	}, dbtest.Migrations{Name: "keystone", FS: store.Migrations()})
}
