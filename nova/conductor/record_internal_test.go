package conductor

import (
	"flag"
	"reflect"
	"testing"

	"hypernova/nova"
	"hypernova/oslo/tasks/taskstest"
)

var update = flag.Bool("update", false, "write the golden files anew")

// A build that was under way when the cloud was upgraded goes on in the new release.
func TestProgressOfOlderReleasesIsRead(t *testing.T) {
	t.Parallel()
	taskstest.Record[attemptsRecord](t, *update, "build.attempts")
	taskstest.Record[attempt](t, *update, "build.attempt")
}

func TestPortsKeepTheOrderInWhichAServerHasThem(t *testing.T) {
	t.Parallel()
	had := []nova.NIC{{ID: "b", Tag: "first", Created: true}, {ID: "gone"}, {ID: "a"}}
	got := merged(had, []nova.NIC{{ID: "a"}, {ID: "new"}, {ID: "b"}})
	want := []nova.NIC{{ID: "b", Tag: "first", Created: true}, {ID: "a"}, {ID: "new"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
