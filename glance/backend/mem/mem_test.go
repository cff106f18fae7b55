package mem_test

import (
	"testing"

	"hypernova/glance/backend"
	"hypernova/glance/backend/backendtest"
	"hypernova/glance/backend/mem"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	backendtest.Run(t, func(t *testing.T) backend.Backend { return &mem.Backend{} })
}
