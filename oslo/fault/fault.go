// Package fault defines the kinds of errors that all services share. A fault is made where the fact is known. It is
// wrapped with %w and crosses the message bus with its kind, text and code. Callers decide by the kind, never by the
// text.
package fault

import (
	"errors"
	"fmt"
)

// Kind is the kind of an error. The HTTP status is the usual one of the APIs.
type Kind uint8

const (
	Internal       Kind = iota // a bug, or a bad answer of another program: 500; the text is for the log only
	Invalid                    // the request is malformed or contradictory: 400
	Unauthorized               // no token, or a bad one: 401
	Forbidden                  // the caller lacks the right: 403
	NotFound                   // the resource does not exist: 404
	Conflict                   // the resource's state does not allow it, or a concurrent change: 409
	OverQuota                  // a quota is exceeded: 403 (nova), 409 (neutron), 413 (glance)
	TooLarge                   // a body, file or name is too large: 413
	Unavailable                // it may succeed later: 503
	NotImplemented             // the driver does not support it: 501
	Gone                       // the resource is removed for ever: 410
	NoValidHost                // the scheduler found no host: 500; the reason is in the server's fault
)

var names = [...]string{"internal", "invalid", "unauthorized", "forbidden", "not_found", "conflict", "over_quota",
	"too_large", "unavailable", "not_implemented", "gone", "no_valid_host"}

// String returns the kind's name, as it is used between processes and in logs.
func (k Kind) String() string {
	if int(k) < len(names) {
		return names[k]
	}
	return names[Internal]
}

// ParseKind returns the kind of a name from String. An unknown name, for example of a newer release, is Internal.
func ParseKind(s string) Kind {
	for i, n := range names {
		if n == s {
			return Kind(i)
		}
	}
	return Internal
}

// Fault is an error with a kind. Msg is the text for the client. Err, if not nil, is the cause, for the log only. Code
// is the error's name in a service's API, if it has one ("PortNotFound", "placement.concurrent_update").
type Fault struct {
	Kind Kind
	Msg  string
	Code string
	Err  error
}

func (f *Fault) Error() string {
	if f.Err != nil {
		return f.Msg + ": " + f.Err.Error()
	}
	return f.Msg
}

func (f *Fault) Unwrap() error { return f.Err }

// New makes a fault of a kind with a text for the client.
func New(k Kind, format string, args ...any) *Fault {
	return &Fault{Kind: k, Msg: fmt.Sprintf(format, args...)}
}

// Because returns a copy of the fault with a cause that only the log shows.
func (f *Fault) Because(err error) *Fault { c := *f; c.Err = err; return &c }

// Coded returns a copy of the fault with its name in a service's API.
func (f *Fault) Coded(code string) *Fault { c := *f; c.Code = code; return &c }

// Invalidf, NotFoundf and so on make faults of the common kinds.
func Invalidf(format string, args ...any) *Fault     { return New(Invalid, format, args...) }
func NotFoundf(format string, args ...any) *Fault    { return New(NotFound, format, args...) }
func Conflictf(format string, args ...any) *Fault    { return New(Conflict, format, args...) }
func Forbiddenf(format string, args ...any) *Fault   { return New(Forbidden, format, args...) }
func Unavailablef(format string, args ...any) *Fault { return New(Unavailable, format, args...) }
func OverQuotaf(format string, args ...any) *Fault   { return New(OverQuota, format, args...) }

// Of returns the outermost fault in err's chain, nil if there is none.
func Of(err error) *Fault {
	var f *Fault
	if errors.As(err, &f) {
		return f
	}
	return nil
}

// KindOf returns the kind of err, Internal if err has no fault in its chain. err must not be nil.
func KindOf(err error) Kind {
	if f := Of(err); f != nil {
		return f.Kind
	}
	return Internal
}

// Is reports whether err has the kind k as its outermost fault. It is false for nil.
func Is(err error, k Kind) bool { f := Of(err); return f != nil && f.Kind == k }

// Message returns the text of err for a client: that of its fault, or a fixed sentence if it has none.
func Message(err error) string {
	if f := Of(err); f != nil && f.Kind != Internal {
		return f.Msg
	}
	return "An unexpected error prevented the server from fulfilling your request."
}

// Body returns NotFound as Invalid (400): a missing resource that the request body names is an error of the request. It
// returns other errors and nil unchanged.
func Body(err error) error {
	f := Of(err)
	if f == nil || f.Kind != NotFound {
		return err
	}
	return &Fault{Kind: Invalid, Msg: f.Msg, Code: f.Code, Err: err}
}
