package catalog_test

import (
	"strings"
	"testing"

	"hypernova/keystone/catalog"
)

func FuzzURL(f *testing.F) {
	for _, template := range []string{"http://cinder/v3/$(project_id)s", "http://a/%(tenant_id)s/%(project_id)s",
		"http://a/$(user_id)s", "$(project_id)", "%%(project_id)s", "$($(project_id)sproject_id)s", "", "http://a"} {
		f.Add(template, "0123456789abcdef0123456789abcdef")
		f.Add(template, "")
	}
	names := []string{"$(project_id)s", "$(tenant_id)s", "%(project_id)s", "%(tenant_id)s"}
	f.Fuzz(func(t *testing.T, template, project string) {
		if strings.ContainsAny(project, "$%()") {
			return // no id has them
		}
		got, ok := catalog.URL(template, project)
		asks := false
		for _, n := range names {
			asks = asks || strings.Contains(template, n)
		}
		switch {
		case ok == (asks && project == ""):
			t.Errorf("%q for %q: got %t", template, project, ok)
		case !ok:
		case !asks && got != template:
			t.Errorf("%q became %q", template, got)
		case asks && !strings.Contains(got, project):
			t.Errorf("%q for %q is %q", template, project, got)
		}
	})
}
