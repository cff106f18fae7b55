package messaging

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// A lapse behaves as a context of context.WithDeadline.
func TestLapseIsAContextWithADeadline(t *testing.T) {
	t.Parallel()
	type key struct{}
	type made struct {
		name string
		make func(context.Context, time.Time) (context.Context, context.CancelFunc)
	}
	for _, m := range []made{{"lapse", lapsing}, {"standard", context.WithDeadline}} {
		for _, looked := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				parent := context.WithoutCancel(context.WithValue(t.Context(), key{}, "v"))
				at := time.Now().Add(time.Minute)
				for _, late := range []bool{false, true} {
					ctx, cancel := m.make(parent, at)
					defer cancel()
					if looked {
						select {
						case <-ctx.Done():
							t.Errorf("%s: ended at once", m.name)
						default:
						}
					}
					if got, ok := ctx.Deadline(); !ok || !got.Equal(at) || ctx.Value(key{}) != "v" || ctx.Err() != nil {
						t.Errorf("%s: got %v, %v, %v, %v", m.name, got, ok, ctx.Value(key{}), ctx.Err())
					}
					child, stop := context.WithCancel(ctx)
					defer stop()
					want := context.Canceled
					if late {
						want = context.DeadlineExceeded
						time.Sleep(time.Until(at))
						synctest.Wait()
					} else {
						cancel()
					}
					if !errors.Is(ctx.Err(), want) {
						t.Errorf("%s, looked %t: got %v, want %v", m.name, looked, ctx.Err(), want)
					}
					<-ctx.Done()
					<-child.Done()
					if cancel(); !errors.Is(ctx.Err(), want) || !errors.Is(context.Cause(child), want) {
						t.Errorf("%s: after the end: %v, %v", m.name, ctx.Err(), context.Cause(child))
					}
				}
			})
		}
	}
}
