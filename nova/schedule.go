package nova

import (
	"time"

	"hypernova/placement"
)

// Request asks the scheduler for hosts for one server.
type Request struct {
	Server, Project, User string
	Flavor                Flavor
	Image                 ImageMeta
	AZ                    string
	Host, Node            string // asked for by an operator: only these; Force also skips the filters
	Force                 bool
	Hints                 map[string][]string // scheduler hints; values are always lists
	Exclude               []string            // hosts already tried
	Limit                 int                 // how many hosts to name; 0: one
	Fresh                 bool                // the last answer was out of date: look again
	// hosts that fell silent less long ago count as up: a question, nothing is placed by its answer
	Silent time.Duration
	// Rebuild asks whether a server may stay on Host with another image: only what its image asks of a host counts, and
	// nothing is placed.
	Rebuild bool
}

// Selection is the scheduler's answer: hosts best first, never empty. Explanation says how each filter went.
type Selection struct {
	Hosts       []Choice
	Explanation string
}

// Choice is one host that would do, and what to claim there.
type Choice struct {
	Host, Node, Provider, Zone string
	Resources                  placement.Resources
}
