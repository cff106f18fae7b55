package messaging_test

import (
	"context"
	"testing"

	"hypernova/oslo/fault"
	"hypernova/oslo/messaging"
	"hypernova/oslo/messaging/inproc"
)

// Arguments of the same method in two releases.
type (
	oldArgs  struct{ Name string }
	oldReply struct{ Text string }
	newArgs  struct {
		Name  string
		Style *string
		More  []struct{ Key, Value string }
	}
	newReply struct {
		Text  string
		Score int
	}
)

// age is the declarations of one release.
type age[Q, P any] struct {
	api   *messaging.API
	greet *messaging.Call[Q, P]
}

func declared[Q, P any]() age[Q, P] {
	api := messaging.NewAPI("ages")
	return age[Q, P]{api, messaging.NewCall[Q, P](api, "greet")}
}

func TestOlderAndNewerPeersUnderstandEachOther(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	bus, err := messaging.Open(ctx, "inproc:", inproc.Scheme)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := bus.Close(context.WithoutCancel(ctx)); err != nil {
			t.Error(err)
		}
	})
	before, after := declared[oldArgs, oldReply](), declared[newArgs, newReply]()
	onlyNew := messaging.NewCall[messaging.None, messaging.None](after.api, "later")

	old := messaging.NewServer(bus, before.api, "old")
	before.greet.Handle(old, func(_ context.Context, a oldArgs) (oldReply,
		error) {
		return oldReply{"old hello " + a.Name}, nil
	})
	young := messaging.NewServer(bus, after.api, "new")
	after.greet.Handle(young, func(_ context.Context, a newArgs) (newReply, error) {
		if a.Style == nil { // a field that an older peer does not send has its zero value
			return newReply{"new hello " + a.Name, 1}, nil
		}
		return newReply{*a.Style + " " + a.Name, 2}, nil
	})
	onlyNew.Handle(young, func(context.Context, messaging.None) (messaging.None, error) { return messaging.None{}, nil })
	for _, s := range []*messaging.Server{old, young} {
		s.Seal()
		if err := s.Listen(ctx); err != nil {
			t.Fatal(err)
		}
	}

	if r, err := before.greet.Do(ctx, bus, "new", oldArgs{"Ada"}); err != nil || r.Text != "new hello Ada" {
		t.Errorf("an old caller of a new peer: %+v, %v", r, err)
	}
	style := "hi"
	q := newArgs{Name: "Ada", Style: &style, More: []struct{ Key, Value string }{{"a", "b"}}}
	if r, err := after.greet.Do(ctx, bus, "old", q); err != nil || r != (newReply{Text: "old hello Ada"}) {
		t.Errorf("a new caller of an old peer: %+v, %v", r, err)
	}
	if r, err := after.greet.Do(ctx, bus, "new", q); err != nil || r != (newReply{"hi Ada", 2}) {
		t.Errorf("new ones among themselves: %+v, %v", r, err)
	}
	if _, err := onlyNew.Do(ctx, bus, "old", messaging.None{}); !fault.Is(err, fault.NotImplemented) {
		t.Errorf("a method that the old peer does not know: %v", err)
	}
}
