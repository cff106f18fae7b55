package service

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"hypernova/oslo/fault"
	"hypernova/oslo/log"
)

// firstAgain is the pause after a heartbeat that did not arrive; it grows up to the interval.
const firstAgain = 250 * time.Millisecond

// membership is what a service knows of its place in the group.
type membership struct {
	mu     sync.Mutex // guards what follows
	id     string
	joined time.Time // of the record, or the last heartbeat that arrived; what is silence is measured from here
	beats  int
	lost   error // why the last heartbeat did not arrive; nil: it did
}

func (m *membership) note(id string, err error) (was error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	was, m.lost = m.lost, err
	if err == nil {
		m.id, m.joined = id, time.Now()
		m.beats++
	} else if m.joined.IsZero() {
		m.joined = time.Now()
	}
	return was
}

// trouble is why the last heartbeat did not arrive.
func (m *membership) trouble() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.lost
}

func (m *membership) report(w io.Writer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.joined.IsZero():
		fmt.Fprintln(w, "  service group: not a member yet")
	case m.lost != nil:
		fmt.Fprintf(w, "  service group: heartbeats have not arrived for %v: %v\n", time.Since(m.joined).Round(time.Millisecond), m.lost)
	default:
		fmt.Fprintf(w, "  service group: member %s, %d heartbeats, the last one %v ago\n", m.id, m.beats, time.Since(m.joined).Round(time.Millisecond))
	}
}

// heartbeats makes the service a member of the group and keeps it one, until the returned function ends it and tells the record's id.
// A heartbeat that fails is no reason to stop working: the log says when the group is lost and when it is back. Heartbeats have a
// goroutine of their own, so that no work is in their way.
func (s *manager) heartbeats(ctx context.Context, id string) (stop func() string) {
	if s.group == nil {
		return func() string { return "" }
	}
	begin := time.Now()
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // a draining service is alive until it has left
	ended := make(chan struct{})
	if id = s.beat(ctx, id); s.member.trouble() == nil {
		s.did(ctx, "service group", begin, "id", id, "every", s.o.ReportInterval.String(), "down_after", s.o.DownTime.String())
	}
	go func() {
		defer close(ended)
		t := time.NewTimer(s.o.ReportInterval)
		defer t.Stop()
		again := firstAgain
		for {
			select {
			case <-t.C:
			case <-ctx.Done():
				return
			}
			begin := time.Now()
			id = s.beat(ctx, id)
			wait := s.o.ReportInterval - time.Since(begin)
			if s.member.trouble() != nil {
				wait, again = min(again, s.o.ReportInterval), 2*again
			} else {
				again = firstAgain
			}
			t.Reset(max(wait, 0))
		}
	}()
	return func() string { cancel(); <-ended; return id }
}

// beat sends one heartbeat and answers the record's id, which is another one where the record had to be made anew.
func (s *manager) beat(ctx context.Context, id string) string {
	err := contained(ctx, "heartbeat", s.m.Binary, func() error {
		one, cancel := context.WithTimeout(ctx, s.o.ReportInterval)
		defer cancel()
		err := s.group.Beat(one, id)
		if fault.Is(err, fault.NotFound) {
			var again string
			if again, err = s.group.Join(one, s.self()); err == nil {
				id = again
			}
		}
		return err
	})
	if ctx.Err() != nil {
		return id
	}
	was := s.member.note(id, err)
	switch l := log.From(ctx).With("service", s.m.Binary, log.Host, s.m.Host); {
	case err == nil && was != nil:
		l.InfoContext(ctx, "heartbeats arrive again")
	case err != nil && was == nil:
		l.ErrorContext(ctx, "heartbeat does not arrive; others will see this service as down. It goes on working, and trying", log.Err, err.Error())
	}
	return id
}

// leave says to the group that the service stops on purpose.
func (s *manager) leave(ctx context.Context, id string) error {
	if s.group == nil {
		return nil
	}
	begin := time.Now()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), parting) // ctx ended: that is why we leave
	defer cancel()
	if err := s.group.Leave(ctx, id); err != nil && !fault.Is(err, fault.NotFound) {
		return fmt.Errorf("leave the service group: %w", err)
	}
	s.did(ctx, "left the service group", begin, "id", id)
	return nil
}
