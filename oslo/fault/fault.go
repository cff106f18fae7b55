// Package fault is the error kinds that all services share, and their transport between processes. A fault is made
// where a fact is known, travels up wrapped with %w and across the bus as (kind, message), and is decided upon by kind,
// never by text.
package fault

import (
	"errors"
	"fmt"
)

// Kind says what went wrong in terms a caller can act upon. The list is closed.
type Kind uint8

const (
	Internal       Kind = iota // a bug or a broken neighbour: 500, the text stays in the log
	Invalid                    // the request makes no sense: 400
	Unauthorized               // no or bad proof of identity: 401
	Forbidden                  // known, but not allowed: 403
	NotFound                   // the thing named in the path is not there: 404
	Conflict                   // the state forbids it, or somebody was faster: 409
	OverQuota                  // a limit of the project: 403 (nova), 409 (neutron), 413 (glance)
	TooLarge                   // body, file or name over the bound: 413
	Unavailable                // try again later: 503
	NotImplemented             // the driver cannot do this: 501
	Gone                       // it was here and never comes back: 410
	NoValidHost                // the scheduler found nothing: 500 in the API, the reason in the server's fault
)

var names = [...]string{"internal", "invalid", "unauthorized", "forbidden", "not_found", "conflict", "over_quota",
	"too_large", "unavailable", "not_implemented", "gone", "no_valid_host"}

// String is the kind's name on the wire and in logs.
func (k Kind) String() string {
	if int(k) < len(names) {
		return names[k]
	}
	return names[Internal]
}

// ParseKind reads a name made by String; an unknown name, as a newer peer may send, is Internal.
func ParseKind(s string) Kind {
	for i, n := range names {
		if n == s {
			return Kind(i)
		}
	}
	return Internal
}

// Fault is an error with a kind. Msg is a sentence for the client; Err, if any, is the cause for the log only.
// Code is the service's own name of the error where its API shows one ("PortNotFound", "placement.concurrent_update").
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

// Coded returns a copy of the fault with the service's own name for it.
func (f *Fault) Coded(code string) *Fault { c := *f; c.Code = code; return &c }

// Invalidf, NotFoundf … make the common kinds.
func Invalidf(format string, args ...any) *Fault     { return New(Invalid, format, args...) }
func NotFoundf(format string, args ...any) *Fault    { return New(NotFound, format, args...) }
func Conflictf(format string, args ...any) *Fault    { return New(Conflict, format, args...) }
func Forbiddenf(format string, args ...any) *Fault   { return New(Forbidden, format, args...) }
func Unavailablef(format string, args ...any) *Fault { return New(Unavailable, format, args...) }
func OverQuotaf(format string, args ...any) *Fault   { return New(OverQuota, format, args...) }

// Of finds the outermost fault in err's chain, nil if there is none.
func Of(err error) *Fault {
	var f *Fault
	if errors.As(err, &f) {
		return f
	}
	return nil
}

// KindOf is the kind of err: Internal for an error that nobody classified. It must not be asked of a nil error.
func KindOf(err error) Kind {
	if f := Of(err); f != nil {
		return f.Kind
	}
	return Internal
}

// Is reports whether err is a fault of kind k; false for nil.
func Is(err error, k Kind) bool { f := Of(err); return f != nil && f.Kind == k }

// Message is the text of err that a client may see; a fixed sentence where nobody wrote one.
func Message(err error) string {
	if f := Of(err); f != nil && f.Kind != Internal {
		return f.Msg
	}
	return "An unexpected error prevented the server from fulfilling your request."
}

// Body turns NotFound into Invalid: a missing thing named in the request body is the request's mistake (400).
// Other errors and nil pass through.
func Body(err error) error {
	f := Of(err)
	if f == nil || f.Kind != NotFound {
		return err
	}
	return &Fault{Kind: Invalid, Msg: f.Msg, Code: f.Code, Err: err}
}
