// Package conf is declared configuration options, as in oslo.config: a struct per section, a tagged field per option,
// layered sources.
//
//	type Database struct {
//	    Connection string        `conf:"connection" default:"sqlite:///$state_path/nova.db" help:"…" secret:"url"`
//	    PoolSize   int           `conf:"max_pool_size" default:"5" min:"1" max:"1000" help:"…"`
//	    Interval   time.Duration `conf:"report_interval" default:"10" unit:"s" help:"…"`
//	}
//	type Config struct {
//	    Database Database `section:"database" help:"…"`
//	}
//
// A root struct has one field per section. Fields are strings, integers, floats, bools, durations, lists ([]string,
// []int), maps (map[string]string, "a:1,b:2") and types that unmarshal from text (netip.Addr). Tags:
//
//	default  the text used where nobody sets the option      unit    of a duration without one: ms, s (default), m, h
//	min max  bounds of a number or duration, in its unit     enum    the allowed texts, "a|b"; of a list: of each element
//	is       url: the text must be a URL with a scheme       multi   true: a list whose lines in files add up
//	secret   true: never shown; url: its password is hidden  help    one or more sentences for the sample file
//
// A field that is not zero before Load replaces its default tag. Use that for computed defaults.
//
// A map field, map[string]*Store, declares sections whose names the configuration lists. Its tag
// sections:"section.option" names the option with the list. The struct declares the options and their defaults.
//
// Files use the format of oslo.config: "option = value" below "[section]". A line that begins with white space
// continues the value above it. The last of several equal options wins. $option, ${option} and ${section.option} stand
// for another option's value; $$ is a dollar sign. Secret options are taken literally.
package conf

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"hypernova/oslo/fault"
)

// EnvPrefix is the prefix of environment variables that set options: HYPERNOVA_<SECTION>__<OPTION>.
const EnvPrefix = "HYPERNOVA_"

// Load fills root (a pointer to a struct of sections) from defaults, then files in order, then environment
// (HYPERNOVA_<SECTION>__<OPTION>), then sets ("section.option=value"). It returns all problems in one fault.Invalid,
// each with its place. For an unknown section or option it suggests the nearest known one. On error root is unchanged.
func Load(root any, files []string, env []string, sets []string) error {
	_, err := LoadFrom(root, Sources{Files: files, Env: env, Sets: sets})
	return err
}

// LoadFrom is Load for files that may belong to OpenStack's services. It returns remarks for the operator, one sentence
// each.
func LoadFrom(root any, from Sources) (remarks []string, err error) {
	read := func(l *loader) {
		if from.Foreign != nil {
			from.Foreign.Begin()
		}
		for _, f := range from.Files {
			l.file(f)
		}
		for _, e := range from.Env {
			l.environ(e)
		}
		for _, x := range from.Sets {
			l.set(x)
		}
	}
	var problems []string
	for _, f := range families(root) {
		former := reflect.New(f.field.Type()).Elem()
		former.Set(f.field)
		problems = append(problems, f.learn(root, from, read)...)
		defer func() {
			if err != nil {
				f.field.Set(former)
			}
		}()
	}
	l := newLoader(root, from)
	l.problems = problems
	read(l)
	l.apply()
	if len(l.problems) == 0 {
		return l.remarks, nil
	}
	head := "the configuration has a problem:"
	if n := len(l.problems); n > 1 {
		head = fmt.Sprintf("the configuration has %d problems:", n)
	}
	return l.remarks, fault.Invalidf("%s\n  %s", head, strings.Join(l.problems, "\n  "))
}

// Expand lists the files that Load reads: the given files, then each directory's *.conf files sorted by name. A missing
// directory is an error; an empty one is not.
func Expand(files, dirs []string) ([]string, error) {
	out := slices.Clone(files)
	for _, d := range dirs {
		entries, err := os.ReadDir(d)
		if err != nil {
			return nil, fault.Invalidf("configuration directory %s cannot be read", d).Because(err)
		}
		for _, e := range entries {
			if !e.IsDir() && strings.HasSuffix(e.Name(), ".conf") {
				out = append(out, filepath.Join(d, e.Name()))
			}
		}
	}
	return out, nil
}

// setting is a value with its source.
type setting struct {
	text    string
	place   string // "nova.conf:12", "environment HYPERNOVA_…", "command line", "default"
	lines   []string
	owner   string // the program that the file belongs to; empty: this one
	problem string // why the program cannot start with this value
	rival   string // a place in another program's file with a different value
}

type loader struct {
	schema   *schema
	from     Sources
	values   map[*option]setting
	raw      map[string]string // values in files, for references to options of another program
	turns    int               // number of resolved references to such options
	remarks  []string
	problems []string
}

func newLoader(root any, from Sources) *loader {
	return &loader{schema: schemaOf(root), from: from, values: map[*option]setting{}, raw: map[string]string{}}
}

func (l *loader) problem(place, format string, args ...any) {
	l.problems = append(l.problems, place+": "+fmt.Sprintf(format, args...))
}

