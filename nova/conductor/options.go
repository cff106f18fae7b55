package conductor

import "time"

// Options are section [conductor]. The conductor itself reads BuildWait; app passes the others to the task queue.
type Options struct {
	Workers   int           `conf:"workers" default:"128" min:"1" max:"1024" help:"How many jobs are worked at once; a build that waits for its ports is one."`
	BuildWait time.Duration `conf:"build_wait" default:"600" min:"1" help:"How long a build waits for hosts and services that cannot be reached, before the server is in ERROR."`
	TaskLease time.Duration `conf:"task_lease" default:"15" min:"1" help:"How long the jobs of a conductor that has died wait for another one. It is renewed at a third; a conductor that is halted for longer loses its jobs."`
	CrashAt   string        `conf:"crash_at" help:"For tests: end the process, as a crash would, the nth time that a job reaches a point: claimed, saved, done or ended, and n, such as \"saved 3\"."`
}

// Scheduling is section [scheduler].
type Scheduling struct {
	MaxAttempts int `conf:"max_attempts" default:"3" min:"1" max:"100" help:"How many hosts a build tries before the server is in ERROR."`
}
