package compat

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// sections are the parts of docs/compat/openapi.md.
type sections struct {
	summary, gaps, missing, statuses strings.Builder
	used                             map[int]bool // quirks
}

// add adds the results of one service.
func (s *sections) add(c *count, gaps []string) {
	total := len(c.document.Operations())
	fmt.Fprintf(&s.summary, "| %s | %d / %d | %d | %d | %d |\n", c.service, total-len(gaps), total,
		c.requests, c.answers, c.refusals)
	for _, g := range outside {
		methods, n := map[string][]string{}, 0
		for _, o := range gaps {
			if method, path, _ := strings.Cut(o, " "); g.re.MatchString(c.service + " " + o) {
				methods[path] = append(methods[path], method)
				n++
			}
		}
		var of []string
		for _, path := range slices.Sorted(maps.Keys(methods)) {
			of = append(of, "`"+path+"` "+strings.Join(methods[path], " "))
		}
		if n > 0 {
			fmt.Fprintf(&s.gaps, "| %s | %d | %s | %s |\n", c.service, n, strings.Join(of, "<br>"), g.why)
		}
	}
	s.yet(c, gaps)
	for _, o := range c.document.Operations() {
		says := c.document.Says(o)
		var other []string
		for _, status := range slices.Sorted(maps.Keys(c.exercised[o.String()])) {
			if status < 400 && !slices.Contains(says, status) {
				other = append(other, fmt.Sprint(status))
			}
		}
		if len(other) > 0 {
			fmt.Fprintf(&s.statuses, "| %s %s | %s | %s |\n", c.service, o, strings.Trim(fmt.Sprint(says), "[]"),
				strings.Join(other, ", "))
		}
	}
	s.note(c.used)
}

func (s *sections) note(used map[int]int) {
	if s.used == nil {
		s.used = map[int]bool{}
	}
	for i := range used {
		s.used[i] = true
	}
}

// yet adds the missing operations of compute and networking, by path.
func (s *sections) yet(c *count, gaps []string) {
	methods := map[string][]string{}
	n := 0
	for _, o := range gaps {
		if slices.ContainsFunc(outside, func(g gap) bool { return g.re.MatchString(c.service + " " + o) }) {
			continue
		}
		f := strings.SplitN(o, " ", 2)
		methods[f[1]] = append(methods[f[1]], f[0])
		n++
	}
	if n == 0 {
		return
	}
	fmt.Fprintf(&s.missing, "\n### %s: %d operations\n\n", c.service, n)
	for _, path := range slices.Sorted(maps.Keys(methods)) {
		fmt.Fprintf(&s.missing, "- `%s` %s\n", path, strings.Join(methods[path], " "))
	}
}

func (s *sections) String() string {
	var b strings.Builder
	b.WriteString("# The cloud held against OpenStack's OpenAPI documents\n\nEvery operation of the documents that is there is carried out against a running cloud, placement's and compute's at each microversion. What\n" +
		"compute does in the background is told at seven microversions; what is read then is read at each. What is sent is validated before it goes, what comes back is validated by its status and microversion, and refusals (no token,\n" +
		"an unknown name, a body that is not JSON, the same once more) have their service's form. Written by `tests/compat`: `make golden`.\n\n" +
		"| service | operations | requests validated | answers validated | refusals looked at |\n|---|---|---|---|---|\n")
	b.WriteString(s.summary.String())
	b.WriteString("\n## What is not there\n\n| service | | operations | why |\n|---|---|---|---|\n" + s.gaps.String())
	b.WriteString("\n## Where the documents differ from the real services\n\n| operation | what | why |\n|---|---|---|\n")
	for _, q := range quirks {
		fmt.Fprintf(&b, "| `%s` | `%s` | %s |\n", strings.ReplaceAll(q.Operation, "|", "\\|"),
			strings.ReplaceAll(q.At, "|", "\\|"), q.Why)
	}
	b.WriteString("\nThe documents were generated and guess many statuses of success; these are answered with the real service's:\n\n" +
		"| operation | document | here |\n|---|---|---|\n" + s.statuses.String())
	b.WriteString("\n## What is not there yet\n" + s.missing.String())
	return b.String()
}
