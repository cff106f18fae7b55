package nova

import "slices"

// ServerAction is one row of the table of actions: an operation on a server that a job does. nova/servers, the
// conductor, nova-compute and the list of moves read the same row.
type ServerAction struct {
	Key   string // in jobs and in messages to the host, such as "reboot-hard"
	Name  string // of the instance action, and in refusals, such as "reboot"
	Event string // of the instance action's event
	// Begin sets the task state when the job is enqueued. Done resets it after the job succeeded, Failed after it failed.
	// The job owns the server while its task state is one of Done.While.
	Begin, Done, Failed Move
	// Locked actions are allowed on a locked server. The others are rejected there unless the caller is an administrator.
	Locked bool
	// Hosted actions are rejected on a server without a host before its state is looked at.
	Hosted bool
	// Shared actions have no task state: other actions may begin while they wait or run, and are done after them. The job
	// owns the server until a build or a deletion does.
	Shared bool
	// Unplaced actions are allowed on a server that was never launched. The others are rejected there.
	Unplaced bool
}

// CodeNoAgent is the code of the fault of an operation that needs an agent in the guest, where the image does not say
// that there is one.
const CodeNoAgent = "nova.no_agent"

// Owns reports whether a job of this action owns a server with that task state.
func (a *ServerAction) Owns(t TaskState) bool {
	if a.Shared {
		return t != Deleting && !slices.Contains(buildTasks, t)
	}
	return slices.Contains(a.Done.While, t)
}

var idle = []TaskState{Idle}

// onHost is an action that the server's host does: from one of some states, under one task state, into another state.
func onHost(key, name, event string, from []VMState, task TaskState, to VMState) ServerAction {
	return ServerAction{Key: key, Name: name, Event: event,
		Begin:  Move{key, from, idle, "", task},
		Done:   Move{key + "-done", nil, []TaskState{task}, to, Idle},
		Failed: Move{key + "-failed", nil, []TaskState{task}, "", Idle}}
}

// overriding lets an action begin while others are under way.
func (a ServerAction) overriding(tasks ...TaskState) ServerAction {
	a.Begin.While = append(slices.Clone(idle), tasks...)
	return a
}

// shared makes an action one beside which others may begin.
func (a ServerAction) shared() ServerAction {
	a.Shared, a.Begin.Task = true, Kept
	a.Done = Move{Name: a.Key + "-done", Task: Kept}
	a.Failed = Move{Name: a.Key + "-failed", Task: Kept}
	return a
}

// hosted makes an action one that names a missing host before a wrong state.
func (a ServerAction) hosted() ServerAction {
	a.Hosted = true
	return a
}

// during names the task states under which the job goes on.
func (a ServerAction) during(tasks ...TaskState) ServerAction {
	a.Done.While = append(slices.Clone(a.Done.While), tasks...)
	a.Failed.While = a.Done.While
	return a
}

// failing names the state that the server comes to when the action fails; other actions leave it as it was.
func (a ServerAction) failing(to VMState) ServerAction {
	a.Failed.To = to
	return a
}

// imageTasks are the task states of a job that makes an image of a server.
var imageTasks = []TaskState{ImageSnapshotPending, ImageBackup, ImageSnapshot, ImagePendingUpload, ImageUploading}

// imaging is an action that makes an image of a server, which goes on meanwhile. A lock does not forbid it.
func imaging(key, name, event string, task TaskState) ServerAction {
	a := onHost(key, name, event, []VMState{Active, Stopped, Paused, Suspended}, task, "")
	a.Locked, a.Done.While, a.Failed.While = true, imageTasks, imageTasks
	return a
}

// softly are the states of servers that are kept for a while when they are deleted.
var softly = []VMState{Active, Stopped, Paused, Suspended, Rescued, Error}

