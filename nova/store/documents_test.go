package store

import (
	"flag"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hypernova/nova"
	"hypernova/oslo/messaging/contracttest"
	"hypernova/oslo/tasks/taskstest"
)

var update = flag.Bool("update", false, "write the golden files anew")

// The golden files have a line for each form in which a document was ever stored; each must be read without loss.
func TestStoredDocumentsOfOlderReleasesAreRead(t *testing.T) {
	t.Parallel()
	taskstest.Record[flavorJSON](t, *update, "server.flavor")
	taskstest.Record[imageJSON](t, *update, "server.image")
	taskstest.Record[[]addressJSON](t, *update, "server.addresses")
	taskstest.Record[[]nicJSON](t, *update, "server.nics")
	taskstest.Record[faultJSON](t, *update, "server.fault")
	taskstest.Record[[]blockDeviceJSON](t, *update, "server.block_devices")
	taskstest.Record[map[string]string](t, *update, "server.metadata")
	taskstest.Record[[]string](t, *update, "server.security_groups")
	taskstest.Record[map[string]string](t, *update, "flavor.extra_specs")
	taskstest.Record[[]string](t, *update, "node.traits")
	taskstest.Record[[]string](t, *update, "aggregate.hosts")
	taskstest.Record[map[string]string](t, *update, "aggregate.metadata")
}

// A field that is added to one of these types and forgotten in its stored form would be lost.
func TestDocumentsKeepEveryField(t *testing.T) {
	t.Parallel()
	keeps(t, func(v nova.Flavor) nova.Flavor { return *flavorForm(&v).value() })
	keeps(t, func(v nova.ImageMeta) nova.ImageMeta { return *imageForm(&v).value() })
	keeps(t, func(v nova.Address) nova.Address { f := addressForm(&v); return f.value() })
	keeps(t, func(v nova.Fault) nova.Fault { return *faultForm(&v).value() })
	keeps(t, func(v nova.BlockDevice) nova.BlockDevice { f := blockDeviceForm(&v); return f.value() })
	keeps(t, func(v nova.NIC) nova.NIC { f := nicForm(&v); return f.value() })
}

func keeps[T any](t *testing.T, through func(T) T) {
	t.Helper()
	want := contracttest.Filled[T]()
	compare := cmp.Options{cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
		cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })}
	if diff := cmp.Diff(want, through(want), compare); diff != "" {
		t.Error(diff)
	}
}
