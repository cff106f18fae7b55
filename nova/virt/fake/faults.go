package fake

import (
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"hypernova/oslo/fault"
)

// Fault is something that shall go wrong: in one operation (empty: any of them), for servers whose name or id matches
// the pattern, the Nth time or each time.
type Fault struct {
	Op     string        // of Queries or Operations
	Server string        // path.Match pattern on the server's name or id; empty: any
	Nth    int           // counted from 1 over matching calls; 0: each
	Slow   time.Duration // wait so long first
	Fail   string        // answer this error instead of doing it
	Late   string        // do it, then answer this error: what a crash of the caller looks like
	Kind   fault.Kind    // of the error
	// Passing is how long a start (by spawn, start or reboot) shows a state between: the server is being started, and that
	// goes on when the process that asked for it ends.
	Passing time.Duration
	Lie     bool // say it is done and do nothing; info: say it runs
}

// Queries returns the operations that read something or are about the host.
func Queries() []string {
	return []string{"init", "resources", "servers", "info", "console", "remote-console", "images", "diagnose", "leftovers"}
}

// Operations returns the operations that change a server: those of virt.Driver and of its capabilities, of which
// rebuilds, rescues and snapshots have several steps.
func Operations() []string {
	return []string{"prepare", "spawn", "destroy", "start", "stop", "reboot", "pause", "unpause", "suspend", "resume",
		"rebuild-prepare", "rebuild", "rebuild-undo", "rebuild-finish", "rescue-prepare", "rescue", "unrescue",
		"snapshot", "snapshot-open", "snapshot-drop", "attach-interface", "detach-interface", "password", "nmi"}
}

// ParseFaults reads the form that fits in a config file, entries split by ";", for example
//
//	spawn server=bad-* fail=no such machine type; prepare nth=2 kind=unavailable fail=store is away; stop slow=3s; start lie; spawn passing=3s
//
// A value of fail or late runs to the end of its entry.
func ParseFaults(s string) ([]Fault, error) {
	var out []Fault
	for entry := range strings.SplitSeq(s, ";") {
		if entry = strings.TrimSpace(entry); entry == "" {
			continue
		}
		f, err := parseFault(entry)
		if err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	return out, nil
}

func parseFault(entry string) (Fault, error) {
	var f Fault
	for rest := entry; rest != ""; {
		var word string
		word, rest, _ = strings.Cut(rest, " ")
		rest = strings.TrimSpace(rest)
		key, value, _ := strings.Cut(word, "=")
		var err error
		switch key {
		case "server":
			f.Server = value
			_, err = path.Match(value, "")
		case "nth":
			f.Nth, err = strconv.Atoi(value)
		case "slow":
			f.Slow, err = time.ParseDuration(value)
		case "passing":
			f.Passing, err = time.ParseDuration(value)
		case "kind":
			if f.Kind = fault.ParseKind(value); f.Kind.String() != value {
				return f, fault.Invalidf("fault %q: unknown kind %q", entry, value)
			}
		case "lie":
			f.Lie = true
		case "fail":
			f.Fail, rest = strings.TrimSpace(value+" "+rest), ""
		case "late":
			f.Late, rest = strings.TrimSpace(value+" "+rest), ""
		default:
			if !slices.Contains(Queries(), key) && !slices.Contains(Operations(), key) {
				return f, fault.Invalidf("fault %q: unknown word %q", entry, word)
			}
			f.Op = key
		}
		if err != nil {
			return f, fault.Invalidf("fault %q: bad value in %q", entry, word)
		}
	}
	return f, nil
}

// plan is what is to happen around one call.
type plan struct {
	slow, passing time.Duration
	before, after error
	lie           bool
}

// injector counts calls against the faults.
type injector struct {
	mu     sync.Mutex
	faults []Fault
	seen   map[int]int // fault's index → matching calls so far
	calls  map[string]int
}

func (j *injector) next(op, id, name string) plan {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.calls == nil {
		j.calls, j.seen = map[string]int{}, map[int]int{}
	}
	j.calls[op]++
	var p plan
	for i, f := range j.faults {
		if f.Op != "" && f.Op != op || !f.matches(id, name) {
			continue
		}
		j.seen[i]++
		if f.Nth != 0 && f.Nth != j.seen[i] {
			continue
		}
		p.slow += f.Slow
		p.passing += f.Passing
		p.lie = p.lie || f.Lie
		if f.Fail != "" {
			p.before = fault.New(f.Kind, "%s", f.Fail)
		}
		if f.Late != "" {
			p.after = fault.New(f.Kind, "%s", f.Late)
		}
	}
	return p
}

func (j *injector) set(fs []Fault) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.faults, j.seen = fs, map[int]int{}
}

func (j *injector) count(op string) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.calls[op]
}

func (f Fault) matches(id, name string) bool {
	if f.Server == "" {
		return true
	}
	byName, _ := path.Match(f.Server, name)
	return byName || f.Server == id
}
