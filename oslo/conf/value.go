package conf

import (
	"encoding"
	"fmt"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

var (
	durationType = reflect.TypeFor[time.Duration]()
	textType     = reflect.TypeFor[encoding.TextUnmarshaler]()
	mapType      = reflect.TypeFor[map[string]string]()
)

// unitOf returns the unit of a duration option by its name.
func unitOf(name string) (time.Duration, error) {
	switch name {
	case "", "s":
		return time.Second, nil
	case "ms":
		return time.Millisecond, nil
	case "m":
		return time.Minute, nil
	case "h":
		return time.Hour, nil
	}
	return 0, fmt.Errorf("unknown unit %q", name)
}

// kind returns the option's type for documents.
func (o *option) kind() (string, error) {
	if _, err := unitOf(o.unit); err != nil {
		return "", err
	}
	return kindOf(o.field.Type(), o)
}

func kindOf(t reflect.Type, o *option) (string, error) {
	switch {
	case t == durationType:
		return "duration", nil
	case reflect.PointerTo(t).Implements(textType):
		return "text", nil
	case t == mapType:
		return "map", nil
	}
	switch t.Kind() {
	case reflect.String:
		switch {
		case o.enum != "":
			return "choice", nil
		case o.is != "":
			return o.is, nil
		}
		return "string", nil
	case reflect.Int, reflect.Int64, reflect.Int32, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "integer", nil
	case reflect.Float64:
		return "float", nil
	case reflect.Bool:
		return "boolean", nil
	case reflect.Slice:
		k, err := kindOf(t.Elem(), o)
		return "list of " + k, err
	}
	return "", fmt.Errorf("type %s cannot be an option", t)
}

// parse parses texts (one, or the lines of a multi option). The returned store sets the field and cannot fail.
func (o *option) parse(texts []string) (store func(), err error) {
	v := reflect.New(o.field.Type()).Elem()
	if v.Kind() == reflect.Slice && !v.Addr().Type().Implements(textType) {
		for _, t := range texts {
			if !o.multi {
				if err := o.list(v, t); err != nil {
					return nil, err
				}
			} else if t != "" {
				if err := o.element(v, t); err != nil {
					return nil, err
				}
			}
		}
	} else if err := o.scalar(v, texts[len(texts)-1]); err != nil {
		return nil, err
	}
	return func() { o.field.Set(v) }, nil
}

func (o *option) list(v reflect.Value, text string) error {
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		if err := o.element(v, part); err != nil {
			return err
		}
	}
	return nil
}

func (o *option) element(v reflect.Value, text string) error {
	e := reflect.New(v.Type().Elem()).Elem()
	if err := o.scalar(e, text); err != nil {
		return err
	}
	v.Set(reflect.Append(v, e))
	return nil
}

func (o *option) scalar(v reflect.Value, text string) error {
	switch {
	case v.Type() == durationType:
		return o.duration(v, text)
	case v.Addr().Type().Implements(textType):
		if text == "" { // the zero value means none
			return nil
		}
		if err := v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(text)); err != nil {
			return fmt.Errorf("%s is no %s", o.show(text), strings.ToLower(v.Type().Name()))
		}
		return nil
	case v.Type() == mapType:
		return o.pairs(v, text)
	}
	switch v.Kind() {
	case reflect.String:
		return o.text(v, text)
	case reflect.Bool:
		switch strings.ToLower(text) {
		case "true", "1", "on", "yes":
			v.SetBool(true)
		case "false", "0", "off", "no", "":
			v.SetBool(false)
		default:
			return fmt.Errorf("%s is neither true nor false", o.show(text))
		}
		return nil
	case reflect.Float64:
		f, err := strconv.ParseFloat(orZero(text), 64)
		if err != nil {
			return fmt.Errorf("%s is no number", o.show(text))
		}
		v.SetFloat(f)
		return o.bounds(f, "")
	case reflect.Uint16, reflect.Uint32, reflect.Uint64:
		n, err := strconv.ParseUint(orZero(text), 10, v.Type().Bits())
		if err != nil {
			return fmt.Errorf("%s is no integer of 0 or more", o.show(text))
		}
		v.SetUint(n)
		return o.bounds(float64(n), "")
	default:
		n, err := strconv.ParseInt(orZero(text), 10, v.Type().Bits())
		if err != nil {
			return fmt.Errorf("%s is no integer", o.show(text))
		}
		v.SetInt(n)
		return o.bounds(float64(n), "")
	}
}

