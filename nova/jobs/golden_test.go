package jobs_test

import (
	"flag"
	"testing"

	"hypernova/nova/jobs"
	"hypernova/oslo/tasks/taskstest"
)

var update = flag.Bool("update", false, "write the golden files anew")

// A task that waits in the queue while the cloud is upgraded is done by the new release.
func TestTasksOfOlderReleasesAreRead(t *testing.T) {
	t.Parallel()
	taskstest.Golden(t, *update, jobs.Build)
	taskstest.Golden(t, *update, jobs.Delete)
	taskstest.Golden(t, *update, jobs.Forget)
	taskstest.Golden(t, *update, jobs.Power)
	taskstest.Golden(t, *update, jobs.Rebuild)
	taskstest.Golden(t, *update, jobs.Rescue)
	taskstest.Golden(t, *update, jobs.Attach)
	taskstest.Golden(t, *update, jobs.Detach)
	taskstest.Golden(t, *update, jobs.Password)
	taskstest.Golden(t, *update, jobs.Cleanup)
	taskstest.Golden(t, *update, jobs.Retire)
}
