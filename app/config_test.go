package app_test

import (
	"bytes"
	"iter"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hypernova/app"
	"hypernova/oslo/conf"
	"hypernova/oslo/conf/conftest"
	"hypernova/oslo/fault"
)

func TestEveryOptionIsRead(t *testing.T) {
	t.Parallel()
	unread, err := conftest.Unread("..", "hypernova", sections(t)...)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string(nil), unread); diff != "" {
		t.Errorf("options that neither app nor the packages that declare them read (-want, +got):\n%s", diff)
	}
}

// sections are the folders of app and of the packages that declare sections of its configuration.
func sections(t *testing.T) []string {
	t.Helper()
	out := []string{"app"}
	var walk func(reflect.Type)
	walk = func(s reflect.Type) {
		for s.Kind() == reflect.Map || s.Kind() == reflect.Pointer {
			s = s.Elem()
		}
		if s.Kind() != reflect.Struct {
			return
		}
		if dir, own := strings.CutPrefix(s.PkgPath(), "hypernova/"); own && !slices.Contains(out, dir) {
			out = append(out, dir)
		}
		for f := range fields(s) {
			if f.Anonymous || f.Tag.Get("section") != "" || f.Tag.Get("sections") != "" {
				walk(f.Type)
			}
		}
	}
	walk(reflect.TypeFor[app.Config]())
	if len(out) < 20 {
		t.Errorf("only %v declare sections", out)
	}
	return out
}

func fields(s reflect.Type) iter.Seq[reflect.StructField] {
	return func(yield func(reflect.StructField) bool) {
		for i := range s.NumField() {
			if !yield(s.Field(i)) {
				return
			}
		}
	}
}

func TestSampleLoadsAndChangesNothing(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := conf.Sample(&b, new(app.Config)); err != nil {
		t.Fatal(err)
	}
	f := filepath.Join(t.TempDir(), "hypernova.conf")
	if err := os.WriteFile(f, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	with, without := app.Defaults(), app.Defaults()
	if err := app.Load(&with, []string{f}, nil, nil); err != nil {
		t.Fatal(err)
	}
	if err := app.Load(&without, nil, nil, nil); err != nil {
		t.Fatal(err)
	}
	var x, y bytes.Buffer
	if err := conf.Dump(&x, &with); err != nil {
		t.Fatal(err)
	}
	if err := conf.Dump(&y, &without); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(x.String(), y.String()); diff != "" {
		t.Errorf("got, want:\n%s", diff)
	}
}

func TestSettingsThatContradictEachOther(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, set, want string }{
		{"heartbeat slower than its reader", "DEFAULT.service_down_time=15", "must be at least twice report_interval"},
		{"one file for all services", "database.connection=sqlite:////tmp/all.db", "{service} must stand in the path"},
		{"no host", "DEFAULT.host=a b", "is no name for a host"},
		{"address", "DEFAULT.my_ip=here", "is no address"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := app.Defaults()
			err := app.Load(&c, nil, nil, []string{tt.set})
			if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an Invalid fault with %q", err, tt.want)
			}
		})
	}
}

func TestExpandRoles(t *testing.T) {
	t.Parallel()
	got, err := app.Expand([]string{"compute", "keystone"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got, []string{app.RoleKeystone, app.RoleNetAgent, app.RoleCompute}); diff != "" {
		t.Errorf("got, want:\n%s", diff)
	}
	if _, err := app.Expand([]string{"nova-cumpute"}); !fault.Is(err, fault.Invalid) ||
		!strings.Contains(err.Error(), "nova-compute") {
		t.Errorf("got %v, want an Invalid fault that lists the roles", err)
	}
}