func (l *loader) file(name string) {
	text, err := os.ReadFile(name)
	if err != nil {
		l.problem(name, "cannot be read: %s", reason(err))
		return
	}
	entries, bad := parse(string(text))
	for _, b := range bad {
		l.problem(fmt.Sprintf("%s:%d", name, b.line), "%s", b.text)
	}
	unknown := map[string]bool{} // unknown sections that are reported already
	for _, e := range entries {
		place := fmt.Sprintf("%s:%d", name, e.line)
		if e.option != "" && l.foreign(Entry{File: name, Section: e.section, Option: e.option, Value: e.value}, place) {
			continue
		}
		sec := l.section(e.section)
		if sec == nil && l.sectionOfAnother(name, e.section) {
			if e.option != "" {
				l.problem(place, "[%s] has no option %q%s", e.section, e.option, l.foreignHint(name, e.section, e.option, nil))
			}
			continue
		}
		if sec == nil {
			if !unknown[e.section] {
				unknown[e.section] = true
				l.problem(place, "there is no section [%s]%s", e.section, Hint(e.section, l.schema.sectionNames(), "[%s]"))
			}
			continue
		}
		if e.option == "" {
			continue
		}
		o := sec.option(e.option)
		if o == nil {
			h := l.optionHint(sec, e.option)
			if h == "" || !strings.HasSuffix(h, "has it") {
				if f := l.foreignHint(name, e.section, e.option, sec.optionNames()); f != "" {
					h = f
				}
			}
			l.problem(place, "[%s] has no option %q%s", e.section, e.option, h)
			continue
		}
		l.assign(o, e.value, place, "")
	}
}

func (l *loader) environ(entry string) {
	name, value, _ := strings.Cut(entry, "=")
	rest, ours := strings.CutPrefix(name, EnvPrefix)
	secName, optName, two := strings.Cut(rest, "__")
	if !ours || !two { // HYPERNOVA_X without a section is not an option
		return
	}
	place := "environment " + name
	for _, sec := range l.schema.sections {
		if envName(sec.name) != secName {
			continue
		}
		for _, o := range sec.options {
			if envName(o.name) == optName {
				l.values[o] = setting{text: value, place: place, lines: []string{value}}
				return
			}
		}
		l.problem(place, "[%s] has no option %q%s", sec.name, strings.ToLower(optName),
			l.optionHint(sec, strings.ToLower(optName)))
		return
	}
	l.problem(place, "there is no section [%s]%s", strings.ToLower(secName),
		Hint(secName, l.schema.sectionNames(), "[%s]"))
}

func (l *loader) set(x string) {
	name, value, ok := strings.Cut(x, "=")
	place := "--set " + name
	i := strings.LastIndexByte(name, '.')
	if !ok || i < 0 {
		l.problem("--set "+x, "must be section.option=value")
		return
	}
	sec := l.schema.section(name[:i])
	if sec == nil {
		l.problem(place, "there is no section [%s]%s", name[:i], Hint(name[:i], l.schema.sectionNames(), "[%s]"))
		return
	}
	o := sec.option(name[i+1:])
	if o == nil {
		l.problem(place, "[%s] has no option %q%s", sec.name, name[i+1:], l.optionHint(sec, name[i+1:]))
		return
	}
	l.values[o] = setting{text: value, place: place, lines: []string{value}}
}

// apply resolves references and parses everything. It stores the values only if there is no error.
func (l *loader) apply() {
	var stores []func()
	for _, sec := range l.schema.sections {
		for _, o := range sec.options {
			v := l.setting(o)
			if v.rival != "" {
				l.problem(v.place, "[%s] %s: %s says otherwise, and one process has one value; give each service a process of "+
					"its own, or set it in a file of this cloud's own",
					sec.name, o.name, v.rival)
			}
			if v.problem != "" {
				l.problem(v.place, "[%s] %s: %s", sec.name, o.name, v.problem)
				continue
			}
			store, err := l.value(o, v)
			if err != nil {
				l.problem(v.place, "[%s] %s: %s", sec.name, o.name, err)
				continue
			}
			stores = append(stores, store)
		}
	}
	if len(l.problems) > 0 {
		return
	}
	for _, s := range stores {
		s()
	}
}

func (l *loader) value(o *option, v setting) (store func(), err error) {
	texts := []string{v.text}
	if o.multi && v.lines != nil {
		texts = slices.Clone(v.lines)
	}
	for i, t := range texts {
		if texts[i], err = l.resolve(o, t, nil); err != nil {
			return nil, err
		}
	}
	return o.parse(texts)
}

func (l *loader) setting(o *option) setting {
	if v, ok := l.values[o]; ok {
		return v
	}
	return setting{text: o.def, place: "default"}
}

func (l *loader) optionHint(in *section, name string) string {
	// A correct name in a wrong section is the most common mistake; name the right section.
	for _, sec := range l.schema.sections {
		if sec.option(name) != nil {
			return fmt.Sprintf("; [%s] has it", sec.name)
		}
	}
	return Hint(name, in.optionNames(), "%s")
}

func envName(s string) string {
	return strings.ToUpper(strings.NewReplacer("-", "_", ".", "_").Replace(s))
}
