// Package lock provides mutexes by key, for example one for each server.
package lock

import (
	"context"
	"sync"

	"hypernova/oslo/fault"
)

// Keyed is a mutex per key. The zero value is ready; keys that nobody holds or waits for cost nothing.
type Keyed[K comparable] struct {
	mu   sync.Mutex
	keys map[K]*entry // guarded by mu
}

type entry struct {
	users int           // holders and waiters; guarded by the Keyed's mutex
	token chan struct{} // capacity 1: holds the token while the key is free
}

// Lock blocks until the key is free or ctx ends, which is fault.Unavailable. The returned function unlocks, once;
// further calls do nothing. A goroutine that locks a key twice waits for itself.
func (k *Keyed[K]) Lock(ctx context.Context, key K) (unlock func(), err error) {
	k.mu.Lock()
	if k.keys == nil {
		k.keys = map[K]*entry{}
	}
	e := k.keys[key]
	if e == nil {
		e = &entry{token: make(chan struct{}, 1)}
		e.token <- struct{}{}
		k.keys[key] = e
	}
	e.users++
	k.mu.Unlock()
	select {
	case <-e.token:
		return sync.OnceFunc(func() {
			e.token <- struct{}{}
			k.leave(key, e)
		}), nil
	case <-ctx.Done():
		k.leave(key, e)
		return nil, fault.Unavailablef("gave up waiting for another operation on %v", key).Because(context.Cause(ctx))
	}
}

// Do runs fn while it holds the key.
func (k *Keyed[K]) Do(ctx context.Context, key K, fn func() error) error {
	unlock, err := k.Lock(ctx, key)
	if err != nil {
		return err
	}
	defer unlock()
	return fn()
}

// Held is how many keys are held or waited for.
func (k *Keyed[K]) Held() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.keys)
}

func (k *Keyed[K]) leave(key K, e *entry) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if e.users--; e.users == 0 {
		delete(k.keys, key)
	}
}
