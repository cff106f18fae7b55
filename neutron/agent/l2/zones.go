package l2

import (
	"strconv"
	"strings"

	"hypernova/neutron"
	"hypernova/neutron/agent/netdev"
	"hypernova/neutron/agent/nft"
)

const noteHead = "hypernova zone "

// note keeps a network's zone at its bridge, where a restarted agent finds it.
func note(zone uint16) string { return noteHead + strconv.Itoa(int(zone)) }

// noted is the zone that a bridge's note says.
func noted(l netdev.Link) (uint16, bool) {
	text, ok := strings.CutPrefix(l.Note, noteHead)
	zone, err := strconv.ParseUint(text, 10, 16)
	return uint16(zone), l.Kind == netdev.Bridge && ok && err == nil && zone >= nft.FirstZone
}

// A cloud takes its zones from a block of its own, so that two that begin at the same moment on one host do not take
// the same. Blocks may coincide, as there are few; then what the other's bridges note decides.
const (
	blockSize = 1024
	blocks    = 47 // a prime; the last ends below 1<<16
)

func firstZone(owner uint32) uint16 { return nft.FirstZone + uint16(owner%blocks)*blockSize }

// Zones gives each network a conntrack zone: the one its bridge has already, or the next of the owner's that no bridge
// has.
func Zones(networks []neutron.HostNetwork, have netdev.Snapshot, owner uint32) map[string]uint16 {
	used := map[uint16]bool{}
	for _, l := range have.Others {
		if zone, ok := noted(l); ok {
			used[zone] = true
		}
	}
	byBridge := map[string]uint16{}
	for _, l := range have.Links {
		if zone, ok := noted(l); ok && !used[zone] {
			byBridge[l.Name], used[zone] = zone, true
		}
	}
	out := map[string]uint16{}
	next := firstZone(owner)
	for _, n := range networks {
		zone, ok := byBridge[netdev.BridgeName(n.ID)]
		if !ok {
			for used[next] || next < nft.FirstZone {
				next++
			}
			zone, used[next] = next, true
		}
		out[n.ID] = zone
	}
	return out
}

// foreign reports the zones whose connections are another cloud's business, or nobody's: those that the cloud does not
// use and that are outside its block or noted at a bridge of another.
func foreign(rules nft.Ruleset, have netdev.Snapshot, owner uint32) func(uint16) bool {
	mine, others := map[uint16]bool{}, map[uint16]bool{}
	for _, n := range rules.Networks {
		mine[n.Zone] = true
	}
	for _, l := range have.Others {
		if zone, ok := noted(l); ok {
			others[zone] = true
		}
	}
	first := firstZone(owner)
	return func(z uint16) bool { return !mine[z] && (others[z] || z < first || z-first >= blockSize) }
}
