// Package backend is the contract of stores for image data, as glance_store's drivers.
package backend

import (
	"context"
	"io"
	"time"

	"hypernova/oslo/fault"
)

// Backend keeps data under keys that the caller makes up: letters, digits, dots and dashes. All methods may be called
// concurrently, block on the medium, and end with ctx. Any failure of the medium that is not named here is Internal.
type Backend interface {
	// Put stores what r gives until its end; size is -1 where it is not known. When it returns without error the data is
	// durable and whole. On any error, r's own included (which is returned as it is), nothing is left. A key is used
	// once: fault.Conflict. A full medium is fault.TooLarge.
	Put(ctx context.Context, key string, r io.Reader, size int64) (int64, error)
	// Open reads length bytes from offset; length -1 is to the end. fault.NotFound. The caller closes the reader.
	Open(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error)
	// Delete removes the data and what a Put that was cut off by a crash left of it. Absent is no error.
	Delete(ctx context.Context, key string) error
	// Stat is fault.NotFound for data that is not there or not whole.
	Stat(ctx context.Context, key string) (Info, error)
	// List tells everything that is there, half stored data included, in no order.
	List(ctx context.Context) ([]Info, error)
}

// Info is what a backend knows of one key.
type Info struct {
	Key      string
	Size     int64
	Modified time.Time
	Partial  bool // a Put has not finished; it may be under way
}

// Local is the capability of showing data as a file of this host, to clone or copy without a stream.
type Local interface {
	// Path is the file of whole data, which must not be changed; fault.NotFound.
	Path(ctx context.Context, key string) (string, error)
}

// Locator is the capability of naming data by a URL, as the locations of an image do.
type Locator interface {
	// URL names data. It holds no credentials.
	URL(key string) string
	// Key is of a URL of this place that a client may name; false for all others.
	Key(url string) (string, bool)
}

// ReadOnly is the capability of a place that others fill: Put is fault.NotImplemented, Delete removes nothing, and a
// key is a URL.
type ReadOnly interface{ ReadOnly() }

// CheckKey is fault.Invalid for what is no key: it could be a path out of the place.
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
