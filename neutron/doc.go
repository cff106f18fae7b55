package neutron

// The packages, in the order in which a request for a port passes them.
//
//	api          the Networking API v2.0 on the wire: a file per resource, and all policy rules
//	client       API, this package's contract with compute, over HTTP
//	plugin       puts the operations of all resources together over one database
//	networks     the operations on networks, subnets, ports and security groups, one package each: subnets, ports,
//	             secgroups; quota limits them
//	routers      the operations on routers, and the choice of the hosts that carry them
//	floatingips  the operations on floating IPs
//	compute      API on the database of this process
//	change       the unit of work of an operation: a transaction, the states of hosts and the servers that it concerns
//	hoststate    the desired network state of each host, in sections with revisions, and the hints to its agent
//	binding      binds ports to hosts with the mechanism drivers; dhcp keeps the DHCP ports that hosts need
//	addresses    the addresses of ports; ipam is the arithmetic
//	ml2          the contract of type and mechanism drivers; types, mech/bridge, mech/fake
//	store        the rows
//	agentserver  the server side of the network agents: records, pulls of host states, reports of ports
//	rpcapi       the messages between agentserver and the agents
//	agent        the process on a host that realises the host's state
//
// Invariants, and what holds them:
//
//   - An address, a MAC and a segment belong to one port or network: keys of addresses, ports and segments.
//   - A project never has more than its quota: rows are counted in the serializable transaction that adds some.
//   - A change commits with the revisions of the sections of all hosts that it concerns: hoststate.Changes, applied once
//     per change.Tx. The hint that follows may be lost.
//   - A port is ACTIVE only after the agent of its host has reported it, or at once if the mechanism needs no agent:
//     ports.Wired, ml2.Binding.Wired.
//   - A port that Allocate made is deleted with its server; one that it took is released as it was.
//   - A router's ports are those of router_ports, bound to the router's host: a change of its ports writes its row.
//   - A host has at most one DHCP port on a network, and none without another port there.
