package virt

import "time"

// CacheOptions are section [image_cache].
type CacheOptions struct {
	Interval time.Duration `conf:"manager_interval" default:"2400" min:"-1" help:"How often a host looks for images that no server of it uses; 0 is every minute, -1 never."`
	Remove   bool          `conf:"remove_unused_base_images" default:"true" help:"Whether a host removes images that no server of it uses."`
	MinAge   time.Duration `conf:"remove_unused_original_minimum_age_seconds" default:"86400" min:"0" help:"For how long no server used an image that is removed for its age."`
	// Precache is read by the conductor.
	Precache  int   `conf:"precache_concurrency" default:"1" min:"1" help:"How many hosts fetch images at once for a request to cache images on an aggregate."`
	MaxUnused int64 `conf:"max_unused_mb" default:"20480" min:"0" help:"How much disk images that no server uses may take together, in MiB: before another one is fetched the longest unused go. 0 is no bound."`
}

// Policy is what may be removed; minFree is in bytes.
func (c *CacheOptions) Policy(minFree int64) CachePolicy {
	if !c.Remove {
		return CachePolicy{MinAge: -1}
	}
	return CachePolicy{MinAge: c.MinAge, MaxUnused: c.MaxUnused << 20, MinFree: minFree}
}

// Every is how often the cache is looked at, as a periodic task takes it.
func (c *CacheOptions) Every() time.Duration {
	if c.Interval == 0 {
		return time.Minute
	}
	return c.Interval
}
