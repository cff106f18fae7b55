// Package rpcapi declares the RPC methods between neutron-server and its agents.
//
// The bus carries hints, the database the truth. The server casts Changed to a host when something on it may differ;
// the agent pulls HostState, which is everything the host must realise, applies it and reports the ports that are
// wired. A lost message makes work later, never wrong: agents also pull at start and every few seconds.
package rpcapi

// Level is the service level of this build; it grows by one when a message gains a meaning that an older receiver would
// miss.
const Level = 1
