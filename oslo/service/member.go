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

// firstAgain is the pause after a failed heartbeat. It doubles up to ReportInterval.
const firstAgain = 250 * time.Millisecond

// membership is the state of this service's membership in the service group.
type membership struct {
	mu     sync.Mutex // guards the fields below
	id     string
	joined time.Time // time of the last successful heartbeat, or of the join
	beats  int
	lost   error // error of the last heartbeat; nil if it succeeded
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

// trouble returns the error of the last heartbeat, nil if it succeeded.
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
		fmt.Fprintf(w, "  service group: heartbeats have not arrived for %v: %v\n",
			time.Since(m.joined).Round(time.Millisecond), m.lost)
	default:
		fmt.Fprintf(w, "  service group: member %s, %d heartbeats, the last one %v ago\n", m.id, m.beats,
			time.Since(m.joined).Round(time.Millisecond))
	}
}

// heartbeats sends a heartbeat now and then every ReportInterval, until the returned function stops it. That function
// returns the id of the service record. A failed heartbeat does not stop the service: the log records when heartbeats
// fail and when they resume. Heartbeats run on a goroutine of their own, so slow work cannot delay them.
func (s *manager) heartbeats(ctx context.Context, id string) (stop func() string) {
	if s.group == nil {
		return func() string { return "" }
	}
	begin := time.Now()
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // heartbeats continue while the service drains
	ended := make(chan struct{})
	if id = s.beat(ctx, id); s.member.trouble() == nil {
		s.logStep(ctx, "service group", begin, "id", id, "every", s.o.ReportInterval.String(), "down_after",
			s.o.DownTime.String())
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

// beat sends one heartbeat and returns the id of the service record. The id changes if the record was deleted and had
// to be created again.
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
		l.InfoContext(ctx, "heartbeats resumed")
	case err != nil && was == nil:
		l.ErrorContext(ctx, "heartbeat failed; the service group will report this service as down", log.Err, err.Error())
	}
	return id
}

// leave records in the service group that the service stopped on purpose.
func (s *manager) leave(ctx context.Context, id string) error {
	if s.group == nil {
		return nil
	}
	begin := time.Now()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), parting) // ctx has ended already
	defer cancel()
	if err := s.group.Leave(ctx, id); err != nil && !fault.Is(err, fault.NotFound) {
		return fmt.Errorf("leave the service group: %w", err)
	}
	s.logStep(ctx, "left the service group", begin, "id", id)
	return nil
}
