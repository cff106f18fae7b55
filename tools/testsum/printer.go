package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// event is one line of go test -json.
type event struct {
	Action, Package, Test, Output, ImportPath string
	Elapsed                                   float64
}

// printer prints events as go test does without -v: a line for each package that passes, and for one that fails the
// output of its failed tests.
type printer struct {
	out, kept io.Writer
	running   map[string]*run
}

// run is a package whose tests are running.
type run struct {
	tally
	lines map[string][]string // output by test; "" is the package's
	order []string            // tests in the order of their start
	last  string              // the test that started or continued last
}

// tally is the counts of a package: one line of the file of counts.
type tally struct {
	Package                 string
	Seconds                 float64
	Passed, Failed, Skipped int
}

func newPrinter(out, kept io.Writer) *printer {
	return &printer{out: out, kept: kept, running: map[string]*run{}}
}

// line handles one line of input and reports whether it printed something.
func (p *printer) line(line []byte) (printed bool, err error) {
	var e event
	if json.Unmarshal(line, &e) != nil { // a line of the go command itself
		_, err := p.out.Write(line)
		return true, err
	}
	switch {
	case e.Action == "build-output":
		_, err := io.WriteString(p.out, e.Output)
		return true, err
	case e.Package == "":
		return false, nil
	}
	r := p.running[e.Package]
	if r == nil {
		r = &run{tally: tally{Package: e.Package}, lines: map[string][]string{}}
		p.running[e.Package] = r
	}
	if e.Test != "" {
		r.test(e)
		return false, nil
	}
	switch e.Action {
	case "output":
		r.lines[""] = append(r.lines[""], e.Output)
	case "pass", "fail", "skip":
		delete(p.running, e.Package)
		return p.end(r, e)
	}
	return false, nil
}

func (r *run) test(e event) {
	switch e.Action {
	case "run":
		r.order, r.last = append(r.order, e.Test), e.Test
	case "cont":
		r.last = e.Test
	case "output":
		if !strings.HasPrefix(e.Output, "=== ") {
			r.lines[e.Test] = append(r.lines[e.Test], e.Output)
		}
	case "pass":
		r.Passed++
		delete(r.lines, e.Test)
	case "skip":
		r.Skipped++
		delete(r.lines, e.Test)
	case "fail":
		r.Failed++
	}
}

// end prints the result of a package and writes its counts. It prints nothing for a package without tests.
func (p *printer) end(r *run, e event) (printed bool, err error) {
	if e.Action == "skip" {
		return false, nil
	}
	r.Seconds = e.Elapsed
	var text []string
	switch e.Action {
	case "pass":
		for _, line := range r.lines[""] {
			if strings.HasPrefix(line, "ok ") {
				text = append(text, line)
			}
		}
	case "fail":
		r.Failed = max(r.Failed, 1) // the process may have ended during a test
		for _, test := range r.order {
			text = append(text, r.lines[test]...)
		}
		text = append(text, r.lines[""]...)
	}
	if _, err := io.WriteString(p.out, strings.Join(text, "")); err != nil {
		return true, err
	}
	return true, json.NewEncoder(p.kept).Encode(r.tally)
}

// tell prints a line for each running package.
func (p *printer) tell(now time.Time) error {
	for _, name := range slices.Sorted(maps.Keys(p.running)) {
		r := p.running[name]
		if r.last == "" {
			continue
		}
		_, err := fmt.Fprintf(p.out, "%s  %s is at %s, %d done\n", now.Format(time.TimeOnly), name, r.last,
			r.Passed+r.Failed+r.Skipped)
		if err != nil {
			return err
		}
	}
	return nil
}

// slowest is the number of packages in the table.
const slowest = 10

// printTable prints the slowest packages of a file of counts and, as the last line, the sum.
func printTable(out io.Writer, kept io.Reader) error {
	all := map[string]tally{}
	var sum tally
	for d := json.NewDecoder(kept); ; {
		var t tally
		err := d.Decode(&t)
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		a := all[t.Package] // a package may run twice, without and with real servers
		all[t.Package] = tally{t.Package, a.Seconds + t.Seconds, a.Passed + t.Passed, a.Failed + t.Failed,
			a.Skipped + t.Skipped}
		sum.Passed, sum.Failed, sum.Skipped = sum.Passed+t.Passed, sum.Failed+t.Failed, sum.Skipped+t.Skipped
	}
	ts := slices.SortedFunc(maps.Values(all), func(a, b tally) int {
		if a.Seconds != b.Seconds {
			return int(1000 * (b.Seconds - a.Seconds))
		}
		return strings.Compare(a.Package, b.Package)
	})
	fmt.Fprintf(out, "the slowest of %d packages:\n", len(ts))
	for _, t := range ts[:min(slowest, len(ts))] {
		fmt.Fprintf(out, "%8.1f s  %4d tests  %s\n", t.Seconds, t.Passed+t.Failed+t.Skipped, t.Package)
	}
	_, err := fmt.Fprintf(out, "%d passed, %d failed, %d skipped\n", sum.Passed, sum.Failed, sum.Skipped)
	return err
}
