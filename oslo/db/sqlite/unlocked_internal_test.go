package sqlite

import (
	"path/filepath"
	"reflect"
	"testing"
	"unsafe"

	sqlite "modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"
)

func TestConnectionsHaveNoMutex(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "db")
	c, err := connector{&sqlite.Driver{}, dsn(path, "FULL", true)}.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	if !unlocked(c) {
		t.Fatal("the driver's connection has another form than unlocked knows")
	}
	handle := uintptr(reflect.ValueOf(c).Elem().FieldByName("db").Uint())
	if m := (*(**lib.Tsqlite3)(unsafe.Pointer(&handle))).Fmutex; m != 0 {
		t.Errorf("mutex %#x, want none", m)
	}
}
