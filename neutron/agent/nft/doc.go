// Package nft builds a host's nftables ruleset from its ports and security groups, and loads it.
//
// Text and the nft command were chosen over netlink expressions (google/nftables): the ruleset is what operators read
// with `nft list`, golden files show it in review, one command replaces it atomically, and concatenated interval sets,
// zone maps and raw payload matches have no readable form in that library. The price is one process per change, about
// ten milliseconds.
//
// Two forms, chosen by Probe. Native: the bridge family tracks connections itself. Mark: where it cannot, an inet
// chain, which sees bridged packets through br_netfilter, sets the zone of the packet's bridge and notes the
// connection's state in two bits of the packet mark, for the bridge family to decide by. In both, every network has a
// conntrack zone of its own, because networks may use the same addresses.
//
// Order of judgement for a frame: source (prerouting, before the bridge learns its MAC), what the guest may send, what
// the other guest may receive. The last two are base chains one after the other, so that "accept" in a security group
// ends only its own half. They run before br_netfilter's own forward hook, which would take the packet past later
// chains.
package nft