func (o *option) text(v reflect.Value, text string) error {
	if o.enum != "" && !slices.Contains(strings.Split(o.enum, "|"), text) {
		return fmt.Errorf("%s is none of %s", o.show(text), strings.ReplaceAll(o.enum, "|", ", "))
	}
	if o.is == "url" && text != "" {
		// The message omits the text: a value that does not parse cannot be masked.
		if u, err := url.Parse(text); err != nil || u.Scheme == "" {
			return fmt.Errorf("the value is no URL, which begins with scheme://")
		}
	}
	v.SetString(text)
	return nil
}

func (o *option) duration(v reflect.Value, text string) error {
	unit, _ := unitOf(o.unit)
	d, err := time.ParseDuration(orZero(text))
	if n, nerr := strconv.ParseFloat(orZero(text), 64); nerr == nil {
		d, err = time.Duration(n*float64(unit)), nil
	}
	if err != nil {
		return fmt.Errorf("%s is no duration such as 10 or 1m30s", o.show(text))
	}
	v.SetInt(int64(d))
	return o.bounds(float64(d)/float64(unit), " "+o.unitName())
}

func (o *option) pairs(v reflect.Value, text string) error {
	m := map[string]string{}
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		k, x, ok := strings.Cut(part, ":")
		if !ok {
			return fmt.Errorf("%s is not of the form key:value", o.show(part))
		}
		m[strings.TrimSpace(k)] = strings.TrimSpace(x)
	}
	if len(m) > 0 {
		v.Set(reflect.ValueOf(m))
	}
	return nil
}

func (o *option) bounds(n float64, unit string) error {
	if o.min != "" && n < mustFloat(o.min) {
		return fmt.Errorf("%v%s is less than the minimum, %s%s", n, unit, o.min, unit)
	}
	if o.max != "" && n > mustFloat(o.max) {
		return fmt.Errorf("%v%s is more than the maximum, %s%s", n, unit, o.max, unit)
	}
	return nil
}

// show quotes a value for a message, or masks it if it is secret.
func (o *option) show(text string) string {
	if o.secret != "" {
		return "the value"
	}
	return quote(text)
}

func (o *option) unitName() string {
	if o.unit == "" {
		return "s"
	}
	return o.unit
}

// format returns the field's value in the form of a file.
func (o *option) format() string { return strings.Join(o.values(), "\n") }

// values returns the texts of the option in a file. Only a multi option has more or less than one.
func (o *option) values() []string {
	if !o.multi {
		return []string{o.formatValue(o.field)}
	}
	var all []string
	for i := range o.field.Len() {
		all = append(all, o.formatValue(o.field.Index(i)))
	}
	return all
}

func (o *option) formatValue(v reflect.Value) string {
	if v.Type() == durationType {
		unit, _ := unitOf(o.unit)
		return strconv.FormatFloat(float64(v.Int())/float64(unit), 'f', -1, 64)
	}
	if m, ok := v.Interface().(encoding.TextMarshaler); ok {
		b, err := m.MarshalText()
		if err != nil {
			return fmt.Sprint(v.Interface())
		}
		return string(b)
	}
	switch v.Kind() {
	case reflect.Slice:
		var parts []string
		for i := range v.Len() {
			parts = append(parts, o.formatValue(v.Index(i)))
		}
		return strings.Join(parts, ",")
	case reflect.Map:
		m := v.Interface().(map[string]string)
		var parts []string
		for _, k := range slices.Sorted(maps.Keys(m)) {
			parts = append(parts, k+":"+m[k])
		}
		return strings.Join(parts, ",")
	}
	return fmt.Sprint(v.Interface())
}

func orZero(s string) string {
	if s == "" {
		return "0"
	}
	return s
}

// mustFloat parses a bound of a tag. It panics if the bound is not a number.
func mustFloat(s string) float64 {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		panic("conf: bound " + s + " is no number")
	}
	return f
}
