package bench

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// figure is what a row measured, by the name of the value. Values whose name ends with "_ms", "_mib" or "_cores" are
// costs, which are compared with figures.json. Others, as "wait" (ms that a client waits) and "/s", are only printed.
type figure map[string]float64

// The values of a request.
const (
	cloudCPU  = "cpu_ms"    // CPU time of the cloud's processes per request
	serverCPU = "db_cpu_ms" // CPU time of the database server per request
	waited    = "wait"      // ms from request to answer, or of the measure divided by its requests where clients are many
)

// Each measure is short, and its median counts, so that other load of the machine spoils few of them.
const (
	measures = 7
	short    = 150 * time.Millisecond
	profiled = 20 // measures of a row while a profile is taken
)

// each measures a request of one client, as many times as fit. i counts the requests.
func each(do func(c *costs, i int)) func(*costs) figure {
	return func(c *costs) figure {
		c.start()
		n := 0
		run := func() int {
			began, first := time.Now(), n
			for time.Since(began) < short {
				do(c, n)
				n++
			}
			return n - first
		}
		run() // fills caches
		return c.median(run, func() {})
	}
}

// batch measures a number of requests of several clients, together with everything that they cause until compute has
// nothing to do. before and after run for each request too, but are not measured.
type batch struct {
	clients, count    int
	before, do, after func(c *costs, i int)
}

func (b batch) measure(c *costs) figure {
	c.start()
	all := func(do func(*costs, int)) {
		if do != nil {
			c.concurrently(max(b.clients, 1), b.count, func(i int) { do(c, i) })
			c.settle()
		}
	}
	all(b.before)
	run := func() int {
		all(b.do)
		return b.count
	}
	between := func() {
		all(b.after)
		all(b.before)
	}
	run()
	between()
	f := c.median(run, between)
	f["/s"] = 1000 / f[waited]
	return f
}

// median returns the medians of several measures, each of a call of run, which returns how many requests it sent.
func (c *costs) median(run func() int, between func()) figure {
	values := map[string][]float64{}
	stop, times := c.profile(), measures
	if profiles() != "" {
		times = profiled
	}
	for n := range times {
		cloud, server := c.cpu()
		began := time.Now()
		count := float64(run())
		took := time.Since(began)
		cloud2, server2 := c.cpu()
		ms := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e6 / count }
		values[cloudCPU] = append(values[cloudCPU], ms(cloud2-cloud))
		values[waited] = append(values[waited], ms(took))
		if c.server != nil {
			values[serverCPU] = append(values[serverCPU], ms(server2-server))
		}
		if n < times-1 {
			between()
		}
	}
	stop()
	between()
	f := figure{}
	for name, v := range values {
		slices.Sort(v)
		f[name] = v[len(v)/2]
	}
	return f
}

// concurrently calls do with 0 … count-1 from several clients. It panics if one of them does.
func (c *costs) concurrently(clients, count int, do func(i int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	var failed atomic.Value
	for range clients {
		wg.Go(func() {
			defer func() {
				if r := recover(); r != nil {
					failed.CompareAndSwap(nil, fmt.Sprint(r))
				}
			}()
			for i := int(next.Add(1) - 1); i < count && failed.Load() == nil; i = int(next.Add(1) - 1) {
				do(i)
			}
		})
	}
	wg.Wait()
	if r := failed.Load(); r != nil {
		panic(r)
	}
}

// result is a row of the printed table.
type result struct {
	engine string
	line   line
	figure figure
}

// printCosts prints the table. "×" is how many times more CPU time Zed needs; "1 %" and "10 %" are how many requests
// per second that share of one processor pays for.
func printCosts(all []result) {
	fmt.Printf("\n%-11s %-34s %11s %13s %9s %9s %9s %8s %8s %8s  %s\n", "cost", "request", "Zed CPU-ms", "aim CPU-ms",
		"CPU-ms", "database", "wait ms", "×", "1 %: /s", "10 %: /s", "other")
	for _, r := range all {
		zed := "-"
		if r.line.zed[0] > 0 {
			zed = fmt.Sprintf("%g", r.line.zed[0])
			if r.line.zed[1] != r.line.zed[0] {
				zed += fmt.Sprintf("–%g", r.line.zed[1])
			}
		}
		cell := func(name string, digits int) string {
			v, ok := r.figure[name]
			if !ok {
				return "-"
			}
			return fmt.Sprintf("%.*f", digits, v)
		}
		times, one, ten := "-", "-", "-"
		if v := r.figure[cloudCPU]; v > 0 {
			if r.line.zed[0] > 0 {
				times = fmt.Sprintf("%.0f", r.line.zed[0]/v)
			}
			one, ten = fmt.Sprintf("%.0f", 10/v), fmt.Sprintf("%.0f", 100/v)
		}
		fmt.Printf("%-11s %-34s %11s %13s %9s %9s %9s %8s %8s %8s  %s\n", r.engine, r.line.name, zed, r.line.aim,
			cell(cloudCPU, 3), cell(serverCPU, 3), cell(waited, 2), times, one, ten, others(r.figure))
	}
}

// others are the values of a row that have no column.
func others(f figure) string {
	var out []string
	for name, v := range f {
		if name != cloudCPU && name != serverCPU && name != waited {
			out = append(out, fmt.Sprintf("%s %.4g", name, v))
		}
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// recorded is figures.json: costs by engine and row.
type recorded map[string]map[string]figure

const figuresFile = "figures.json"

// dearer is the growth of a cost that is reported.
const dearer = 1.15

// record compares the costs with figures.json and prints those that grew, or with UPDATE=1 writes the file. Rows that
// were not measured keep their values.
func record(all []result) error {
	known := recorded{}
	text, err := os.ReadFile(figuresFile)
	if err == nil {
		err = json.Unmarshal(text, &known)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if os.Getenv("UPDATE") != "1" {
		for _, s := range grown(known, all) {
			fmt.Println("dearer: " + s)
		}
		return nil
	}
	for _, r := range all {
		if known[r.engine] == nil {
			known[r.engine] = map[string]figure{}
		}
		kept := figure{}
		for name, v := range r.figure {
			if isCost(name) {
				kept[name] = rounded(v)
			}
		}
		known[r.engine][r.line.name] = kept
	}
	if text, err = json.MarshalIndent(known, "", "\t"); err != nil {
		return err
	}
	return os.WriteFile(figuresFile, append(text, '\n'), 0o644)
}

func grown(known recorded, all []result) []string {
	var out []string
	for _, r := range all {
		for name, v := range r.figure {
			if before := known[r.engine][r.line.name][name]; isCost(name) && before > 0 && v > before*dearer {
				out = append(out, fmt.Sprintf("%s, %s: %s %.4g, was %.4g", r.engine, r.line.name, name, v, before))
			}
		}
	}
	slices.SortFunc(out, cmp.Compare[string])
	return out
}

func isCost(name string) bool {
	return strings.HasSuffix(name, "_ms") || strings.HasSuffix(name, "_mib") || strings.HasSuffix(name, "_cores")
}

// rounded cuts a value to three digits that mean something.
func rounded(v float64) float64 {
	var out float64
	if _, err := fmt.Sscan(fmt.Sprintf("%.3g", v), &out); err != nil {
		panic(err)
	}
	return out
}
