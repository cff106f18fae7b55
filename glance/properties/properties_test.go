package properties_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"hypernova/glance/properties"
	"hypernova/oslo/auth"
	"hypernova/oslo/fault"
)

func load(t *testing.T, text string, decide properties.Decide) (*properties.Rules, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "rules.conf")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return properties.Load(file, decide)
}

const byRole = `
[^x_billing_.*]
create = admin, Biller
read = admin,member
update = admin
delete = !
[^x_all]
create = @
read = @
update = @
delete = @
[os_glance_x]
create = !
read = !
update = !
delete = !
[none]
create =
read =
update =
delete =
`

func TestRoles(t *testing.T) {
	t.Parallel()
	r, err := load(t, byRole, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		property string
		action   properties.Action
		role     string
		want     bool
	}{
		{"x_billing_code", properties.Create, "admin", true},
		{"x_billing_code", properties.Create, "biller", true},
		{"x_billing_code", properties.Create, "member", false},
		{"x_billing_code", properties.Read, "member", true},
		{"x_billing_code", properties.Read, "reader", false},
		{"x_billing_code", properties.Delete, "admin", false},
		{"x_all", properties.Delete, "", true},
		{"os_glance_x", properties.Update, "", true},
		{"has_none_inside", properties.Read, "admin", false},
		{"unheard", properties.Read, "admin", false},
	} {
		if got := r.Allowed(c.property, c.action, &auth.Caller{Roles: []string{c.role}}); got != c.want {
			t.Errorf("%s %s as %s: %v", c.action, c.property, c.role, got)
		}
	}
	seen := r.Visible(map[string]string{"x_billing_code": "1", "x_all": "2", "unheard": "3"},
		&auth.Caller{Roles: []string{"reader"}})
	if got := slices.Sorted(maps.Keys(seen)); !slices.Equal(got, []string{"x_all"}) {
		t.Errorf("visible: %v", got)
	}
}

func TestPolicies(t *testing.T) {
	t.Parallel()
	text := "[spl_]\ncreate = creator\nread = @\nupdate = !\ndelete = creator\n"
	r, err := load(t, text, func(rule string, c *auth.Caller) bool { return rule == "creator" && c.HasRole("spl") })
	if err != nil {
		t.Fatal(err)
	}
	spl, other := &auth.Caller{Roles: []string{"spl"}}, &auth.Caller{Roles: []string{"admin"}}
	if !r.Allowed("spl_x", properties.Create, spl) || r.Allowed("spl_x", properties.Create, other) ||
		!r.Allowed("spl_x", properties.Read, other) ||
		r.Allowed("spl_x", properties.Update, spl) {
		t.Error("the policies do not decide")
	}
}

func TestNoFileProtectsNothing(t *testing.T) {
	t.Parallel()
	var r *properties.Rules
	if !r.Allowed("x", properties.Delete, nil) || len(r.Visible(map[string]string{"x": ""}, nil)) != 1 {
		t.Error("no rules refuse")
	}
}

func TestWrongFiles(t *testing.T) {
	t.Parallel()
	always := func(string, *auth.Caller) bool { return true }
	for name, c := range map[string]struct {
		text   string
		decide properties.Decide
	}{
		"expression":       {"[(]\ncreate=@\nread=@\nupdate=@\ndelete=@\n", nil},
		"missing action":   {"[a]\ncreate=@\nread=@\nupdate=@\n", nil},
		"contradiction":    {"[a]\ncreate=@,!\nread=@\nupdate=@\ndelete=@\n", nil},
		"several policies": {"[a]\ncreate=x,y\nread=@\nupdate=@\ndelete=@\n", always},
		"no file at all":   {"[a", nil},
	} {
		if _, err := load(t, c.text, c.decide); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := properties.Load(filepath.Join(t.TempDir(), "none"), nil); !fault.Is(err, fault.Invalid) {
		t.Errorf("a file that is not there: %v", err)
	}
}