// The table of actions. Which states allow what is nova's (nova/compute/api.py).
var (
	StartServer = onHost("start", "start", "compute_start_instance", []VMState{Stopped}, PoweringOn, Active).hosted()
	StopServer  = onHost("stop", "stop", "compute_stop_instance", []VMState{Active, Error}, PoweringOff,
		Stopped).hosted()
	RebootServer     = onHost("reboot-soft", "reboot", "compute_reboot_instance", []VMState{Active}, Rebooting, Active)
	HardRebootServer = onHost("reboot-hard", "reboot", "compute_reboot_instance", []VMState{Active, Stopped, Paused,
		Suspended, Error},
		RebootingHard, Active).overriding(Rebooting, RebootingHard, Pausing, Unpausing, Suspending, Resuming)
	PauseServer   = onHost("pause", "pause", "compute_pause_instance", []VMState{Active}, Pausing, Paused)
	UnpauseServer = onHost("unpause", "unpause", "compute_unpause_instance", []VMState{Paused}, Unpausing, Active)
	SuspendServer = onHost("suspend", "suspend", "compute_suspend_instance", []VMState{Active}, Suspending, Suspended)
	ResumeServer  = onHost("resume", "resume", "compute_resume_instance", []VMState{Suspended}, Resuming, Active)
	// RebuildServer gives the server a new disk made of an image. RebuildStoppedServer is the same for a stopped server,
	// which stays stopped. A failure leaves the old disk, and the server in ERROR with the reason.
	RebuildServer = onHost("rebuild", "rebuild", "compute_rebuild_instance", []VMState{Active, Error}, Rebuilding,
		Active).failing(Error)
	RebuildStoppedServer = onHost("rebuild-stopped", "rebuild", "compute_rebuild_instance", []VMState{Stopped},
		Rebuilding, Stopped).failing(Error)
	RescueServer = onHost("rescue", "rescue", "compute_rescue_instance", []VMState{Active, Stopped, Error}, Rescuing,
		Rescued)
	UnrescueServer = onHost("unrescue", "unrescue", "compute_unrescue_instance", []VMState{Rescued}, Unrescuing,
		Active).failing(Error)
	// ChangePasswordServer has the guest's agent set a password. The request waits for the result: see
	// servers.ChangePassword.
	ChangePasswordServer = onHost("change-password", "changePassword", "compute_set_admin_password", []VMState{Active},
		UpdatingPassword, "")
	// CrashDumpServer has no task state, as with nova: the guest goes on with what it does.
	CrashDumpServer = onHost("crash-dump", "trigger_crash_dump", "compute_trigger_crash_dump",
		[]VMState{Active, Paused, Rescued, Error}, Idle, "").hosted()
	// CreateImageServer makes an image of the server's disk, and BackupServer one that takes turns with others.
	CreateImageServer = imaging("create-image", "createImage", "compute_snapshot_instance", ImageSnapshotPending)
	BackupServer      = imaging("create-backup", "createBackup", "compute_backup_instance", ImageBackup)
	// AttachInterface gives a server one more NIC and DetachInterface takes one away; also while its guest runs.
	AttachInterface = onHost("attach-interface", "attach_interface", "compute_attach_interface",
		[]VMState{Active, Paused, Stopped}, Idle, "").shared()
	DetachInterface = onHost("detach-interface", "detach_interface", "compute_detach_interface",
		[]VMState{Active, Paused, Stopped}, Idle, "").shared()
	// ShelveServer ends the guest, and makes an image of the server's disk from which it comes back.
	ShelveServer = onHost("shelve", "shelve", "compute_shelve_instance", []VMState{Active, Stopped, Paused, Suspended},
		Shelving, Shelved).during(ShelvingPendingUpload, ShelvingUploading)
	// OffloadServer takes a shelved server from its host.
	OffloadServer = onHost("shelve-offload", "shelveOffload", "compute_shelve_offload_instance", []VMState{Shelved},
		ShelvingOffloading, ShelvedOffloaded)
	// UnshelveServer starts a shelved server that is still on its host, and UnshelveOffloadedServer builds one from its
	// image on any host.
	UnshelveServer = onHost("unshelve", "unshelve", "compute_unshelve_instance", []VMState{Shelved}, PoweringOn,
		Active)
	UnshelveOffloadedServer = onHost("unshelve-offloaded", "unshelve", "compute_unshelve_instance",
		[]VMState{ShelvedOffloaded}, Unshelving, Active).during(Spawning)
	// SoftDeleteServer powers a server off and keeps it for a while, and RestoreServer takes that back. Like a deletion
	// the first is open in any state.
	SoftDeleteServer = ServerAction{Key: "soft-delete", Name: "delete", Event: "compute_soft_delete_instance",
		Begin:  Move{"soft-delete", softly, nil, "", SoftDeleting},
		Done:   Move{"soft-deleted", nil, []TaskState{SoftDeleting}, SoftDeleted, Idle},
		Failed: Move{"soft-delete-failed", nil, []TaskState{SoftDeleting}, "", Idle}}
	RestoreServer = onHost("restore", "restore", "compute_restore_instance", []VMState{SoftDeleted}, Restoring, Active)
	// DeleteServer is always open: it overrides whatever is being done.
	DeleteServer = ServerAction{Key: "delete", Name: "delete", Event: "compute_terminate_instance", Unplaced: true,
		Begin:  Move{"delete", nil, nil, "", Deleting},
		Done:   Move{"deleted", nil, []TaskState{Deleting}, Deleted, Idle},
		Failed: Move{"delete-failed", nil, []TaskState{Deleting}, Error, Idle}}
)

// ServerActions lists the table.
func ServerActions() []ServerAction {
	return []ServerAction{StartServer, StopServer, RebootServer, HardRebootServer, PauseServer, UnpauseServer,
		SuspendServer, ResumeServer, RebuildServer, RebuildStoppedServer, RescueServer, UnrescueServer,
		ChangePasswordServer, CrashDumpServer, CreateImageServer, BackupServer, AttachInterface, DetachInterface,
		ShelveServer, OffloadServer, UnshelveServer, UnshelveOffloadedServer,
		SoftDeleteServer, RestoreServer,
		DeleteServer}
}

// ServerActionOf finds a row by its key.
func ServerActionOf(key string) (ServerAction, bool) {
	all := ServerActions()
	i := slices.IndexFunc(all, func(a ServerAction) bool { return a.Key == key })
	if i < 0 {
		return ServerAction{}, false
	}
	return all[i], true
}
