package api_test

import (
	"fmt"
	"testing"
	"time"

	"hypernova/keystone/identity"
)

const day = 24 * time.Hour

func (c *cloud) change(status int, user, old, password string) {
	c.t.Helper()
	c.want(status, "POST", "/v3/users/"+user+"/password", "",
		fmt.Sprintf(`{"user":{"original_password":%q,"password":%q}}`, old, password))
	c.now = c.now.Add(time.Second)
}

func TestPasswordsKeepTheOperatorsPattern(t *testing.T) {
	t.Parallel()
	c := start(&cloud{t: t, rules: identity.Compliance{Pattern: `^(?=.*[a-z]).{4,}$`,
		Advice: "four characters, one a letter"}})
	admin, me := c.login("admin", project("admin")), c.id("users", "demo")
	c.change(400, me, "secret", "1234")
	c.change(204, me, "secret", "x1234")
	c.want(400, "POST", "/v3/users", admin, `{"user":{"name":"u","password":"12345"}}`)
	c.want(400, "PATCH", "/v3/users/"+me, admin, `{"user":{"password":"99999"}}`)
	a := c.want(200, "GET", "/v3/domains/default/config/security_compliance", c.login("stranger", project("other")), "")
	if a.at("config", "security_compliance", "password_regex_description") != "four characters, one a letter" {
		t.Errorf("got %s", a.text)
	}
}

func TestOldPasswordsDoNotComeAgain(t *testing.T) {
	t.Parallel()
	c := start(&cloud{t: t, rules: identity.Compliance{Unique: 3}})
	admin, me := c.login("admin", project("admin")), c.id("users", "demo")
	c.change(204, me, "secret", "second")
	c.change(400, me, "second", "secret")
	c.change(204, me, "second", "third")
	c.change(400, me, "third", "secret")
	c.change(204, me, "third", "fourth")
	c.change(204, me, "fourth", "secret")
	c.want(200, "PATCH", "/v3/users/"+me, admin, `{"user":{"password":"fourth"}}`) // an administrator may
}

func TestPasswordsExpireAndMustBeKeptForAWhile(t *testing.T) {
	t.Parallel()
	c := start(&cloud{t: t, rules: identity.Compliance{ExpiresAfter: 30 * day, MinimumAge: 2 * day}})
	me := c.id("users", "demo")
	c.change(400, me, "secret", "second")
	c.now = c.now.Add(3 * day)
	c.change(204, me, "secret", "second")
	c.now = c.now.Add(31 * day)
	c.want(401, "POST", "/v3/auth/tokens", "", authBody("demo", "second", ""))
	c.change(204, me, "second", "third") // expired is not lost
	c.want(201, "POST", "/v3/auth/tokens", "", authBody("demo", "third", ""))
}

func TestAPasswordSetByOthersIsChangedFirst(t *testing.T) {
	t.Parallel()
	c := start(&cloud{t: t, rules: identity.Compliance{}})
	admin := c.login("admin", project("admin"))
	strict := start(&cloud{t: t, rules: identity.Compliance{ChangeFirst: true}})
	if a := strict.do("POST", "/v3/auth/tokens", "", authBody("demo", "secret", "")); a.status != 401 {
		t.Errorf("a password of the first day: %d %s", a.status, a.text)
	}
	u := c.want(201, "POST", "/v3/users", admin,
		`{"user":{"name":"u","password":"first","options":{"ignore_change_password_upon_first_use":true}}}`)
	if u.at("user", "password_expires_at") != nil {
		t.Errorf("got %s", u.text)
	}
}

func TestUsersWhoStayAwayCountAsDisabled(t *testing.T) {
	t.Parallel()
	c := start(&cloud{t: t, rules: identity.Compliance{InactiveAfter: 10 * day}})
	me := c.id("users", "demo")
	c.now = c.now.Add(9 * day)
	c.login("demo", demoProject)
	c.login("admin", project("admin"))
	c.now = c.now.Add(9 * day)
	c.login("demo", demoProject)
	admin := c.login("admin", project("admin"))
	c.now = c.now.Add(time.Minute)
	if a := c.want(200, "GET", "/v3/users?name=stranger", admin, ""); a.at("users", 0, "enabled") != false {
		t.Errorf("got %s", a.text)
	}
	c.want(401, "POST", "/v3/auth/tokens", "", authBody("stranger", "secret", ""))
	c.want(200, "PATCH", "/v3/users/"+c.id("users", "stranger"), admin, `{"user":{"enabled":true}}`)
	c.want(201, "POST", "/v3/auth/tokens", "", authBody("stranger", "secret", ""))
	if a := c.want(200, "GET", "/v3/users/"+me, admin, ""); a.at("user", "enabled") != true {
		t.Errorf("got %s", a.text)
	}
}

func TestWrongOldPasswordsLockLikeWrongLogins(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	me := c.id("users", "demo")
	for range 3 {
		c.change(401, me, "wrong", "new password")
	}
	c.change(401, me, "secret", "new password")
	c.want(401, "POST", "/v3/auth/tokens", "", authBody("demo", "secret", ""))
	c.now = c.now.Add(2 * time.Minute)
	c.change(204, me, "secret", "new password")
}

func TestAnAdministratorCanLockAPassword(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	me := c.id("users", "demo")
	c.want(200, "PATCH", "/v3/users/"+me, c.login("admin", project("admin")),
		`{"user":{"options":{"lock_password":true}}}`)
	c.change(400, me, "secret", "new password")
}
