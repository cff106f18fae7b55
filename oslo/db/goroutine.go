package db

import "runtime"

// goroutine is the number of the calling goroutine. It serves one purpose: to answer a transaction inside a transaction with
// an error where it would wait for itself. A context cannot tell, because the function of a Tx is a closure over its caller's.
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
