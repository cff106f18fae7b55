package app

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"text/template"

	"github.com/google/go-cmp/cmp"
)

// TestServicesDoNotCollide checks the table of services: names, types, ports and roles are unique, and roles exist.
func TestServicesDoNotCollide(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	unique := func(kind, name string) {
		if seen[kind+name] {
			t.Errorf("two services have the %s %s", kind, name)
		}
		seen[kind+name] = true
	}
	for _, s := range services() {
		unique("name", s.name)
		unique("type", s.kind)
		for _, r := range s.roles {
			unique("role", r.name)
		}
	}
	names := []string{}
	for _, r := range roles() {
		names = append(names, r.name)
	}
	for _, p := range ports() {
		unique("API", p.api)
		if slices.ContainsFunc(ports(), func(q port) bool {
			return q.api != p.api && (q.offset == p.offset || q.usual == p.usual)
		}) {
			t.Errorf("%s has the port of another API", p.api)
		}
		if a, ok := apiOf(p.api); ok && !slices.Contains(names, a.role) {
			t.Errorf("no role serves %s: there is no %q", p.api, a.role)
		}
	}
}

// units are the folder of systemd's units. Those of compute hosts are written by hand: each needs other powers.
const units = "../packaging/systemd"

// TestUnits compares the units of the control plane and the sockets of all APIs with the table of services.
func TestUnits(t *testing.T) {
	t.Parallel()
	want := map[string]string{}
	write := func(name, text string, data any) {
		var b strings.Builder
		if err := template.Must(template.New("unit").Parse(text)).Execute(&b, data); err != nil {
			t.Fatal(err)
		}
		want[name] = b.String()
	}
	form := func(name string) string {
		text, err := os.ReadFile(filepath.Join("testdata", "units", name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	for _, r := range roles() {
		if slices.Contains(r.groups, "controller") {
			write("hypernova-"+r.name+".service", form("role.service"), map[string]string{"Role": r.name, "Unit": r.unit})
		}
	}
	for _, a := range apis() {
		name := a.role
		if a.name == apiMetadata {
			name = a.name // its role has a socket for each API
		}
		write("hypernova-"+name+".socket", form("api.socket"), map[string]any{"Name": a.name, "Title": a.title,
			"Role": a.role, "Port": a.usual})
	}
	for name, text := range want {
		file := filepath.Join(units, name)
		if *update {
			if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		have, err := os.ReadFile(file)
		if err != nil {
			t.Errorf("%v; run \"make golden\"", err)
			continue
		}
		if diff := cmp.Diff(text, string(have)); diff != "" {
			t.Errorf("%s is not as the table of services says; run \"make golden\" (-want, +file):\n%s", file, diff)
		}
	}
}
