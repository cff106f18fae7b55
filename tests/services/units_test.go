package services

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"hypernova/app"
)

const units = "../../packaging/systemd"

func setting(t *testing.T, unit, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(units, unit))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), name+"="); ok {
			return v
		}
	}
	return ""
}

// Each role has a unit. Only the roles that change the host run as root.
func TestEachRoleHasAUnit(t *testing.T) {
	t.Parallel()
	roles, err := app.Expand([]string{"all"})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range roles {
		unit := "hypernova-" + r + ".service"
		if got, want := setting(t, unit, "ExecStart"), "/usr/bin/hypernova "+r; got != want {
			t.Errorf("%s starts %q, want %q", unit, got, want)
		}
		privileged := slices.Contains([]string{app.RoleCompute, app.RoleNetAgent}, r)
		if user := setting(t, unit, "User"); (user == "root") != privileged {
			t.Errorf("%s runs as %q", unit, user)
		}
		if got := setting(t, unit, "CapabilityBoundingSet"); (got == "") == privileged {
			t.Errorf("%s has the capabilities %q", unit, got)
		}
		for name, want := range map[string]string{"Type": "notify", "NoNewPrivileges": "yes", "WatchdogSec": "60",
			"ExecReload": "/bin/kill -HUP $MAINPID"} {
			if got := setting(t, unit, name); got != want {
				t.Errorf("%s: %s=%s, want %s", unit, name, got, want)
			}
		}
	}
}

// systemd-analyze verifies the units without a warning.
func TestUnitsAreValid(t *testing.T) {
	t.Parallel()
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd-analyze is not installed")
	}
	dir := t.TempDir()
	entries, err := os.ReadDir(units)
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"verify", "--man=no", "--recursive-errors=no"}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(units, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Join(dir, e.Name())
		// The verification needs an existing program.
		if err := os.WriteFile(name, []byte(strings.ReplaceAll(string(text), "/usr/bin/hypernova", "/bin/true")),
			0o644); err != nil {
			t.Fatal(err)
		}
		if ext := filepath.Ext(name); ext == ".service" || ext == ".socket" || ext == ".target" {
			args = append(args, name)
		}
	}
	if out, err := exec.Command(analyze, args...).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%v\n%s", err, out)
	}
}
