package db

import (
	"regexp"
	"strings"
	"time"

	"github.com/dlclark/regexp2"

	"hypernova/oslo/fault"
)

// Expression is a compiled regular expression of a Regexp condition.
type Expression interface {
	// Find reports whether the expression is found anywhere in text; fault.Invalid for one that takes too long to tell.
	Find(text string) (bool, error)
}

// patience is how long an expression with look-around may work on one text.
const patience = 50 * time.Millisecond

// Compile reads a regular expression as clients of OpenStack write them: with look-ahead and look-behind, which the standard library does not know.
// References back to a group are refused with everything that cannot be read (fault.Invalid): they are what makes an engine work without end.
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

// refersBack reports a reference to a group, by number or by name.
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
