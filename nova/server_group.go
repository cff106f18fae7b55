package nova

import (
	"time"

	"hypernova/oslo/policy"
)

// GroupPolicy says how the servers of a server group are spread over hosts.
type GroupPolicy string

// The policies of nova's server groups. The soft ones are preferences of the scheduler; the others are kept or the
// build fails.
const (
	Affinity         GroupPolicy = "affinity"           // all on one host
	AntiAffinity     GroupPolicy = "anti-affinity"      // at most MaxPerHost on each host
	SoftAffinity     GroupPolicy = "soft-affinity"      // on as few hosts as fit
	SoftAntiAffinity GroupPolicy = "soft-anti-affinity" // on as many hosts as there are
)

// ServerGroup is a set of servers of one project with a policy on their hosts. A server joins a group when it is
// created and stays in it.
type ServerGroup struct {
	ID, Name      string
	Project, User string
	Policy        GroupPolicy
	MaxPerHost    int      // servers on one host, for AntiAffinity; 0 is not set, which means 1
	Members       []string // ids of servers that are not deleted, in the order in which they joined
	Created       time.Time
}

// PolicyTarget is the group as rules see it.
func (g *ServerGroup) PolicyTarget() policy.Target {
	return policy.Target{"project_id": g.Project, "user_id": g.User}
}

// GroupHosts is where the members of a server group are: a group's policy, and how many of its servers each host has.
// The server that is about to be placed is not among them.
type GroupHosts struct {
	Policy     GroupPolicy
	MaxPerHost int
	Servers    map[string]int // by host
}

// Allows reports whether the policy lets one more server onto the host. Soft policies allow every host. why completes
// the sentence that begins with the host's name.
func (g *GroupHosts) Allows(host string) (ok bool, why string) {
	switch g.Policy {
	case Affinity:
		if len(g.Servers) > 0 && g.Servers[host] == 0 {
			return false, "has no server of the group, whose policy is affinity"
		}
	case AntiAffinity:
		if g.Servers[host] >= max(1, g.MaxPerHost) {
			return false, "has as many servers of the group as its policy anti-affinity allows"
		}
	case SoftAffinity, SoftAntiAffinity:
	}
	return true, ""
}
