package db

import (
	"regexp"
	"strings"
	"time"

	"github.com/dlclark/regexp2"

	"hypernova/oslo/fault"
)

// Expression is the compiled regular expression of a Regexp condition.
type Expression interface {
	// Find reports whether the expression matches anywhere in text. It returns fault.Invalid if matching takes too long.
	Find(text string) (bool, error)
}

// patience is the time limit for matching one text with look-around.
const patience = 50 * time.Millisecond

// Compile compiles a regular expression as OpenStack's clients write it, with look-ahead and look-behind, which the
// standard library does not support. Back-references and syntax errors are fault.Invalid; back-references can take
// exponential time.
func Compile(pattern string) (Expression, error) {
	if re, err := regexp.Compile(pattern); err == nil {
		return plain{re}, nil
	}
	re, err := regexp2.Compile(pattern, regexp2.None)
	if err != nil || refersBack(pattern) {
		return nil, fault.Invalidf("'%s' is not a regular expression that can be used here.", pattern).Because(err)
	}
	re.MatchTimeout = patience
	return around{re}, nil
}

// refersBack reports a back-reference, by number or by name.
func refersBack(pattern string) bool {
	if strings.Contains(pattern, "(?P=") || strings.Contains(pattern, "(?(") {
		return true
	}
	for i := 0; i+1 < len(pattern); i++ {
		if pattern[i] != '\\' {
			continue
		}
		i++
		if c := pattern[i]; c >= '1' && c <= '9' || c == 'k' {
			return true
		}
	}
	return false
}

type plain struct{ re *regexp.Regexp }

func (p plain) Find(text string) (bool, error) { return p.re.MatchString(text), nil }

type around struct{ re *regexp2.Regexp }

func (a around) Find(text string) (bool, error) {
	found, err := a.re.MatchString(text)
	if err != nil {
		return false, fault.Invalidf("The regular expression '%s' takes too long.", a.re).Because(err)
	}
	return found, nil
}
