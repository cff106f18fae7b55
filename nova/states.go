package nova

import (
	"slices"

	"hypernova/oslo/fault"
)

// VMState is the stable state of a server (nova's vm_state).
type VMState string

// TaskState is the operation that runs on a server (nova's task_state); empty: none.
type TaskState string

// PowerState is the state that the hypervisor reports, with nova's numbers.
type PowerState int

const (
	Building  VMState = "building"
	Active    VMState = "active"
	Stopped   VMState = "stopped"
	Paused    VMState = "paused"
	Suspended VMState = "suspended" // its memory is saved on the host's disk
	Rescued   VMState = "rescued"   // it runs from a rescue disk, beside its own
	Error     VMState = "error"
	// A shelved server is off, and its disk is an image. An offloaded one is on no host.
	Shelved          VMState = "shelved"
	ShelvedOffloaded VMState = "shelved_offloaded"
	// SoftDeleted: its guest is off, and it is deleted for good unless it is restored in time.
	SoftDeleted VMState = "soft-delete"
	Deleted     VMState = "deleted"
)

// VMStates lists them all.
func VMStates() []VMState {
	return []VMState{Building, Active, Stopped, Paused, Suspended, Rescued, Shelved, ShelvedOffloaded, SoftDeleted,
		Error, Deleted}
}

const (
	Idle                  TaskState = ""
	Scheduling            TaskState = "scheduling"
	BlockDeviceMapping    TaskState = "block_device_mapping"
	Networking            TaskState = "networking"
	Spawning              TaskState = "spawning"
	PoweringOff           TaskState = "powering-off"
	PoweringOn            TaskState = "powering-on"
	Rebooting             TaskState = "rebooting"
	RebootingHard         TaskState = "rebooting_hard"
	Pausing               TaskState = "pausing"
	Unpausing             TaskState = "unpausing"
	Suspending            TaskState = "suspending"
	Resuming              TaskState = "resuming"
	Rebuilding            TaskState = "rebuilding"
	Rescuing              TaskState = "rescuing"
	Unrescuing            TaskState = "unrescuing"
	UpdatingPassword      TaskState = "updating_password"
	ImageSnapshotPending  TaskState = "image_snapshot_pending"
	ImageBackup           TaskState = "image_backup"
	ImageSnapshot         TaskState = "image_snapshot"
	ImagePendingUpload    TaskState = "image_pending_upload"
	ImageUploading        TaskState = "image_uploading"
	Shelving              TaskState = "shelving"
	ShelvingPendingUpload TaskState = "shelving_image_pending_upload"
	ShelvingUploading     TaskState = "shelving_image_uploading"
	ShelvingOffloading    TaskState = "shelving_offloading"
	Unshelving            TaskState = "unshelving"
	SoftDeleting          TaskState = "soft-deleting"
	Restoring             TaskState = "restoring"
	Deleting              TaskState = "deleting"
	Migrating             TaskState = "migrating"
)

const (
	NoState        PowerState = 0
	Running        PowerState = 1
	PowerPaused    PowerState = 3
	Shutdown       PowerState = 4
	Crashed        PowerState = 6
	PowerSuspended PowerState = 7
)

// Cause is why a guest does not run although nobody asked for that; empty: it runs, it was asked for, or nobody can
// say.
type Cause string

const (
	CauseGuest Cause = "guest" // the guest shut itself down
	CauseCrash Cause = "crash" // its process on the host died, or its kernel did
	CauseDisk  Cause = "disk"  // it was halted because a disk of it could not be written, mostly as the host's is full
	// something on the host ended or halted it: an operator's command, a watchdog, a failed operation
	CauseHost Cause = "host"
)

// State is the state of a server in the database.
type State struct {
	VM   VMState
	Task TaskState
}

// Move is one row of the transition table: from which states a server may go, and where it comes out.
// Every change of state goes through one; the store's writer compares From and While with the row it finds.
type Move struct {
	Name  string
	From  []VMState   // nil: any but deleted
	While []TaskState // nil: any
	To    VMState     // empty: stays
	Task  TaskState   // task state afterwards; Kept: stays
}

