package virttest

import (
	"slices"
	"testing"

	"hypernova/nova/virt"
)

func TestEveryCapabilityHasATest(t *testing.T) {
	t.Parallel()
	tests := capabilityTests()
	for _, c := range virt.Capabilities()[1:] { // the first is virt.Driver, which the rest of the suite tests
		if !slices.ContainsFunc(tests, func(x test) bool { return x.capability == c.Interface }) {
			t.Errorf("no test of the suite is about virt.%s", c.Interface)
		}
	}
}
