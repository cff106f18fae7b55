package rpcapi

import "hypernova/oslo/messaging"

// Process is the role whose process the agents of a host are.
const Process = "neutron-agent"

// Agent is the topic that each host's network agent serves.
var Agent = messaging.NewAPI(Process)

// Changed tells one host that its state has moved on: a hint to pull again. Losing it costs a poll interval, nothing
// more.
var Changed = messaging.NewCast[ChangedArgs](Agent, "changed")

// ChangedArgs names the revision that made the server send the hint; an agent that has applied this revision may ignore
// it. Zero is "unknown, pull".
type ChangedArgs struct {
	Revision int64
}
