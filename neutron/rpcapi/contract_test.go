package rpcapi_test

import (
	"flag"
	"testing"

	"hypernova/neutron/rpcapi"
	"hypernova/oslo/messaging"
	"hypernova/oslo/messaging/contracttest"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestContracts shows what changed on the wire, and that peers of other ages are understood.
func TestContracts(t *testing.T) {
	t.Parallel()
	for _, api := range []*messaging.API{rpcapi.Agent, rpcapi.Plugin} {
		t.Run(api.Topic(), func(t *testing.T) {
			t.Parallel()
			contracttest.Golden(t, *update, api)
			contracttest.Evolve(t, api)
		})
	}
}
