package surface

import (
	"net/http"
	"sync"
	"testing"

	"hypernova/tests/stories"
)

// clients is how many send the same request at once.
const clients = 4

// TestOneOfManyWins sends what can succeed only once from several clients at once: creations under a name that must be unique, writes
// that name a generation or a revision, and deletions. Exactly one has what it wants and the others are told of the conflict, or that
// nothing is there.
func TestOneOfManyWins(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p part, e engine) {
		c := cloud(t, p, e)
		raced := 0
		for _, story := range p.tales() {
			race := &race{t: t, p: stories.Tell(t, c, p.minor)}
			race.p.Run(story, stories.Listener{Send: race.send})
			raced += race.n
		}
		if raced < 14 {
			t.Errorf("only %d requests were sent at once", raced)
		}
	})
}

type race struct {
	t *testing.T
	p *stories.Telling
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
