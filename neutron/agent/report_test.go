package agent

import (
	"context"
	"log/slog"
	"strings"
	"testing"

	"hypernova/neutron"
	"hypernova/neutron/agent/metadata"
	"hypernova/oslo/fault"
	"hypernova/oslo/service"
)

func TestTheReportTellsOfTheLoop(t *testing.T) {
	t.Parallel()
	s := &fakeServer{away: true}
	a := testAgent(&fakeHost{broken: map[string]string{"b": "no device"}}, s)
	says := func(texts ...string) {
		t.Helper()
		var out strings.Builder
		a.Report(&out)
		for _, x := range texts {
			if !strings.Contains(out.String(), x) {
				t.Errorf("the report lacks %q:\n%s", x, &out)
			}
		}
	}
	says("neutron-agent on h1", "service group: not a member yet", "not run yet")
	if err := a.noted(t.Context()); !fault.Is(err, fault.Unavailable) {
		t.Errorf("got %v", err)
	}
	says("1 rounds", "error: away")
	s.away, s.reply = false, ports(7, "DOWN", "a", "b")
	if err := a.noted(t.Context()); err != nil {
		t.Fatal(err)
	}
	says("2 rounds", "error: <nil>", "revision 7: 1 networks, 1 ports wired, 1 not")
}

func TestTheReportNamesWhatAnswersGuests(t *testing.T) {
	t.Parallel()
	quiet := slog.New(slog.DiscardHandler)
	x := newLinux(Config{}, quiet)
	var err error
	c := metadata.Config{Target: "http://controller:8775", Secret: "s"}
	if x.proxy, err = metadata.New(c, func(string) {}, quiet); err != nil {
		t.Fatal(err)
	}
	one, two := newAnswers(t.Context(), neutron.HostNetwork{ID: "net-1"}),
		newAnswers(t.Context(), neutron.HostNetwork{ID: "net-2"})
	for _, a := range []*answers{one, two} {
		for _, what := range []string{"metadata", "dhcp"} {
			a.run(quiet, what, func(ctx context.Context) error { <-ctx.Done(); return nil })
		}
	}
	x.serving("qdhcp-1", one)
	x.serving("qdhcp-2", two)
	two.stop()
	var out strings.Builder
	x.report(&out)
	for _, want := range []string{"metadata: 0 requests in flight", "network net-1 in qdhcp-1: metadata, dhcp answer\n",
		"network net-2 in qdhcp-2: metadata, dhcp have ended"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report lacks %q:\n%s", want, &out)
		}
	}
	one.stop()
}

// A process answers for the agent, which is a member of a service group although it is more than its manager.
func TestTheAgentHasAPulse(t *testing.T) {
	t.Parallel()
	var s service.Service = testAgent(&fakeHost{}, &fakeServer{})
	inner, ok := s.(service.Wrapper)
	if !ok || inner.Inner().Name() != Binary {
		t.Fatal("the agent hides its member")
	}
}
