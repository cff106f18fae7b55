package app

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"

	"hypernova/oslo/api"
	"hypernova/oslo/conf"
)

// Dump writes one sort of declarations in a form made for comparing.
type Dump struct {
	Name, Help string
	Write      func(io.Writer) error
}

// Dumps are all sorts.
func Dumps() []Dump {
	return []Dump{
		{"routes", "every operation: method, path, microversions, policy, status", dumpRoutes},
		{"schema", "every operation's members: request, query, answer", dumpSchema},
		{"policy", "every rule with its default and the operations it guards", dumpPolicy},
		{"rpc", "every message with its fields", dumpRPC},
		{"options", "every option with type, default and bounds", dumpOptions},
	}
}

func dumpRoutes(w io.Writer) error {
	b := bufio.NewWriter(w)
	for _, d := range services() {
		for _, o := range d.operations() {
			path := o.Path
			if o.Action != "" {
				path += " " + o.Action
			}
			fmt.Fprintf(b, "%s\t%s %s\t%d\t%s\t%s\n", d.name, o.Method, path, o.Status, dash(o.Span), dash(o.Rule))
		}
	}
	return b.Flush()
}

func dumpSchema(w io.Writer) error {
	b := bufio.NewWriter(w)
	for _, d := range services() {
		for _, o := range d.operations() {
			fmt.Fprintf(b, "%s %s %s %s %s\n", d.name, o.Method, o.Path, o.Action, o.Span)
			writeMembers(b, "query", o.Query, 1)
			writeMembers(b, "request", o.In, 1)
			writeMembers(b, "answer", o.Out, 1)
		}
	}
	return b.Flush()
}

func writeMembers(w io.Writer, title string, ms []api.Member, depth int) {
	if len(ms) == 0 {
		return
	}
	pad := strings.Repeat("  ", depth)
	if title != "" {
		fmt.Fprintf(w, "%s%s\n", pad, title)
	}
	for _, m := range ms {
		fmt.Fprintf(w, "%s  %s\n", pad, strings.Join(strings.Fields(strings.Join([]string{m.Name, m.Type, m.Span, m.Checks,
			m.Policy}, " ")), " "))
		writeMembers(w, "", m.Members, depth+1)
	}
}

// dumpPolicy writes each rule with what it guards, as an operator's policy file would have it.
func dumpPolicy(w io.Writer) error {
	b := bufio.NewWriter(w)
	for _, d := range services() {
		fmt.Fprintf(b, "# %s\n", d.name)
		guards := map[string][]string{}
		for _, o := range d.operations() {
			if call := strings.TrimSpace(o.Method + " " + o.Path + " " + o.Action); !slices.Contains(guards[o.Rule], call) {
				guards[o.Rule] = append(guards[o.Rule], call)
			}
		}
		for _, r := range d.rules() {
			if r.Doc != "" {
				fmt.Fprintf(b, "# %s\n", r.Doc)
			}
			for _, call := range guards[r.Name] {
				fmt.Fprintf(b, "# %s\n", call)
			}
			if len(r.Scopes) > 0 {
				fmt.Fprintf(b, "# for tokens of: %s\n", strings.Join(r.Scopes, ", "))
			}
			fmt.Fprintf(b, "#%q: %q\n", r.Name, r.Check)
		}
		if open := guards[""]; len(open) > 0 {
			b.WriteString("# Without a rule of their own: open to all, or decided by what is asked for.\n")
			for _, call := range open {
				fmt.Fprintf(b, "# %s\n", call)
			}
		}
	}
	return b.Flush()
}

func dumpOptions(w io.Writer) error {
	b := bufio.NewWriter(w)
	for _, o := range conf.Options(new(Config)) {
		bounds := strings.Trim(o.Min+".."+o.Max, " ")
		if bounds == ".." {
			bounds = "-"
		}
		fmt.Fprintf(b, "[%s] %s\t%s\t%s\t%s\n", o.Section, o.Name,
			strings.TrimSpace(o.Kind+" "+o.Unit+" "+strings.Join(o.Choices, "|")), bounds, o.Default)
	}
	return b.Flush()
}

func dumpRPC(w io.Writer) error {
	for _, d := range services() {
		for _, a := range d.rpc {
			if _, err := fmt.Fprintln(w, a.Contract()); err != nil {
				return err
			}
		}
	}
	return nil
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
