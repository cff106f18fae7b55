package conductor

import (
	"flag"
	"testing"

	"hypernova/oslo/tasks/taskstest"
)

var update = flag.Bool("update", false, "write the golden files anew")

// A build that was under way when the cloud was upgraded goes on in the new release.
func TestProgressOfOlderReleasesIsRead(t *testing.T) {
	t.Parallel()
	taskstest.Record[attemptsRecord](t, *update, "build.attempts")
	taskstest.Record[attaching](t, *update, "attach.record")
	taskstest.Record[attempt](t, *update, "build.attempt")
}
