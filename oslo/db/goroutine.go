package db

import (
	"runtime"
	"strings"
	"testing"
)

// A transaction inside a transaction on the same database would wait for itself. A context cannot tell, because the
// function of a Tx uses its caller's. Tests get an error at once, by the id of the goroutine. Asking for it costs as
// much as a small transaction, so the program asks only when a transaction has waited for long; see Nested.
func strict() bool { return testing.Testing() }

// goroutine returns the id of the calling goroutine.
func goroutine() uint64 {
	var b [40]byte
	n := runtime.Stack(b[:], false)
	var id uint64
	for _, c := range b[len("goroutine "):n] {
		if c < '0' || c > '9' {
			break
		}
		id = id*10 + uint64(c-'0')
	}
	return id
}

// Nested returns an error if the calling goroutine runs the function of a transaction, apart from the one that it is
// about to begin. An engine with one writer calls it when a transaction has waited for long.
func Nested() error {
	pcs := make([]uintptr, 256)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	for n := 0; ; {
		f, more := frames.Next()
		_, name, _ := strings.Cut(f.Function, "/oslo/db.")
		if name == "(*DB).attempt" || name == "Lone.run" {
			if n++; n > 1 {
				return errNested
			}
		}
		if !more {
			return nil
		}
	}
}
