package surface

import (
	"net/http"
	"sync"
	"testing"

	"hypernova/tests/stories"
)

// clients is the number of clients that send the same request at the same time.
const clients = 4

// TestConcurrentRequests sends requests that can succeed only once from several clients at the same time: creations
// with a unique name, updates with a generation or a revision, and deletions. Exactly one must succeed. The others must
// get 409, or 404 after a deletion.
func TestConcurrentRequests(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p part, e engine) {
		c := cloud(t, p, e)
		raced := 0
		for _, sequence := range p.sequences() {
			race := &race{t: t, p: stories.NewRunner(t, c, p.minor)}
			race.p.Run(sequence, stories.Hooks{Send: race.send})
			raced += race.n
		}
		if raced < 14 {
			t.Errorf("only %d requests were sent at once", raced)
		}
	})
}

type race struct {
	t *testing.T
	p *stories.Runner
	n int
}

func (x *race) send(r *stories.Request) *stories.Answer {
	x.t.Helper()
	again := r.Step.Again
	if again < http.StatusBadRequest || r.Step.Want >= http.StatusBadRequest {
		return x.p.Send(r)
	}
	x.n++
	answers := make([]*stories.Answer, clients)
	errs := make([]error, clients)
	start := make(chan struct{})
	var done sync.WaitGroup
	for i := range clients {
		done.Go(func() {
			<-start
			answers[i], errs[i] = x.p.Try(r.Who, r)
		})
	}
	close(start)
	done.Wait()
	var winner *stories.Answer
	for i, a := range answers {
		switch {
		case errs[i] != nil:
			x.t.Fatal(errs[i])
		case a.Status == r.Step.Want && winner == nil:
			winner = a
		case a.Status == r.Step.Want:
			x.t.Errorf("%s: two clients have won", r.Step.Call)
		case a.Status != again:
			x.t.Errorf("%s: who comes too late gets %d, want %d: %.300s", r.Step.Call, a.Status, again, a.Body)
		}
	}
	if winner == nil {
		x.t.Errorf("%s: nobody has won", r.Step.Call)
		return answers[0]
	}
	return winner
}
