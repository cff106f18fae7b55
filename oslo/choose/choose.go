// Package choose is filter → weigh → pick with an explanation. (CONTRACT SKELETON: owner replaces bodies, keeps signatures.)
package choose

// Verdict is a check's answer; a refusal has a reason in a user's words ("has 512 MiB free, 2048 asked").
type Verdict struct {
	Pass   bool
	Reason string
}

func Pass() Verdict                           { return Verdict{Pass: true} }
func Drop(reason string, args ...any) Verdict { panic("x") }

// Filter makes a check for one request R over hosts H; a nil check passes all. An error rejects the request, never skips the filter.
type Filter[R, H any] struct {
	Name string
	Make func(R) (func(H) Verdict, error)
}

// Weigher scores a host for a request; scores are normalised to 0..1 over the hosts that are left, then multiplied.
type Weigher[R, H any] struct {
	Name       string
	Multiplier float64
	Score      func(R, H) float64
}

// Pipeline picks.
type Pipeline[R, H any] struct {
	Filters    []Filter[R, H]
	Weighers   []Weigher[R, H]
	Name       func(H) string
	SubsetSize int
}

// Run returns hosts best first, and the explanation (always, also on success).
func (p *Pipeline[R, H]) Run(r R, hosts []H) ([]H, Explanation, error) { panic("x") }

// Explanation says for each filter how many hosts came in, how many it dropped and why (grouped by reason, with example hosts).
type Explanation struct{ Stages []Stage }
type Stage struct {
	Filter  string
	In, Out int
	Reasons []Reason
}
type Reason struct {
	Text    string
	Hosts   int
	Example []string
}

// String is the one-paragraph text shown in a server's fault.
func (e Explanation) String() string { panic("x") }