// The moves of builds, and those that the cloud makes by itself; the moves of what users ask of a server stand with
// its row in the table of actions. A move whose While does not name the task state in the row is late: a newer request
// owns the server.
var (
	MovePlace      = Move{"place", []VMState{Building}, []TaskState{Scheduling, Networking, Spawning}, "", Networking}
	MoveSpawn      = Move{"spawn", []VMState{Building}, []TaskState{Networking, Spawning}, "", Spawning}
	MoveReschedule = Move{"reschedule", []VMState{Building, Error}, []TaskState{Scheduling, Networking, Spawning}, "",
		Scheduling}
	MoveBuilt   = Move{"built", []VMState{Building}, []TaskState{Spawning}, Active, Idle}
	MoveUnbuilt = Move{"unbuilt", []VMState{Building, Error}, []TaskState{Scheduling, Networking, Spawning}, Error,
		Idle}

	// MoveRestop stops a guest that runs although its server is stopped, or one that has crashed or suspended
	// itself.
	MoveRestop = Move{"restop", []VMState{Stopped, Active, Paused}, []TaskState{Idle}, "", PoweringOff}

	// The moves of a build that brings a server back which is on no host.
	MoveUnshelvePlace = Move{"unshelve-place", []VMState{ShelvedOffloaded}, unshelveTasks, "", Unshelving}
	MoveUnshelveSpawn = Move{"unshelve-spawn", []VMState{ShelvedOffloaded}, unshelveTasks, "", Spawning}
	MoveUnshelveAgain = Move{"unshelve-again", []VMState{ShelvedOffloaded, Error}, unshelveTasks, "", Unshelving}
	MoveUnshelveEnd   = Move{"unshelve-end", []VMState{ShelvedOffloaded, Error}, unshelveTasks, "", Idle}

	// The moves of an operator's reset of the state. A server that is being built keeps its task state until the build is
	// undone, and one that is being deleted or taken from its host keeps it until that is done. Until then no other
	// operation may begin.
	MoveResetActive = Move{Name: "reset-active",
		From:  []VMState{Active, Stopped, Paused, Suspended, Rescued, Shelved, Error},
		While: otherTasks, To: Active}
	MoveResetError = Move{Name: "reset-error", While: otherTasks, To: Error}
	MoveResetBuild = Move{Name: "reset-build", From: []VMState{Building, ShelvedOffloaded, Error}, While: buildTasks,
		To: Error, Task: Kept}

	// The moves between the steps of a snapshot of a server.
	MoveSnapshotTaken = Move{"snapshot-taken", nil, imageTasks, "", ImagePendingUpload}
	MoveSnapshot      = Move{"snapshot", nil, imageTasks, "", ImageSnapshot}
	MoveSnapshotSent  = Move{"snapshot-sent", nil, imageTasks, "", ImageUploading}

	// The moves between the steps of shelving a server.
	MoveShelveTaken = Move{"shelve-taken", nil, ShelveServer.Done.While, "", ShelvingPendingUpload}
	MoveShelveSent  = Move{"shelve-sent", nil, ShelveServer.Done.While, "", ShelvingUploading}
	// MoveShelvedOff ends the shelving of a server that is taken from its host at once.
	MoveShelvedOff = Move{"shelved-off", nil, ShelveServer.Done.While, Shelved, ShelvingOffloading}

	// MoveFoundStopped records that a guest stopped without a request.
	MoveFoundStopped = Move{"found-stopped", []VMState{Active, Paused}, []TaskState{Idle}, Stopped, Idle}
	// MoveFoundPaused records that a guest was paused on its host, and MoveFoundUnpaused that it was resumed there.
	MoveFoundPaused   = Move{"found-paused", []VMState{Active}, []TaskState{Idle}, Paused, Idle}
	MoveFoundUnpaused = Move{"found-unpaused", []VMState{Paused}, []TaskState{Idle}, Active, Idle}
)

// Kept is the task state of a move that leaves it as it is.
const Kept TaskState = "="

// buildTasks are the task states of a build, also of one that brings a shelved server back: unshelveTasks. otherTasks
// are those of a server that is neither being built nor taken from its host: none, and the others of the table of
// actions.
var (
	buildTasks    = []TaskState{Scheduling, BlockDeviceMapping, Networking, Spawning, Unshelving}
	unshelveTasks = []TaskState{Unshelving, Spawning}
	otherTasks    = append(slices.Clone(idle), actionTasks()...)
)

func actionTasks() []TaskState {
	var out []TaskState
	for _, a := range ServerActions() {
		if a.Key != DeleteServer.Key && a.Key != OffloadServer.Key && a.Key != UnshelveOffloadedServer.Key {
			out = append(out, a.Done.While...)
		}
	}
	return out
}

// BeingBuilt reports a server whose build has not ended, also where an operator has given it up.
func (s State) BeingBuilt() bool { return slices.Contains(buildTasks, s.Task) }

// Moves lists the whole table, for tests and documents.
func Moves() []Move {
	all := []Move{MovePlace, MoveSpawn, MoveReschedule, MoveBuilt, MoveUnbuilt, MoveRestop, MoveResetActive,
		MoveResetError, MoveResetBuild, MoveUnshelvePlace, MoveUnshelveSpawn, MoveUnshelveAgain, MoveUnshelveEnd,
		MoveShelveTaken, MoveShelveSent, MoveShelvedOff,
		MoveSnapshot, MoveSnapshotTaken, MoveSnapshotSent, MoveFoundStopped,
		MoveFoundPaused, MoveFoundUnpaused}
	for _, a := range ServerActions() {
		all = append(all, a.Begin, a.Done, a.Failed)
	}
	return all
}

// Refusal is the part of a state that forbids a move.
type Refusal struct {
	Attr  string // vm_state or task_state
	State string
}

// Next returns the state after the move, or the part of the state that forbids it. The vm_state is checked before the
// task_state, as in nova.
func (m Move) Next(s State) (State, *Refusal) {
	if s.VM == Deleted || m.From != nil && !slices.Contains(m.From, s.VM) {
		return s, &Refusal{"vm_state", string(s.VM)}
	}
	if m.While != nil && !slices.Contains(m.While, s.Task) {
		return s, &Refusal{"task_state", string(s.Task)}
	}
	if m.To != "" {
		s.VM = m.To
	}
	if m.Task != Kept {
		s.Task = m.Task
	}
	return s, nil
}

// Fault returns the refusal as a fault for users. action is the API's name of the action, such as "stop".
func (r *Refusal) Fault(action, server string) *fault.Fault {
	state := r.State
	if state == "" {
		state = "None"
	}
	return fault.Conflictf("Cannot '%s' instance %s while it is in %s %s", action, server, r.Attr, state)
}
