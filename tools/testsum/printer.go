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

// printer turns events into what go test prints without -v: a line for each package that passes, and of one that fails all that its failed
// tests said.
type printer struct {
	out, kept io.Writer
	running   map[string]*run
}

// run is a package whose tests are under way.
type run struct {
	tally
	said  map[string][]string // by test; "" is the package
	order []string            // of tests, as they began
	at    string              // the last test that began or went on
}

// tally is what the tests of a package did: one line in the file that is kept.
type tally struct {
	Package                 string
	Seconds                 float64
	Passed, Failed, Skipped int
}

func newPrinter(out, kept io.Writer) *printer {
	return &printer{out: out, kept: kept, running: map[string]*run{}}
}

// line takes one line and reports whether something was printed.
func (p *printer) line(line []byte) (printed bool, err error) {
	var e event
	if json.Unmarshal(line, &e) != nil { // what go itself has to say
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
		r = &run{tally: tally{Package: e.Package}, said: map[string][]string{}}
		p.running[e.Package] = r
	}
	if e.Test != "" {
		r.test(e)
		return false, nil
	}
	switch e.Action {
	case "output":
		r.said[""] = append(r.said[""], e.Output)
	case "pass", "fail", "skip":
		delete(p.running, e.Package)
		return p.end(r, e)
	}
	return false, nil
}

func (r *run) test(e event) {
	switch e.Action {
	case "run":
		r.order, r.at = append(r.order, e.Test), e.Test
	case "cont":
		r.at = e.Test
	case "output":
		if !strings.HasPrefix(e.Output, "=== ") {
			r.said[e.Test] = append(r.said[e.Test], e.Output)
		}
	case "pass":
		r.Passed++
		delete(r.said, e.Test)
	case "skip":
		r.Skipped++
		delete(r.said, e.Test)
	case "fail":
		r.Failed++
	}
}

// end prints a package and keeps its counts; one without tests is not worth a line.
func (p *printer) end(r *run, e event) (printed bool, err error) {
	if e.Action == "skip" {
		return false, nil
	}
	r.Seconds = e.Elapsed
	var text []string
	switch e.Action {
	case "pass":
		for _, line := range r.said[""] {
			if strings.HasPrefix(line, "ok ") {
				text = append(text, line)
			}
		}
	case "fail":
		r.Failed = max(r.Failed, 1) // it may have ended without a test's verdict
		for _, test := range r.order {
			text = append(text, r.said[test]...)
		}
		text = append(text, r.said[""]...)
	}
	if _, err := io.WriteString(p.out, strings.Join(text, "")); err != nil {
		return true, err
	}
	return true, json.NewEncoder(p.kept).Encode(r.tally)
}

// tell says what is under way.
func (p *printer) tell(now time.Time) error {
	for _, name := range slices.Sorted(maps.Keys(p.running)) {
		r := p.running[name]
		if r.at == "" {
			continue
		}
		_, err := fmt.Fprintf(p.out, "%s  %s is at %s, %d done\n", now.Format(time.TimeOnly), name, r.at, r.Passed+r.Failed+r.Skipped)
		if err != nil {
			return err
		}
	}
	return nil
}

// slowest is how many packages the table shows.
const slowest = 10

// printTable prints the slowest packages of a kept file and, as the last line, the sum.
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
		a := all[t.Package] // a package may run twice, as with and without real servers
		all[t.Package] = tally{t.Package, a.Seconds + t.Seconds, a.Passed + t.Passed, a.Failed + t.Failed, a.Skipped + t.Skipped}
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
