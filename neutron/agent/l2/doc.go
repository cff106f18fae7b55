// Package l2 reconciles a host's bridges, taps, tunnels and packet filter with the state that neutron-server sends.
//
// It plans, compares and applies:
//
//	Part   plans one concern: bridges, DHCP namespaces, tunnels, taps, packet filter, routers (part_*.go)
//	Make   gives each section of the server's state to each part, and collects a Plan
//	Diff   compares the Plan with what the kernel has, per kind of object
//	Apply  carries out the difference
//
// A new concern, such as QoS, is a Part in a file of its own and a line in Parts. If it needs a new kind of
// kernel object, that is a field of Plan and of netdev.Snapshot, a comparison in comparisons, and verbs of netdev.Op.
//
// The package keeps no state that a restart would lose: after one, the first Apply finds everything in place and
// changes nothing, so no connection is interrupted. An object that has a name of the agent's making and is not in the
// plan is removed.
//
// A guest is never connected unfiltered: a port is unplugged before its rules are removed, and plugged in after its
// rules are loaded.
//
// A router forwards nothing before the rules in its namespace are loaded, and connections that they no longer translate
// are cut. Its ports are trusted by the filter of the bridges.
package l2
