package scenarios

import (
	"testing"

	"hypernova/cloudtest"
	"hypernova/cloudtest/scenario"
	"hypernova/tests/running"
)

// TestStories tells every story of this folder to a cloud of its own in this process.
func TestStories(t *testing.T) {
	t.Parallel()
	scenario.Run(t, "*.txtar", func(t *testing.T, o scenario.Options) scenario.Cloud {
		return cloudtest.New(t, cloudtest.Stories(o)...).Story()
	})
}

// TestStoriesInSeparateProcesses tells them to clouds whose controller and hosts are processes of the built program.
func TestStoriesInSeparateProcesses(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds and starts the program")
	}
	binary := running.Binary(t)
	scenario.Run(t, "*.txtar", func(t *testing.T, o scenario.Options) scenario.Cloud { return startProcesses(t, binary, o) })
}
