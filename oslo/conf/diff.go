package conf

// Changed names the options ("section.option") whose values differ between two configurations of one type, in order of declaration.
// Secret ones are named like all others; their values are not shown.
func Changed(a, b any) []string {
	var out []string
	one, other := schemaOf(a), schemaOf(b)
	for _, sec := range one.sections {
		there := other.section(sec.name)
		for j, o := range sec.options {
			if there == nil || o.format() != there.options[j].format() {
				out = append(out, sec.name+"."+o.name)
			}
		}
	}
	for _, sec := range other.sections { // those that only b names
		if one.section(sec.name) == nil {
			for _, o := range sec.options {
				out = append(out, sec.name+"."+o.name)
			}
		}
	}
	return out
}
