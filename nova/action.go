package nova

import "time"

// Names of instance actions that are not in the table of actions, as the API shows them.
const (
	ActionCreate = "create"
	ActionLock   = "lock"
	ActionUnlock = "unlock"
	ActionReset  = "resetState"
)

// Names of the events of a build.
const (
	EventBuild    = "compute__do_build_and_run_instance"
	EventSchedule = "conductor_schedule_and_build_instances"
	// EventFound is the event of actions that nobody asked for: a host told what a guest does by itself, or what became of
	// it.
	EventFound = "compute__sync_instance_power_state"
)

// Names of the events of actions that nova-api does itself.
const (
	EventLock   = "api_lock"
	EventUnlock = "api_unlock"
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
