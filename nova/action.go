package nova

import "time"

// Names of instance actions, as the API shows them.
const (
	ActionCreate  = "create"
	ActionDelete  = "delete"
	ActionStart   = "start"
	ActionStop    = "stop"
	ActionReboot  = "reboot"
	ActionPause   = "pause"
	ActionUnpause = "unpause"
	ActionLock    = "lock"
	ActionUnlock  = "unlock"
)

// Names of the events of actions.
const (
	EventBuild    = "compute__do_build_and_run_instance"
	EventSchedule = "conductor_schedule_and_build_instances"
	EventDelete   = "compute_terminate_instance"
	EventStart    = "compute_start_instance"
	EventStop     = "compute_stop_instance"
	EventReboot   = "compute_reboot_instance"
	EventPause    = "compute_pause_instance"
	EventUnpause  = "compute_unpause_instance"
)

// Results of an action's event.
const (
	ResultSuccess = "Success"
	ResultError   = "Error"
)

// Action is one request that was made of a server.
type Action struct {
	ID, Server, Name, Request string
	User, Project             string
	Message                   string // "Error" when an event of it failed
	Started, Updated          time.Time
	Finished                  time.Time // zero: not yet
	Events                    []ActionEvent
}

// ActionEvent is one piece of work for an action on one host.
type ActionEvent struct {
	ID, Action, Name  string
	Host              string
	Result            string // empty: under way
	Details           string // what users may read of a failure
	Traceback         string // what only operators may read
	Started, Finished time.Time
}
