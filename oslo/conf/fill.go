package conf

import (
	"fmt"
	"reflect"
)

// Fill gives each option of a section its declared default if its zero value is out of its bounds or not one of its
// choices. declared is a pointer to a section's struct. A package whose Config is a section calls it where the zero
// value stands for the default, so that no default is written a second time. It panics on a bad tag.
func Fill(declared any) {
	for _, o := range optionsOf(declared) {
		if !o.field.IsZero() {
			continue
		}
		if _, err := o.parse([]string{o.format()}); err != nil {
			o.setDefault()
		}
	}
}

// Defaults returns a section with the declared default of each option. Defaults that refer to other options ($name) are
// left as they are written. It panics on a bad tag.
func Defaults[T any]() T {
	var out T
	for _, o := range optionsOf(&out) {
		o.setDefault()
	}
	return out
}

func optionsOf(declared any) []*option {
	s := section{}
	s.add(reflect.ValueOf(declared).Elem())
	return s.options
}

func (o *option) setDefault() {
	store, err := o.parse([]string{o.def})
	if err != nil {
		panic(fmt.Sprintf("conf: default of %s: %v", o.name, err))
	}
	store()
}
