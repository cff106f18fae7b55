package rooms

import (
	"flag"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write docs/rooms.md anew")

func TestListOfRoomsIsCurrent(t *testing.T) {
	t.Parallel()
	const path = "../../docs/rooms.md"
	want, err := Page("../..")
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, string(got)); d != "" {
		t.Errorf("docs/rooms.md is not what the rooms say; make golden writes it (-rooms +page):\n%s", d)
	}
}
