package conductor

import (
	"context"

	"hypernova/nova"
	"hypernova/nova/jobs"
	"hypernova/nova/store"
	"hypernova/oslo/fault"
	"hypernova/oslo/tasks"
)

// forgottenPassword ends a change of the password whose request did not write its result: its process ended. Nobody
// knows whether the password was set.
func (c *Conductor) forgottenPassword(ctx context.Context, t *tasks.Task, a jobs.DeleteArgs) error {
	asked, err := store.Action(ctx, c.DB, a.Server, t.Request)
	if err != nil || !asked.Finished.IsZero() {
		return absentIsFine(err)
	}
	o := operation[struct{}]{action: nova.ChangePasswordServer}
	w := c.workOn(t, a.Server, o.action.Event, func(f *store.Placement) bool { return o.action.Owns(f.State.Task) })
	return o.failed(ctx, w, fault.New(fault.Internal, "The service that set the password ended meanwhile.").Coded(
		"nova.password"))
}
