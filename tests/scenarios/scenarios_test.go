// Package scenarios runs the scenario scripts on clouds in one and in many processes, and kills processes at every
// step.
package scenarios

import (
	"testing"

	"hypernova/cloudtest"
	"hypernova/cloudtest/scenario"
	"hypernova/tests/layout"
	"hypernova/tests/running"
)

// TestScenarios runs every scenario of this folder on a new cloud in this process.
func TestScenarios(t *testing.T) {
	t.Parallel()
	scenario.Run(t, "*.txtar", func(t *testing.T, o scenario.Options) scenario.Cloud {
		return cloudtest.New(t, cloudtest.Stories(o)...).Story()
	})
}

// TestScenariosInProcesses runs them on clouds of several processes, in each layout.
func TestScenariosInProcesses(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds and starts the program")
	}
	binary := running.Binary(t)
	for _, shape := range []layout.Shape{layout.Controller(), layout.Namespaces(), layout.Split()} {
		t.Run(shape.Name, func(t *testing.T) {
			t.Parallel()
			tell(t, binary, shape)
		})
	}
	t.Run("split-rabbit", func(t *testing.T) {
		t.Parallel()
		tell(t, binary, layout.SplitOnRabbit(layout.Rabbit(t)))
	})
}

func tell(t *testing.T, binary string, shape layout.Shape) {
	scenario.Run(t, "*.txtar", func(t *testing.T, o scenario.Options) scenario.Cloud {
		return layout.Start(t,
			binary, shape, o)
	})
}

func TestMain(m *testing.M) { layout.Main(m) }
