package api_test

import (
	"fmt"
	"testing"

	"hypernova/oslo/db"
)

// TestListsOfServersThatCanBeRestored asks for lists with the parameters deleted, soft_deleted and status.
func TestListsOfServersThatCanBeRestored(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.host("h1")
	set := db.NewExec(db.NewSet("test"), `UPDATE servers SET vm_state = ?, task_state = '', deleted = ? WHERE id = ?`)
	for name, state := range map[string]string{"here": "active", "aside": "soft-delete", "gone": "deleted"} {
		id := w.server(name)
		w.settle(id)
		if _, err := set.Do(t.Context(), w.db, state, state == "deleted", id); err != nil {
			t.Fatal(err)
		}
	}
	for _, row := range []struct{ who, query, want string }{
		{"root", "", "[here]"},
		{"root", "&deleted=True", "[aside gone]"},
		{"root", "&deleted=False", "[here]"},
		{"root", "&deleted=True&soft_deleted=True", "[aside gone]"},
		{"root", "&deleted=True&soft_deleted=", "[gone]"},
		{"root", "&soft_deleted=True", "[aside here]"},
		{"root", "&status=SOFT_DELETED", "[]"},
		{"root", "&status=SOFT_DELETED&deleted=True", "[aside]"},
		{"root", "&status=DELETED", "[gone]"},
		{"root", "&status=DELETED&status=ACTIVE", "[here]"},
		{"root", "&changes-since=2020-01-01T00:00:00Z", "[aside gone here]"},
		{"alice", "&deleted=True", "[here]"}, // what a user may not filter by is not there
		{"alice", "&status=DELETED&status=ACTIVE", "[here]"},
	} {
		line := "GET /servers?sort_key=display_name&sort_dir=asc" + row.query
		if row.who == "root" {
			line += "&all_tenants=1"
		}
		names := []any{}
		list, _ := w.want(200, row.who, "2.1", line, "").at("servers").([]any)
		for _, v := range list {
			if m, ok := v.(map[string]any); ok {
				names = append(names, m["name"])
			}
		}
		if got := fmt.Sprint(names); got != row.want {
			t.Errorf("%s %s: got %s, want %s", row.who, row.query, got, row.want)
		}
	}
	w.want(403, "alice", "2.1", "GET /servers?status=DELETED", "")
}
