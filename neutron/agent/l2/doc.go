// Package l2 reconciles a host's bridges, taps, tunnels and packet filter with the state that neutron-server sends.
//
// It is a reconciler: Make turns the server's state into a Plan, Diff compares that with what the kernel has, and Apply carries out the
// difference. It keeps nothing that a restart would lose: after one, the first Apply finds everything in place and changes nothing, so no flow is
// interrupted. Whatever has a name of the agent's making and is not in the plan is removed.
//
// A guest is never connected unfiltered: what goes is unplugged before its rules go, and what comes is plugged in after its
// rules came.
package l2
