//go:build linux

package agent

import (
	"io"
	"testing"

	"hypernova/neutron"
)

// TestTwoCloudsOnOneMachine: equal addresses, other rules. What one cloud does, clearing its host included, the other's
// guests do not notice.
func TestTwoCloudsOnOneMachine(t *testing.T) {
	t.Parallel()
	one := newTestHost(t, newController(), Config{Host: "one", Owner: 1})
	two := newTestHost(t, newController(), Config{Host: "two", Owner: 2})
	two.halt()
	two.conf.Netns, two.space = one.conf.Netns, one.space
	two.boot()

	open, shut := group(allow("tcp", 7)), group()
	lan1, lan2 := newLAN("local", 0), newLAN("local", 0)
	a1, b1 := lan1.port(open.ID), lan1.port(open.ID)
	a2, b2 := lan2.port(shut.ID), lan2.port(shut.ID)
	one.apply(neutron.HostState{Networks: []neutron.HostNetwork{lan1.HostNetwork}, Groups: []neutron.HostGroup{open}})
	two.apply(neutron.HostState{Networks: []neutron.HostNetwork{lan2.HostNetwork}, Groups: []neutron.HostGroup{shut}})
	ga1, gb1, ga2, gb2 := one.power(a1), one.power(b1), two.power(a2), two.power(b2)
	take(ga1, lease(t, ga1, a1.MAC))
	take(gb1, lease(t, gb1, b1.MAC))
	take(ga2, lease(t, ga2, a2.MAC))
	take(gb2, lease(t, gb2, b2.MAC))
	serve(t, gb1, 7)
	serve(t, gb2, 7)
	c, err := dial(t, ga1, ip(b1), 7, soon)
	if err != nil {
		t.Fatal(err)
	}
	refused(t, ga2, ip(b2), 7)

	// New rules, a restart, and then nothing at all: in the second cloud.
	two.apply(neutron.HostState{Networks: []neutron.HostNetwork{lan2.HostNetwork},
		Groups: []neutron.HostGroup{{ID: shut.ID}}})
	two.halt()
	two.boot()
	two.round()
	two.apply(neutron.HostState{})
	if err := echo(c, "still here", soon); err != nil {
		t.Errorf("a connection of the first cloud did not survive what the second did: %v", err)
	}
	reaches(t, ga1, ip(b1), 7)
	one.apply(neutron.HostState{Networks: []neutron.HostNetwork{lan1.HostNetwork},
		Groups: []neutron.HostGroup{{ID: open.ID}}})
	refused(t, ga1, ip(b1), 7)
	if err := echo(c, "gone", never); err == nil || err == io.EOF {
		t.Errorf("a connection that the first cloud's rules no longer allow goes on: %v", err)
	}
}
