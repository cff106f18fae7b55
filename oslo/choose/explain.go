package choose

import (
	"fmt"
	"strings"
)

const (
	maxReasons  = 16 // kept apart for one filter
	shown       = 3  // of them in the text
	maxExamples = 3  // host names for one reason
)

// Explanation says for each filter how many hosts came in, how many it dropped and why (grouped by reason, with example hosts).
type Explanation struct {
	Hosts, Left int // before the first filter and after the last
	Stages      []Stage
}

// Stage is one filter's part, reasons with most hosts first.
type Stage struct {
	Filter  string
	In, Out int
	Reasons []Reason
	Others  int // hosts dropped for reasons beyond those kept
}

// Reason is why some hosts were dropped.
type Reason struct {
	Text    string
	Hosts   int
	Example []string
}

// String is the one-paragraph text shown in a server's fault.
func (e Explanation) String() string {
	var b strings.Builder
	hosts, left := e.Hosts, e.Left
	if n := len(e.Stages); n > 0 { // also right when the maker only told the stages
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
	told := 0
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
		told += r.Hosts
	}
	if told == 0 {
		return
	}
	if rest := s.In - s.Out - told; rest > 0 {
		fmt.Fprintf(b, "; %d for other reasons", rest)
	}
	b.WriteString(")")
}
