package compat

import (
	"fmt"
	"testing"
)

func imageMembers(t *testing.T, admin, demo desk) {
	i := admin.show("image", "create", "--disk-format", "raw", "--container-format", "bare", "--shared", "--file",
		file(t, "data", "some data"), "mi")
	id := text(i, "id")
	lacks(t, demo.list("image", "list", "--shared"), "ID", id)
	project := text(admin.show("project", "show", "demo"), "id")
	has(t, admin.show("image", "add", "project", id, "demo"),
		map[string]any{"image_id": id, "member_id": project, "status": "pending"})
	find(t, admin.list("image", "member", "list", id), "Member ID", project)
	demo.run("image", "set", "--accept", id)
	find(t, demo.list("image", "list", "--shared"), "ID", id)
	find(t, admin.list("image", "member", "list", id), "Status", "accepted")
	demo.refused("403", "image", "delete", id)
	admin.run("image", "remove", "project", id, "demo")
	lacks(t, demo.list("image", "list", "--shared"), "ID", id)
	admin.run("image", "delete", id)
}

func imageForms(t *testing.T, admin, demo desk) {
	names := map[string]string{}
	for _, n := range []string{"fa", "fb", "fc"} {
		i := demo.show("image", "create", "--disk-format", "raw", "--container-format", "bare", "--private", "--property",
			"family=f", "--tag", "ff",
			"--min-disk", "1", "--file", file(t, "data", "data of "+n), n)
		names[n] = text(i, "id")
	}
	rows := demo.list("image", "list", "--private", "--tag", "ff", "--sort", "name:desc", "--long")
	if got := fmt.Sprintf("%v %v %d", rows[0]["Name"], rows[len(rows)-1]["Name"], len(rows)); got != "fc fa 3" {
		t.Errorf("sorted by name, the last first: %s", got)
	}
	if rows := demo.list("image", "list", "--tag", "ff", "--limit", "1", "--marker", names["fc"]); len(rows) != 1 ||
		rows[0]["Name"] != "fb" {
		t.Errorf("the next older than fc: %v", rows)
	}
	find(t, demo.list("image", "list", "--property", "family=f", "--name", "fb"), "ID", names["fb"])
	demo.run("image", "set", "--hidden", names["fa"])
	lacks(t, demo.list("image", "list", "--tag", "ff"), "Name", "fa")
	find(t, demo.list("image", "list", "--hidden", "--tag", "ff"), "Name", "fa")
	admin.run("image", "set", "--deactivate", names["fb"])
	demo.refused("Unable to download image", "image", "save", "--file", file(t, "out", ""), names["fb"])
	admin.run("image", "set", "--activate", names["fb"])
	has(t, demo.show("image", "show", names["fb"]), map[string]any{"status": "active", "min_disk": 1})
	demo.run("image", "set", "--community", names["fc"])
	find(t, admin.list("image", "list", "--community"), "Name", "fc")
	demo.refused("400", "image", "create", "--disk-format", "raw", "--min-disk", "-1", "fd")
	demo.run("image", "delete", names["fa"], names["fb"], names["fc"])
	lacks(t, demo.list("image", "list", "--private"), "Name", "fb")
}
