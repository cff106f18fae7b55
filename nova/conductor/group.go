package conductor

import (
	"context"
	"errors"

	"hypernova/nova/store"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

// groupRounds is how often another host is chosen because members of the same server group were placed meanwhile.
const groupRounds = 50

// errGroup means that the policy of the server's group does not allow the chosen host any more.
var errGroup = errors.New("the policy of the server group does not allow the host")

// checkGroup checks the policy of the server's group on the chosen host, as nova-compute's late check does. The group
// stays locked until the transaction ends, so two members cannot both take a host that has room for one.
func (b *building) checkGroup(ctx context.Context, tx *db.Tx, host string) error {
	if len(b.a.Request.Hints["group"]) == 0 {
		return nil
	}
	g, err := store.LockGroup(ctx, tx, b.a.Server)
	if err != nil || g == nil {
		return err
	}
	if ok, _ := g.Allows(host); !ok {
		return errGroup
	}
	return nil
}

// refusedByGroup reports whether err is errGroup and there is no other host to choose, because an operator forced the
// host or too many rounds were lost. The fault is what the user reads.
func (b *building) refusedByGroup(err error, round int) error {
	if !errors.Is(err, errGroup) || !b.a.Request.Force && round < groupRounds {
		return nil
	}
	const text = "No valid host was found. The policy of the server group allows no host."
	return fault.New(fault.NoValidHost, text).Because(err)
}
