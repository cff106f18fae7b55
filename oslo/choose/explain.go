package choose

import (
	"fmt"
	"strings"
)

const (
	maxReasons  = 16 // reasons kept for one filter
	shown       = 3  // reasons in the text
	maxExamples = 3  // host names for one reason
)

// Explanation lists, for each filter, how many hosts it checked and dropped, with the reasons and example hosts.
type Explanation struct {
	Hosts, Left int // before the first filter and after the last one
	Stages      []Stage
}

// Stage is the result of one filter, reasons with most hosts first.
type Stage struct {
	Filter  string
	In, Out int
	Reasons []Reason
	Others  int // hosts dropped for reasons beyond those kept
}

// Reason is a reason with the number of hosts dropped for it.
type Reason struct {
	Text    string
	Hosts   int
	Example []string
}

// String returns one paragraph, the text of a server's fault.
func (e Explanation) String() string {
	var b strings.Builder
	hosts, left := e.Hosts, e.Left
	if n := len(e.Stages); n > 0 { // also correct if the creator set only Stages
		hosts, left = max(hosts, e.Stages[0].In), e.Stages[n-1].Out
	}
	if left == 0 {
		b.WriteString("No valid host was found: ")
	}
	switch hosts {
	case 0:
		b.WriteString("there are no hosts")
	case 1:
		b.WriteString("1 host")
	default:
		fmt.Fprintf(&b, "%d hosts", hosts)
	}
	for _, s := range e.Stages {
		if s.In > s.Out {
			b.WriteString("; ")
			s.write(&b)
		}
	}
	if left > 0 {
		fmt.Fprintf(&b, "; %d left", left)
	}
	return b.String()
}

func (s Stage) write(b *strings.Builder) {
	fmt.Fprintf(b, "%s dropped %d", s.Filter, s.In-s.Out)
	named := 0
	for i, r := range s.Reasons[:min(len(s.Reasons), shown)] {
		if i == 0 {
			b.WriteString(" (")
		} else {
			b.WriteString("; ")
		}
		b.WriteString(r.Text)
		if len(r.Example) > 0 {
			b.WriteString(": ")
			b.WriteString(strings.Join(r.Example, ", "))
			if more := r.Hosts - len(r.Example); more > 0 {
				fmt.Fprintf(b, " and %d more", more)
			}
		}
		named += r.Hosts
	}
	if named == 0 {
		return
	}
	if rest := s.In - s.Out - named; rest > 0 {
		fmt.Fprintf(b, "; %d for other reasons", rest)
	}
	b.WriteString(")")
}
