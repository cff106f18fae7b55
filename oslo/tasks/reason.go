package tasks

import (
	"encoding/json"
	"errors"
	"strings"

	"hypernova/oslo/fault"
)

// reason is the stored reason of a failure.
type reason struct {
	Kind string `json:"kind"`
	Msg  string `json:"msg"`
	Code string `json:"code,omitempty"`
	Text string `json:"text"`
}

// reasonOf returns err in its stored form.
func reasonOf(err error) string {
	r := reason{Kind: fault.KindOf(err).String(), Msg: fault.Message(err), Text: err.Error()}
	if f := fault.Of(err); f != nil {
		r.Code = f.Code
	}
	b, jerr := json.Marshal(r)
	if jerr != nil {
		return "" // strings always marshal
	}
	return string(b)
}

// errorOf returns a stored reason as an error of the same kind, code and text.
func errorOf(s string) error {
	var r reason
	if json.Unmarshal([]byte(s), &r) != nil {
		return fault.New(fault.Internal, "unknown")
	}
	f := &fault.Fault{Kind: fault.ParseKind(r.Kind), Msg: r.Msg, Code: r.Code}
	if r.Text != r.Msg {
		f.Err = errors.New(strings.TrimPrefix(r.Text, r.Msg+": "))
	}
	return f
}
