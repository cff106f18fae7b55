// Package lock provides mutexes by key, for example one for each server.
package lock

import (
	"context"
	"sync"

	"hypernova/oslo/fault"
)

// Keyed is a mutex per key. The zero value is ready to use. A key that is not held uses no memory.
type Keyed[K comparable] struct {
	mu   sync.Mutex
	keys map[K]*entry // guarded by mu
}

type entry struct {
	users int           // holders and waiters; guarded by the Keyed's mutex
	token chan struct{} // capacity 1: holds the token while the key is free
}

// Lock locks a key. It blocks until the key is free, or returns fault.Unavailable when ctx ends. The returned function
// unlocks the key; further calls do nothing. The lock is not reentrant: a goroutine that locks a key twice deadlocks.
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

// Do locks the key, runs fn and unlocks it. It returns the error of fn, or fault.Unavailable if ctx ended before.
func (k *Keyed[K]) Do(ctx context.Context, key K, fn func() error) error {
	unlock, err := k.Lock(ctx, key)
	if err != nil {
		return err
	}
	defer unlock()
	return fn()
}

// Held returns the number of keys that are held or waited for.
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
