package virt

import (
	"context"
	"time"

	"hypernova/nova"
)

// Rebuilder is the capability of giving a server new disks. The old ones are kept until FinishRebuild, so that a failed
// rebuild can be undone. A rebuild is PrepareRebuild, Rebuild and then FinishRebuild, or UndoRebuild after any of the
// first two. Destroy also removes what a rebuild has made or kept.
type Rebuilder interface {
	// PrepareRebuild makes the new disks of s beside those of the server, whose guest goes on. keepEphemeral: the new
	// server gets the ephemeral disk of the old one. What an earlier call made is made anew. When it fails it
	// leaves nothing behind. fault.NotFound for an unknown server.
	PrepareRebuild(ctx context.Context, s *nova.Spec, images Images, keepEphemeral bool) error
	// Rebuild ends the guest, puts the old disks aside and the new ones in their place. With boot it then starts the
	// server; otherwise the server is off. fault.NotFound if it was not prepared.
	Rebuild(ctx context.Context, s *nova.Spec, boot bool) error
	// UndoRebuild removes new disks and puts back old ones that Rebuild has put aside. It starts the server from them if
	// they were aside and boot is set. Without a rebuild it does nothing.
	UndoRebuild(ctx context.Context, s *nova.Spec, boot bool) error
	// FinishRebuild removes the old disks. Without a rebuild it does nothing.
	FinishRebuild(ctx context.Context, id string) error
}

// Rescuer is the capability of starting a server from a disk made of another image, beside its own disks.
type Rescuer interface {
	// PrepareRescue makes the rescue disk, and the config drive of the rescue guest if s has one, whose guest goes on. It
	// makes anew what an earlier call made. When it fails it leaves nothing behind. fault.NotFound for an unknown
	// server.
	PrepareRescue(ctx context.Context, s *nova.Spec, rescue *nova.ImageMeta, images Images) error
	// Rescue asks the guest to shut down, ends it after grace, and starts the server from the rescue disk. A server that
	// runs from it is no error. fault.NotFound if it was not prepared.
	Rescue(ctx context.Context, s *nova.Spec, rescue *nova.ImageMeta, grace time.Duration) error
	// Unrescue removes what PrepareRescue has made. A guest that runs from the rescue disk is ended first. With boot the
	// server then runs from its own disks.
	Unrescue(ctx context.Context, s *nova.Spec, boot bool) error
}
