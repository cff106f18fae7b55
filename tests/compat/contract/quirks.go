package contract

import (
	"errors"
	"regexp"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// Quirk is a difference between the document and the real service, which is not an error.
type Quirk struct {
	Operation string // regular expression on "api METHOD template"
	At        string // regular expression on "path: what is wrong"
	Below     int    // only for microversions whose second number is smaller; 0: for all
	Why       string
}

// leaves returns the single errors of a validation that no quirk explains.
func leaves(op string, minor int, err error, quirks []Quirk, used map[int]int) []string {
	var v *jsonschema.ValidationError
	if !errors.As(err, &v) {
		return []string{err.Error()}
	}
	if len(v.Causes) > 0 {
		var out []string
		for _, c := range v.Causes {
			out = append(out, leaves(op, minor, c, quirks, used)...)
		}
		return out
	}
	text := "/" + strings.Join(v.InstanceLocation, "/") + ": " +
		v.ErrorKind.LocalizedString(message.NewPrinter(language.English))
	for i, q := range quirks {
		if (q.Below == 0 || minor < q.Below) && regexp.MustCompile(q.Operation).MatchString(op) &&
			regexp.MustCompile(q.At).MatchString(text) {
			used[i]++
			return nil
		}
	}
	return []string{text}
}
