package compat

import (
	"fmt"
	"strings"
	"testing"
)

// placed runs commands with placement's newest microversion.
type placed struct{ desk }

func (p placed) list(args ...string) []map[string]any {
	p.t.Helper()
	p.seen.add(args)
	return p.Cloud.List(p.t, p.as, latest(args)...)
}

func (p placed) show(args ...string) map[string]any {
	p.t.Helper()
	p.seen.add(args)
	return p.Cloud.Show(p.t, p.as, latest(args)...)
}

func (p placed) run(args ...string) {
	p.t.Helper()
	p.seen.add(args)
	p.Client(p.t, p.as, latest(args)...)
}

func (p placed) refused(words string, args ...string) {
	p.t.Helper()
	p.desk.refused(words, latest(args)...)
}

// latest returns the newest microversion that the plugin supports for a command.
func latest(args []string) []string {
	return append([]string{"--os-placement-api-version", "1.29"}, args...)
}

func providers(t *testing.T, admin, demo desk) {
	p := placed{admin}
	r := p.show("resource", "provider", "create", "pr")
	has(t, r, map[string]any{"name": "pr", "generation": 0, "parent_provider_uuid": nil, "root_provider_uuid": r["uuid"]})
	p.refused("409", "resource", "provider", "create", "pr")
	c := p.show("resource", "provider", "create", "--parent-provider", text(r, "uuid"), "pr-child")
	has(t, c, map[string]any{"root_provider_uuid": r["uuid"]})
	p.run("resource", "provider", "set", "--name", "pr2", text(r, "uuid"))
	has(t, p.show("resource", "provider", "show", text(r, "uuid")), map[string]any{"name": "pr2"})
	find(t, p.list("resource", "provider", "list", "--in-tree", text(r, "uuid")), "uuid", c["uuid"])
	if rows := p.list("resource", "provider", "list", "--name", "pr2"); len(rows) != 1 {
		t.Errorf("by name: %v", rows)
	}
	aggregate := "3c30be7e-9a5b-4ae5-8c0d-1b2d7a4d9a51"
	p.run("resource", "provider", "aggregate", "set", "--aggregate", aggregate, "--generation", "0", text(r, "uuid"))
	find(t, p.list("resource", "provider", "aggregate", "list", text(r, "uuid")), "uuid", aggregate)
	find(t, p.list("resource", "provider", "list", "--member-of", aggregate), "uuid", r["uuid"])
	p.refused("409", "resource", "provider", "aggregate", "set", "--aggregate", aggregate, "--generation", "0",
		text(r, "uuid"))
	p.refused("409", "resource", "provider", "delete", text(r, "uuid"))
	placed{demo}.refused("403", "resource", "provider", "list")
	p.run("resource", "provider", "delete", text(c, "uuid"))
	p.run("resource", "provider", "delete", text(r, "uuid"))
	p.refused("404", "resource", "provider", "show", text(r, "uuid"))
}

func inventories(t *testing.T, admin, _ desk) {
	p := placed{admin}
	id := text(p.show("resource", "provider", "create", "ir"), "uuid")
	p.run("resource", "provider", "inventory", "set", "--resource", "VCPU=8", "--resource", "VCPU:allocation_ratio=4",
		"--resource", "MEMORY_MB=1024", id)
	has(t, find(t, p.list("resource", "provider", "inventory", "list", id), "resource_class", "VCPU"),
		map[string]any{"total": 8, "allocation_ratio": 4.0})
	p.run("resource", "provider", "inventory", "set", "--amend", "--resource", "DISK_GB=100", id)
	if rows := p.list("resource", "provider", "inventory", "list", id); len(rows) != 3 {
		t.Errorf("after a third class: %v", rows)
	}
	p.run("resource", "provider", "inventory", "class", "set", "--total", "200", "--reserved", "20", id, "DISK_GB")
	has(t, p.show("resource", "provider", "inventory", "show", id, "DISK_GB"),
		map[string]any{"total": 200, "reserved": 20})
	p.refused("400", "resource", "provider", "inventory", "class", "set", "--total", "1", id, "CUSTOM_NOTHING")
	p.run("resource", "provider", "inventory", "delete", "--resource-class", "DISK_GB", id)
	lacks(t, p.list("resource", "provider", "inventory", "list", id), "resource_class", "DISK_GB")
	find(t, p.list("resource", "provider", "list", "--resource", "VCPU=32"), "uuid", id)
	p.run("resource", "provider", "inventory", "delete", id)
	p.run("resource", "provider", "delete", id)
}

