package store

import (
	"flag"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hypernova/glance"
	"hypernova/oslo/messaging/contracttest"
	"hypernova/oslo/tasks/taskstest"
)

var update = flag.Bool("update", false, "write the golden files anew")

// What an earlier release wrote into a column of JSON is read by this one.
func TestStoredJSON(t *testing.T) {
	t.Parallel()
	taskstest.Record[placesJSON](t, *update, "images.copies")
	taskstest.Record[planJSON](t, *update, "images.import_plan")
	taskstest.Record[definitionJSON](t, *update, "metadef_properties.definition")
	taskstest.Record[map[string]definitionJSON](t, *update, "metadef_objects.properties")
}

// Nothing is lost between the service's types and their stored forms.
func TestStoredFormsAreComplete(t *testing.T) {
	t.Parallel()
	full := contracttest.Filled[Record]()
	full.Status, full.Tags, full.Properties = glance.Active, []string{"t"}, map[string]string{"k": "v"}
	row := imageRowOf(&full)
	got, err := row.record()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(full, got); diff != "" {
		t.Errorf("image:\n%s", diff)
	}
	p := contracttest.Filled[glance.Property]()
	if diff := cmp.Diff(p, definitionJSONOf(p).property()); diff != "" {
		t.Errorf("property:\n%s", diff)
	}
	o := contracttest.Filled[glance.Object]()
	if diff := cmp.Diff(o, objectRowOf("n", o).object()); diff != "" {
		t.Errorf("object:\n%s", diff)
	}
	m := contracttest.Filled[glance.Task]()
	if diff := cmp.Diff(m, taskRowOf(m).task()); diff != "" {
		t.Errorf("task:\n%s", diff)
	}
}
