package api

import (
	"net/url"
	"reflect"
	"strings"
	"testing"
)

func TestTheFirstOfSeveralUnknownParametersIsNamed(t *testing.T) {
	t.Parallel()
	type query struct {
		Name string `wire:"name"`
	}
	var plans queries
	for range 20 {
		var q query
		v := reflect.ValueOf(&q).Elem()
		values := url.Values{"d": {""}, "c": {""}, "b": {""}, "a": {""}, "name": {"x"}}
		err := plans.of(v.Type(), Version{}).read(values, v, true, Version{})
		if err == nil || !strings.Contains(err.Error(), "parameters a:") {
			t.Fatalf("got %v", err)
		}
	}
}