func allocations(t *testing.T, admin, _ desk) {
	p := placed{admin}
	id := text(p.show("resource", "provider", "create", "ar"), "uuid")
	p.run("resource", "provider", "inventory", "set", "--resource", "VCPU=8", "--resource", "MEMORY_MB=1024", id)
	consumer, project, user := "6f1ba0ba-0d1b-4b3e-9e3f-0d3a6c4bb001", "a0000000000000000000000000000001",
		"b0000000000000000000000000000001"
	set := func(what string) []string {
		return []string{"resource", "provider", "allocation", "set", "--allocation", "rp=" + id + "," + what, "--project-id",
			project, "--user-id", user, consumer}
	}
	p.run(set("VCPU=2,MEMORY_MB=100")...)
	p.refused("409", set("VCPU=9")...)
	got := find(t, p.list("resource", "provider", "allocation", "show", consumer), "resource_provider", id)
	has(t, got, map[string]any{"resources": map[string]int{"VCPU": 2, "MEMORY_MB": 100}, "project_id": project,
		"user_id": user})
	find(t, p.list("resource", "provider", "usage", "show", id), "usage", 100.0)
	has(t, find(t, p.list("resource", "usage", "show", project), "resource_class", "VCPU"), map[string]any{"usage": 2})
	if rows := p.list("resource", "usage", "show", "--user-id", "b0000000000000000000000000000002",
		project); len(rows) != 0 {
		t.Errorf("another user's usage: %v", rows)
	}
	p.refused("409", "resource", "provider", "delete", id)
	p.refused("409", "resource", "provider", "inventory", "delete", id)
	p.run("resource", "provider", "allocation", "unset", "--resource-class", "MEMORY_MB", consumer)
	got = find(t, p.list("resource", "provider", "allocation", "show", consumer), "resource_provider", id)
	has(t, got, map[string]any{"resources": map[string]int{"VCPU": 2}})
	p.run("resource", "provider", "allocation", "delete", consumer)
	if rows := p.list("resource", "provider", "allocation", "show", consumer); len(rows) != 0 {
		t.Errorf("still held: %v", rows)
	}
	p.refused("404", "resource", "provider", "allocation", "delete", consumer)
	p.run("resource", "provider", "delete", id)
}

