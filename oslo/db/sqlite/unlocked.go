package sqlite

import (
	"database/sql/driver"
	"reflect"
	"unsafe"

	lib "modernc.org/sqlite/lib"
)

// unlocked removes the mutex of a new connection, as the flag SQLITE_OPEN_NOMUTEX does, which the driver does not
// offer. It reports whether it did: a connection of an unknown form keeps its mutex, and is slower.
//
// SQLite locks that mutex in each call, and each text of a row takes three calls. That is a quarter of the CPU time of
// a list. The mutex is not needed: database/sql lets one goroutine at a time use a connection. sqlite3_interrupt, which
// the driver calls from another goroutine when a context ends, locks no mutex. The mutex's memory is not freed.
func unlocked(c driver.Conn) bool {
	v := reflect.ValueOf(c)
	if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
		return false
	}
	f := v.Elem().FieldByName("db")
	if !f.IsValid() || f.Kind() != reflect.Uintptr || f.IsZero() {
		return false
	}
	handle := uintptr(f.Uint())
	(*(**lib.Tsqlite3)(unsafe.Pointer(&handle))).Fmutex = 0 // memory of SQLite, which Go's collector does not move
	return true
}
