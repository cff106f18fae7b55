package virt

import (
	"context"
	"time"

	"hypernova/nova"
)

// ImageCache is the capability of keeping images on the host for the servers that are built from them next.
type ImageCache interface {
	// CachedImages lists what is kept, by name. It changes nothing, and may be called without Init beside a process that
	// uses the host.
	CachedImages(ctx context.Context) ([]CachedImage, error)
	// CleanImages removes images that no server of this host stands on, as the policy says, and makes sure of the data of
	// one that stays. It is safe beside builds: an image that one of them has taken, or takes meanwhile, stays. Killed
	// anywhere, it leaves a cache in which each image is there whole or is not there.
	CleanImages(ctx context.Context, p CachePolicy) (CacheCleaning, error)
	// FetchImage puts an image into the cache for servers that are built later, and marks it as used now. It blocks for
	// the download, which it shares with builds of the same image. fetched is false if the image was there.
	FetchImage(ctx context.Context, image nova.ImageMeta, images Images) (fetched bool, err error)
}

// CachePolicy says which images may go. Those that servers use never do.
type CachePolicy struct {
	MinAge    time.Duration // images that nobody used for so long go; negative: none goes for its age
	MaxUnused int64         // bytes that unused images may take together, the longest unused go first; 0: any number
	MinFree   int64         // bytes that must be free on the disk: while they are not, unused images go; 0: any number
}

// CachedImage is one image that is kept.
type CachedImage struct {
	Name    string    // of the cache's own
	Image   string    // the image's id
	Bytes   int64     // on the disk
	Servers int       // how many servers of this host stand on it
	Used    time.Time // when a server was last seen to use it
	Damaged bool      // its data is not what was fetched: the next build fetches it again
}

// CacheCleaning is what CleanImages did and found.
type CacheCleaning struct {
	Removed []CachedImage
	Damaged []CachedImage // found damaged now, also where they were removed
	Kept    []CachedImage
}

// Unused is how many bytes the images take that no server uses.
func Unused(images []CachedImage) (bytes int64) {
	for _, i := range images {
		if i.Servers == 0 {
			bytes += i.Bytes
		}
	}
	return bytes
}
