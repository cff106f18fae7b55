package rpcapi

import (
	"time"

	"hypernova/neutron"
	"hypernova/oslo/messaging"
)

// Plugin is the topic that neutron-server serves for the agents.
var Plugin = messaging.NewAPI("neutron-plugin")

var (
	// HostState pulls what a host must realise. It only reads, so it may be repeated at will.
	HostState = messaging.NewCall[HostStateArgs, HostStateReply](Plugin, "host_state", messaging.Timeout(30*time.Second))
	// PortsWired reports facts about ports. Idempotent: an agent repeats a report until it was answered, and repeats
	// everything after a restart. Ports that the server no longer has, or has bound to another host, are ignored by the
	// server.
	PortsWired = messaging.NewCall[PortsWiredArgs, messaging.None](Plugin, "ports_wired",
		messaging.Timeout(30*time.Second))
	// AgentReport is the agents' heartbeat; the first one of a host makes the agents known.
	AgentReport = messaging.NewCall[AgentReportArgs, messaging.None](Plugin, "agent_report",
		messaging.Timeout(15*time.Second))
)

// HostStateArgs asks for the state of Host. Known is the revision that the agent has applied, zero at its start. Have
// are the revisions of the sections that it has; nil from an agent that knows no sections.
type HostStateArgs struct {
	Host  string
	Known int64
	Have  neutron.Revisions
}

// HostStateReply is the state, or Unchanged with State empty where the revision equals Known. Revisions are compared
// for equality only, so that a database that was restored from a backup is followed too.
//
// Sections are the revisions of all sections of the host: then State has only those that differ from Have. It is nil in
// answers to agents that know no sections, and from servers that know none: then State is whole.
type HostStateReply struct {
	Unchanged bool
	State     neutron.HostState
	Sections  neutron.Revisions
}

// PortsWiredArgs are the ports (ids) that a host has begun to carry, and those that it should carry and cannot.
// Reasons has a sentence for each port in Down.
type PortsWiredArgs struct {
	Host     string
	Up, Down []string
	Reasons  map[string]string
}

// AgentReportArgs says that the agents of a host are alive. TunnelIP is the host's end of overlay tunnels, in text,
// empty where it has none; Started is when the process began, from which the server tells a restart.
type AgentReportArgs struct {
	Host     string
	TunnelIP string
	Version  string
	Level    int
	Started  time.Time
	Agents   []AgentFacts
	Pulse    string // URL at which the agents' process answers beside the bus; empty: nowhere
}

// AgentFacts is one entry of the agents list: what OpenStack's clients know as a Linux bridge, DHCP or metadata agent,
// all of which are one process here.
type AgentFacts struct {
	Type   string // "Linux bridge agent", "DHCP agent", "L3 agent", "Metadata agent"
	Binary string // "neutron-linuxbridge-agent", "neutron-dhcp-agent", "neutron-metadata-agent"
	Topic  string
	Config map[string]string // shown as the agent's configurations
}