func candidates(t *testing.T, admin, _ desk) {
	p := placed{admin}
	p.run("resource", "class", "create", "CUSTOM_OVEN")
	p.run("trait", "create", "CUSTOM_HOT")
	ids := map[string]string{}
	for _, n := range []string{"ca", "cb"} {
		ids[n] = text(p.show("resource", "provider", "create", n), "uuid")
		p.run("resource", "provider", "inventory", "set", "--resource", "CUSTOM_OVEN=4", ids[n])
	}
	p.run("resource", "provider", "trait", "set", "--trait", "CUSTOM_HOT", ids["ca"])
	aggregate := "3c30be7e-9a5b-4ae5-8c0d-1b2d7a4d9a52"
	p.run("resource", "provider", "aggregate", "set", "--aggregate", aggregate, "--generation", "1", ids["cb"])
	ask := func(options ...string) string {
		var names []string
		for _, row := range p.list(append([]string{"allocation", "candidate", "list"}, options...)...) {
			for _, n := range []string{"ca", "cb"} {
				if row["resource provider"] == ids[n] {
					names = append(names, n)
				}
			}
		}
		if len(names) == 2 && names[0] > names[1] {
			names[0], names[1] = names[1], names[0]
		}
		return strings.Join(names, " ")
	}
	for _, c := range []struct {
		want    string
		options []string
	}{
		{"ca cb", []string{"--resource", "CUSTOM_OVEN=1"}},
		{"", []string{"--resource", "CUSTOM_OVEN=5"}},
		{"ca", []string{"--resource", "CUSTOM_OVEN=1", "--required", "CUSTOM_HOT"}},
		{"cb", []string{"--resource", "CUSTOM_OVEN=1", "--forbidden", "CUSTOM_HOT"}},
		{"cb", []string{"--resource", "CUSTOM_OVEN=1", "--member-of", aggregate}},
		{"ca", []string{"--group", "1", "--resource", "CUSTOM_OVEN=1", "--required", "CUSTOM_HOT"}},
		{"ca cb", []string{"--group", "1", "--resource", "CUSTOM_OVEN=1", "--required", "CUSTOM_HOT", "--group", "2",
			"--resource", "CUSTOM_OVEN=1", "--group-policy", "none", "--limit", "100"}},
	} {
		// both groups on one provider, because the providers have no common parent
		if c.want == "ca cb" && len(c.options) > 4 {
			c.want = "ca"
		}
		if got := ask(c.options...); got != c.want {
			t.Errorf("%v: got %q, want %q", c.options, got, c.want)
		}
	}
	if rows := p.list("allocation", "candidate", "list", "--resource", "CUSTOM_OVEN=1", "--limit", "1"); len(rows) != 1 {
		t.Errorf("one candidate: %v", rows)
	}
	for _, id := range ids {
		p.run("resource", "provider", "delete", id)
	}
	p.run("resource", "class", "delete", "CUSTOM_OVEN")
	p.run("trait", "delete", "CUSTOM_HOT")
}

func names(t *testing.T, admin, _ desk) {
	p := placed{admin}
	p.run("resource", "class", "create", "CUSTOM_SPOON")
	p.run("resource", "class", "set", "CUSTOM_SPOON") // creates it if it does not exist
	has(t, p.show("resource", "class", "show", "CUSTOM_SPOON"), map[string]any{"name": "CUSTOM_SPOON"})
	find(t, p.list("resource", "class", "list"), "name", "VCPU")
	p.refused("400", "resource", "class", "delete", "VCPU")
	p.run("resource", "class", "delete", "CUSTOM_SPOON")
	p.refused("404", "resource", "class", "show", "CUSTOM_SPOON")
	p.run("trait", "create", "CUSTOM_BLUE")
	p.refused("400", "trait", "create", "BLUE")
	p.run("trait", "show", "CUSTOM_BLUE")
	find(t, p.list("trait", "list", "--name", "startswith:CUSTOM_B"), "name", "CUSTOM_BLUE")
	id := text(p.show("resource", "provider", "create", "nr"), "uuid")
	p.run("resource", "provider", "trait", "set", "--trait", "CUSTOM_BLUE", "--trait", "HW_CPU_X86_AVX", id)
	if got := fmt.Sprint(len(p.list("resource", "provider", "trait", "list", id))); got != "2" {
		t.Errorf("%s traits", got)
	}
	find(t, p.list("trait", "list", "--associated"), "name", "CUSTOM_BLUE")
	find(t, p.list("resource", "provider", "list", "--required", "CUSTOM_BLUE", "--forbidden",
		"HW_GPU_API_VULKAN"), "uuid", id)
	p.refused("409", "trait", "delete", "CUSTOM_BLUE")
	p.run("resource", "provider", "trait", "delete", id)
	p.run("trait", "delete", "CUSTOM_BLUE")
	p.run("resource", "provider", "delete", id)
}
