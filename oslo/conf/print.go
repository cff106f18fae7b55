package conf

import (
	"bufio"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
)

// Option describes one declared option, for documents and tests.
type Option struct {
	Section, Name, Kind, Default, Unit, Min, Max, Help string
	Choices                                            []string
	Secret                                             bool
}

// Options lists the declared options in the order of their declaration.
func Options(root any) []Option {
	var out []Option
	s := schemaOf(root)
	for _, sec := range slices.Concat(s.sections, s.models) {
		for _, o := range sec.options {
			kind, _ := o.kind()
			x := Option{Section: sec.name, Name: o.name, Kind: kind, Default: mask(o, o.def), Min: o.min, Max: o.max,
				Help: o.help, Secret: o.secret != ""}
			if kind == "duration" {
				x.Unit = o.unitName()
			}
			if o.enum != "" {
				x.Choices = strings.Split(o.enum, "|")
			}
			out = append(out, x)
		}
	}
	return out
}

// Sample writes a configuration file with every option commented out, with its help, type, bounds and default.
func Sample(w io.Writer, root any) error {
	b := bufio.NewWriter(w)
	s := schemaOf(root)
	for i, sec := range slices.Concat(s.sections, s.models) {
		if i > 0 {
			fmt.Fprintln(b)
		}
		if i >= len(s.sections) {
			fmt.Fprint(b, "#") // a placeholder for other names
		}
		fmt.Fprintf(b, "[%s]\n", sec.name)
		wrap(b, sec.help)
		for _, o := range sec.options {
			fmt.Fprintln(b)
			wrap(b, o.help)
			fmt.Fprintf(b, "# (%s)\n", o.describe())
			def := mask(o, o.def)
			if def == "" {
				fmt.Fprintf(b, "#%s =\n", o.name)
				continue
			}
			for line := range strings.SplitSeq(def, "\n") {
				fmt.Fprintf(b, "#%s = %s\n", o.name, line)
			}
		}
	}
	return b.Flush()
}

// Dump writes the current values as a configuration file, with secrets masked.
func Dump(w io.Writer, root any) error {
	b := bufio.NewWriter(w)
	for i, sec := range schemaOf(root).sections {
		if i > 0 {
			fmt.Fprintln(b)
		}
		fmt.Fprintf(b, "[%s]\n", sec.name)
		for _, o := range sec.options {
			values := o.values()
			if len(values) == 0 {
				values = []string{""}
			}
			for _, value := range values {
				// continuation lines begin with white space
				value = strings.NewReplacer("$", "$$", "\n", "\n    ").Replace(mask(o, value))
				fmt.Fprintln(b, strings.TrimRight(o.name+" = "+value, " "))
			}
		}
	}
	return b.Flush()
}

func (o *option) describe() string {
	kind, _ := o.kind()
	parts := []string{kind}
	if kind == "duration" {
		parts = append(parts, "in "+o.unitName())
	}
	if o.multi {
		parts = append(parts, "may be given several times")
	}
	switch {
	case o.min != "" && o.max != "":
		parts = append(parts, o.min+" to "+o.max)
	case o.min != "":
		parts = append(parts, "at least "+o.min)
	case o.max != "":
		parts = append(parts, "at most "+o.max)
	}
	if o.enum != "" {
		parts = append(parts, "one of "+strings.ReplaceAll(strings.TrimPrefix(o.enum, "|"), "|", ", "))
	}
	return strings.Join(parts, "; ")
}

// mask hides the secret parts of a text for output.
func mask(o *option, text string) string {
	if text == "" {
		return text
	}
	switch o.secret {
	case "":
		return text
	case "url":
		u, err := url.Parse(text)
		if err != nil {
			return "***"
		}
		if _, has := u.User.Password(); !has && strings.Count(text, "@") < 2 &&
			(u.User != nil || !strings.Contains(text, "@")) {
			return text
		}
		shown := u.User.String() + "@"
		// several hosts, each with credentials, or unusual characters
		if u.User == nil || strings.Count(text, "@") > 1 || !strings.Contains(text, shown) {
			return text[:strings.Index(text, "://")+3] + "***@" + text[strings.LastIndexByte(text, '@')+1:]
		}
		return strings.Replace(text, shown, url.User(u.User.Username()).String()+":***@", 1)
	}
	return "***"
}

// wrap writes help as comment lines.
func wrap(w io.Writer, help string) {
	line := "#"
	for word := range strings.FieldsSeq(help) {
		if len(line)+1+len(word) > 100 && line != "#" {
			fmt.Fprintln(w, line)
			line = "#"
		}
		line += " " + word
	}
	if line != "#" {
		fmt.Fprintln(w, line)
	}
}
