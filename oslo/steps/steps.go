// Package steps runs long work as named steps with undo. (CONTRACT SKELETON: owner replaces bodies, keeps signatures.)
package steps

import "context"

// Step is one named piece of work on the record S. Do and Undo are idempotent and take all they need from S.
type Step[S any] struct {
	Name string
	Do   func(ctx context.Context, s *S) error
	Undo func(ctx context.Context, s *S) error // nil: nothing to undo
}

// Journal keeps the progress record. Save is durable when it returns; an error stops the run without undo (somebody else owns it now).
type Journal interface {
	Load(ctx context.Context) ([]byte, error)
	Save(ctx context.Context, record []byte) error
}

// Run does the steps in order, recording before each one what is about to run and after it the changed S. After a restart it goes on where the record
// ends: the step that was under way runs again. When a step fails, that step and all before it are undone in reverse and the
// step's error is returned (joined with undo errors); an unwinding that was interrupted goes on unwinding and returns the recorded failure.
// ctx ending (shutdown) stops between steps without undo and returns ctx's error.
func Run[S any](ctx context.Context, j Journal, s *S, plan ...Step[S]) error { panic("x") }
