package conf

// Changed names the options ("section.option") whose values differ between two configurations of one type, in order of declaration.
// Secret ones are named like all others; their values are not shown.
func Changed(a, b any) []string {
	var out []string
	other := schemaOf(b)
	for i, sec := range schemaOf(a).sections {
		for j, o := range sec.options {
			if o.format() != other.sections[i].options[j].format() {
				out = append(out, sec.name+"."+o.name)
			}
		}
	}
	return out
}
