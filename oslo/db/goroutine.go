package db

import "runtime"

// goroutine returns the id of the calling goroutine. Its only use is to return an error for a transaction inside a
// transaction, which would deadlock. A context cannot tell, because the function of a Tx uses its caller's.
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
