//go:build !linux

package app

// releaseStart does nothing: only Linux offers it.
func releaseStart() {}
