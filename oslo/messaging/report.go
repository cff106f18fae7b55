package messaging

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"time"
)

// reported is the largest number of messages in a report.
const reported = 50

// Report writes the messages that are being handled and those that wait for a handler.
func (s *Server) Report(w io.Writer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	waiting := map[*work]bool{}
	for _, x := range s.queue {
		waiting[x] = true
	}
	for _, l := range s.lanes {
		for _, x := range l.queue {
			waiting[x] = true
		}
	}
	fmt.Fprintf(w, "  messages in flight: %d\n", len(s.custody))
	fmt.Fprintf(w, "  queue of %s: %d wait for one of %d handlers\n", s.api.topic, len(waiting), s.limit)
	all := make([]*work, 0, len(s.custody))
	for _, x := range s.custody {
		all = append(all, x)
	}
	// Running messages first, then waiting ones; sorted by id, so that two reports can be compared.
	rank := func(x *work) int {
		if waiting[x] {
			return 1
		}
		return 0
	}
	slices.SortFunc(all, func(a, b *work) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)),
			cmp.Compare(a.m.ID, b.m.ID))
	})
	for i, x := range all {
		if i == reported {
			fmt.Fprintf(w, "    and %d more\n", len(all)-reported)
			break
		}
		state := "handled"
		if waiting[x] {
			state = "waits"
		}
		left := "no deadline"
		if at, ok := x.ctx.Deadline(); ok {
			left = time.Until(at).Round(time.Millisecond).String() + " left"
		}
		fmt.Fprintf(w, "    %s %s.%s of %s: %s, %s, request %s\n", x.m.Kind, x.m.Topic, x.m.Method, x.m.Sender,
			state, left, x.m.Request)
	}
}
