package conf

// Changed lists the options ("section.option") whose values differ between two configurations of one type, in the order
// of their declaration. It includes secret options, without values.
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
	for _, sec := range other.sections { // sections that only b has
		if one.section(sec.name) == nil {
			for _, o := range sec.options {
				out = append(out, sec.name+"."+o.name)
			}
		}
	}
	return out
}
