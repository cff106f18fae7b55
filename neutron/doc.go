package neutron

// The house, room by room. A request for a port goes down this list and back.
//
//	api        the Networking API v2.0 on the wire: a file per resource, and all policy rules
//	client     the API contract of this package over HTTP, for a compute in another process
//	networks   the verbs of networks, subnets and ports, and the API contract in this process
//	secgroups  the verbs of security groups; quota: what a project may have; agents: the agents' topic and records
//	hosts      what each host must realise, its revision, and the hints that it has moved on
//	ml2        the contract of network types and mechanisms; types, mech/bridge, mech/fake
//	ipam       the arithmetic of addresses
//	store      the rows
//	rpcapi     the messages between neutron-server and the hosts' agents
//	agent      the process on a host that realises all this
//
// Invariants, and what holds them:
//
//   - An address, a MAC and a segment belong to one port or network: keys of addresses, ports and segments.
//   - A project never has more than its quota: rows are counted in the serializable transaction that adds some.
//   - A change and the revisions of all hosts that it concerns commit together: hosts.Changes, applied once per verb. The hint that follows may be lost.
//   - A port is ACTIVE only after the host that it is bound to has said so, or a mechanism that needs nobody to: networks.Wired, ml2.Binding.Wired.
//   - A port that Allocate made goes with its server; one that it took is given back as it was found.
//   - A host has at most one DHCP port on a network, and none without another port there.
