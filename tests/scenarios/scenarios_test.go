package scenarios

import (
	"testing"

	"hypernova/cloudtest"
	"hypernova/cloudtest/scenario"
)

// TestStories tells every story of this folder to a cloud of its own in this process.
func TestStories(t *testing.T) {
	t.Parallel()
	scenario.Run(t, "*.txtar", func(t *testing.T, o scenario.Options) scenario.Cloud {
		return cloudtest.New(t, cloudtest.Stories(o)...).Story()
	})
}
