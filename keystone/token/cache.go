package token

import (
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"hypernova/oslo/auth"
)

// cacheMax bounds the number of validated tokens in memory, at about 1 KiB each. The least recently used leave first.
const cacheMax = 20_000

// cache keeps the callers of validated tokens, each with the epoch that it was validated under. An entry of another
// epoch is not used.
type cache struct{ entries *lru.Cache[string, cached] }

type cached struct {
	caller *auth.Caller
	epoch  int64
	until  time.Time
}

func newCache() *cache {
	entries, err := lru.New[string, cached](cacheMax)
	if err != nil {
		panic(err) // the size is a positive constant
	}
	return &cache{entries}
}

// get returns the caller of a token that was validated under this epoch and has not expired since, or nil.
func (c *cache) get(token string, epoch int64, now time.Time) *auth.Caller {
	e, ok := c.entries.Get(token)
	if !ok || e.epoch != epoch || !now.Before(e.caller.Expires) || !now.Before(e.until) {
		return nil
	}
	return e.caller
}

// put keeps the caller of a token that was validated under this epoch, until a time.
func (c *cache) put(token string, epoch int64, caller *auth.Caller, until time.Time) {
	c.entries.Add(token, cached{caller, epoch, until})
}
