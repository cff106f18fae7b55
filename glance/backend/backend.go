// Package backend is the contract of stores for image data, as glance_store's drivers.
package backend

import (
	"context"
	"io"
	"time"

	"hypernova/oslo/fault"
)

// Backend stores data under keys of letters, digits, dots, dashes and underscores. All methods may be called
// concurrently, block on the medium, and stop when ctx ends. An error of the medium that is not listed here is
// fault.Internal.
type Backend interface {
	// Put stores the data of r; a size of -1 is unknown. After success the data is durable and complete. After an error
	// nothing is left; an error of r is returned unchanged. fault.Conflict for a used key, fault.TooLarge if the medium
	// is full.
	Put(ctx context.Context, key string, r io.Reader, size int64) (int64, error)
	// Open opens length bytes from offset; a length of -1 is to the end. fault.NotFound. The caller closes the reader.
	Open(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error)
	// Delete deletes the data, and the incomplete data of a Put that a crash interrupted. It is idempotent.
	Delete(ctx context.Context, key string) error
	// Stat describes complete data. fault.NotFound.
	Stat(ctx context.Context, key string) (Info, error)
	// List returns all data, including incomplete data, in no particular order.
	List(ctx context.Context) ([]Info, error)
}

// Info describes the data of a key.
type Info struct {
	Key      string
	Size     int64
	Modified time.Time
	Partial  bool // a Put has not finished; it may be running
}

// Local is the capability of backends whose data is a file of this host.
type Local interface {
	// Path returns the file of complete data, which must not be changed. fault.NotFound.
	Path(ctx context.Context, key string) (string, error)
}

// Locator is the capability of backends whose data has a URL, for an image's locations.
type Locator interface {
	// URL returns the URL of data. It contains no credentials.
	URL(key string) string
	// Key returns the key of a URL of this backend that clients may name; false for any other URL.
	Key(url string) (string, bool)
}

// ReadOnly is the capability of backends that take no data: Put is fault.NotImplemented, Delete does nothing, and a
// key is a URL.
type ReadOnly interface{ ReadOnly() }

// CheckKey returns fault.Invalid for a malformed key, for example one that could be a path to another folder.
func CheckKey(key string) error {
	if key == "" || key[0] == '.' || len(key) > 200 {
		return fault.Invalidf("%q is no key of image data", key)
	}
	for i := range len(key) {
		c := key[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '_') {
			return fault.Invalidf("%q is no key of image data", key)
		}
	}
	return nil
}
