package conf

import (
	"errors"
	"io/fs"
	"strings"
)

// entry is one assignment of a file, or a section heading if option is empty.
type entry struct {
	section, option, value string
	line                   int
}

type mistake struct {
	line int
	text string
}

// parse parses the text of a file. It continues after a mistake, so that it reports all of them.
func parse(text string) ([]entry, []mistake) {
	var (
		out     []entry
		bad     []mistake
		section string
		open    = -1 // index in out of the option whose value may continue
	)
	text = strings.TrimPrefix(text, "\ufeff")
	for i, line := range strings.Split(text, "\n") {
		n := i + 1
		line = strings.TrimRight(line, " \t\r")
		trimmed := strings.TrimLeft(line, " \t")
		switch {
		case trimmed == "":
			open = -1
		case line[0] == '#' || line[0] == ';':
		case len(trimmed) < len(line): // begins with white space
			if open < 0 {
				bad = append(bad, mistake{n, "the line begins with white space, but there is no value above that it could go on " +
					"with"})
				continue
			}
			out[open].value += "\n" + trimmed
		case line[0] == '[':
			open = -1
			name, ok := strings.CutSuffix(line[1:], "]")
			name = strings.TrimSpace(name)
			if !ok || name == "" {
				bad = append(bad, mistake{n, "a section heading must look like [name]"})
				continue
			}
			section = name
			out = append(out, entry{section: section, line: n})
		default:
			open = -1
			at := strings.IndexAny(line, "=:")
			if at < 0 {
				bad = append(bad, mistake{n, "expected \"option = value\", found " + quote(line)})
				continue
			}
			name := strings.TrimSpace(line[:at])
			switch {
			case name == "":
				bad = append(bad, mistake{n, "there is no option name before " + quote(line[at:at+1])})
			case section == "":
				bad = append(bad, mistake{n, "option " + quote(name) + " stands before the first [section]"})
			default:
				out = append(out, entry{section: section, option: name, value: strings.TrimSpace(line[at+1:]), line: n})
				open = len(out) - 1
			}
		}
	}
	for i := range out {
		out[i].value = unquote(out[i].value)
	}
	return out, bad
}

// unquote removes one pair of quotes around the whole value.
func unquote(s string) string {
	if n := len(s); n > 1 && s[0] == s[n-1] && (s[0] == '"' || s[0] == '\'') {
		return s[1 : n-1]
	}
	return s
}

// quote quotes text of a file for a message, shortened so that a pasted key does not fill the screen.
func quote(s string) string {
	if len(s) > 40 {
		s = s[:40] + "…"
	}
	return "\"" + s + "\""
}

// reason returns the part of an error that the message does not contain yet.
func reason(err error) string {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err.Error()
	}
	return err.Error()
}
