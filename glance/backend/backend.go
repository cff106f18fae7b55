// Package backend is the contract of places that keep image data.
package backend

import (
	"context"
	"io"
	"time"
)

// Backend keeps data under keys that the caller makes up: letters, digits, dots and dashes. All methods may be called concurrently, block on the
// medium, and end with ctx. Any failure of the medium that is not named here is Internal.
type Backend interface {
	// Put stores what r gives until its end; size is -1 where it is not known. When it returns without error the data is durable and
	// whole. On any error, r's own included (which is returned as it is), nothing is left. A key is used once: fault.Conflict.
	// A full medium is fault.TooLarge.
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
