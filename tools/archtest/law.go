package archtest

import (
	"fmt"
	"slices"
	"strings"
)

// level is the height of a room; imports go down.
type level int

const (
	leaves level = iota + 1
	kit
	vocabulary
	records // store, rpcapi, driver contracts
	verbs   // verbs, managers, agents, drivers
	edges   // api, client
	root    // app
	top     // main, tests, tools
)

var (
	services = []string{"keystone", "placement", "glance", "nova", "neutron", "cinder"}
	leafs    = []string{"fault", "clock", "ids", "opt", "log", "metric", "lock", "httpc", "conf", "drivers", "auth",
		"diskformat", "backoff"}
	// contracts are the packages that drivers below them fulfil.
	contracts = []string{"nova/virt", "neutron/ml2", "glance/backend", "cinder/backend"}
)

// strangers are services that a service knows in a few of its packages only, which translate them to its own types. The
// rest of the service, stored rows and messages above all, stays as it is when they change.
var strangers = []struct {
	service, unknown string
	except           []string // packages that may import the vocabulary of the unknown service
}{
	{"neutron", "nova", nil},
	{"nova", "neutron", []string{"nova/api", "nova/conductor", "nova/network", "nova/servers"}},
}

// room is what the law knows of a directory.
type room struct {
	dir, service string // service is empty outside services
	part         string // first folder below the service: "store"
	level        level
	contract     string // for a driver: the contract it fulfils
	driver       string // for a driver: its own top folder, which may have parts below it
}

func roomOf(dir string) room {
	parts := strings.Split(dir, "/")
	r := room{dir: dir, level: top}
	switch {
	case dir == "":
	case parts[0] == "app" || parts[0] == "cloudtest":
		r.level = root
	case parts[0] == "oslo":
		r.level = kit
		if len(parts) > 1 && slices.Contains(leafs, parts[1]) {
			r.level = leaves
		}
	case slices.Contains(services, parts[0]):
		r.service = parts[0]
		if len(parts) == 1 {
			r.level = vocabulary
			return r
		}
		r.part = parts[1]
		switch r.part {
		case "store", "rpcapi":
			r.level = records
		case "api", "client":
			r.level = edges
		default:
			r.level = verbs
		}
		r.placeDriver()
	}
	return r
}

func (r *room) placeDriver() {
	for _, c := range contracts {
		if r.dir == c {
			r.level = records
			return
		}
		rest, below := strings.CutPrefix(r.dir, c+"/")
		if !below || support(r.dir) {
			continue
		}
		parts := strings.Split(rest, "/")
		n := 1
		if c == "neutron/ml2" && (parts[0] == "types" || parts[0] == "mech") { // these folders only group drivers
			n = 2
		}
		if len(parts) < n {
			r.level = records
			return
		}
		r.contract, r.driver = c, c+"/"+strings.Join(parts[:n], "/")
		return
	}
}

// Imports checks the import law of the project's own packages.
func Imports(r *Repo) []Complaint {
	var out []Complaint
	for _, f := range r.Files {
		from := roomOf(f.Dir)
		for _, im := range f.Imports {
			dir, own := strings.CutPrefix(im.Path, Module+"/")
			if !own {
				continue
			}
			if why := breach(f, from, roomOf(dir)); why != "" {
				out = append(out, Complaint{f.Path, im.Line, fmt.Sprintf("%s must not import %s: %s", name(f.Dir), dir, why)})
			}
		}
	}
	return out
}

// breach says why an import is not allowed, empty where it is.
func breach(f *File, from, to room) string {
	test := f.Test || support(f.Dir)
	switch {
	case from.dir == to.dir:
		return "" // a package's external tests
	case to.level == root && from.level < root:
		return "only main, cloudtest and tests know the composition root; pass what is needed through a constructor"
	case support(to.dir) && !test:
		return "it is there for tests only"
	case from.level == top || from.level == root:
		return ""
	case to.level == top:
		return "nothing may import the program or its tests"
	case to.service != "" && from.service == "":
		return "oslo knows no cloud noun; turn the dependency round with an interface"
	case to.service != from.service && to.level > vocabulary && to.service != "":
		return fmt.Sprintf("another service is known by its vocabulary only; use the contract in %s and let app choose who fulfils it", to.service)
	case isStranger(from, to):
		return fmt.Sprintf("here %s knows no %s; use a type of its own", from.service, to.service)
	case test:
		return "" // within a service and the kit, tests may set up whatever they need
	case from.part == "api" && to.part == "store", from.part == "store" && to.part == "api":
		return "api and store never meet; a verb stands between them"
	case from.part == "rpcapi" && to.level != vocabulary && to.level != leaves && to.dir != "oslo/messaging":
		return "rpcapi holds declarations only: vocabulary and oslo/messaging"
	case to.driver != "" && from.driver == "":
		return "only app imports drivers; use the contract " + to.contract
	case from.driver != "" && to.driver != "" && from.driver != to.driver:
		return "drivers do not know each other"
	case from.driver != "" && to.service != "" && to.driver == "" && to.level > vocabulary &&
		!within(to.dir, from.contract):
		return "a driver knows its contract and the vocabulary, nothing else of its service"
	case to.level > from.level:
		return fmt.Sprintf("imports go down, and %s (level %d) is above %s (level %d)", to.dir, to.level, from.dir,
			from.level)
	case to.level == records && from.level == records && to.part != from.part:
		return "store, rpcapi and driver contracts stand beside each other"
	}
	return ""
}

// isStranger reports that a package may not know another service at all.
func isStranger(from, to room) bool {
	for _, s := range strangers {
		if from.service == s.service && to.service == s.unknown {
			return !slices.ContainsFunc(s.except, func(dir string) bool { return within(from.dir, dir) })
		}
	}
	return false
}

func name(dir string) string {
	if dir == "" {
		return "main"
	}
	return dir
}
