package servers

import (
	"context"

	"hypernova/nova"
	"hypernova/nova/store"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

// groupHint returns the id of the server group that the request names, or "". A group that does not exist, or is
// another project's, is fault.Invalid.
func groupHint(ctx context.Context, on db.Querier, project string, hints map[string][]string) (string, error) {
	if len(hints["group"]) == 0 {
		return "", nil
	}
	id := hints["group"][0]
	g, err := store.ServerGroup(ctx, on, id)
	if fault.Is(err, fault.NotFound) || err == nil && g.Project != project {
		return "", noGroup(id)
	}
	return id, err
}

func noGroup(id string) error {
	return fault.Invalidf("Instance group %s could not be found.", id)
}

// join makes new servers members of a group, if it is not "". The quota of members counts those of the same user.
func join(ctx context.Context, tx *db.Tx, group string, made []nova.Server, most int64) error {
	if group == "" {
		return nil
	}
	servers := make([]string, len(made))
	for i := range made {
		servers[i] = made[i].ID
	}
	if err := store.JoinServerGroup(ctx, tx, group, servers); fault.Is(err, fault.NotFound) {
		return noGroup(group) // it was deleted meanwhile
	} else if err != nil {
		return err
	}
	n, err := store.CountMembers(ctx, tx, group, made[0].User)
	if err == nil && most >= 0 && n > most {
		return fault.OverQuotaf("Quota exceeded, too many servers in group")
	}
	return err
}
