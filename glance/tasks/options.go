package tasks

// Options are section [task].
type Options struct {
	Life int `conf:"task_time_to_live" default:"48" min:"1" max:"87600" help:"How many hours a task of the image API is kept after it has ended."`
}
