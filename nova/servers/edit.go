package servers

import (
	"context"
	"maps"
	"slices"

	"hypernova/nova"
	"hypernova/nova/store"
	"hypernova/oslo/auth"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/opt"
)

// MaxTags is the most tags that a server may have.
const MaxTags = 50

// UpdateArgs are the changes of an update; an absent member stays as it is.
type UpdateArgs struct {
	Name, Hostname, AccessIPv4, AccessIPv6, DiskConfig opt.Of[string]
	Description                                        opt.Of[string] // null: none
	Pinned                                             opt.Of[string] // the availability zone to stay in; null: any
}

// Update changes names, addresses, description and the pinned availability zone of a server and returns the server.
// fault.Conflict for a zone that it is not in, and for another one than it is pinned to.
func (s *Servers) Update(ctx context.Context, id string, a UpdateArgs) (nova.Server, error) {
	return s.edit(ctx, id, func(v *nova.Server, tx *db.Tx) error {
		v.Name = a.Name.Or(v.Name)
		v.Hostname = a.Hostname.Or(v.Hostname)
		v.DiskConfig = a.DiskConfig.Or(v.DiskConfig)
		if a.AccessIPv4.Set {
			v.AccessIPv4 = a.AccessIPv4.Or("")
		}
		if a.AccessIPv6.Set {
			v.AccessIPv6 = a.AccessIPv6.Or("")
		}
		if a.Description.Set {
			v.Description = a.Description.Ptr()
		}
		if err := pin(v, a.Pinned); err != nil {
			return err
		}
		return store.SaveDetails(ctx, tx, v, s.Now())
	})
}

// pin changes the zone that a server stays in when it is moved.
func pin(v *nova.Server, to opt.Of[string]) error {
	zone := v.AZ
	if v.Host == "" {
		zone = v.RequestedAZ
	}
	switch {
	case !to.Set || to.Has() && to.Value == v.RequestedAZ:
	case to.Null:
		v.RequestedAZ = ""
	case v.RequestedAZ != "":
		return fault.Conflictf("Cannot change pinned availability zone directly. Unpin first by setting " +
			"pinned_availability_zone to null.")
	case to.Value != zone:
		if zone == "" {
			zone = "None"
		}
		return fault.Conflictf("Server can only be pinned to its current availability zone '%s', but '%s' was requested.",
			zone, to.Value)
	default:
		v.RequestedAZ = zone
	}
	return nil
}

// Lockers of a server (nova.Server.LockedBy).
const (
	lockedByOwner = "owner"
	lockedByAdmin = "admin"
)

// locker is who the caller is to a server's lock: its owner for a caller of the server's project.
func locker(ctx context.Context, v *nova.Server) string {
	if c := auth.From(ctx); c != nil && c.ProjectID == v.Project {
		return lockedByOwner
	}
	return lockedByAdmin
}

// Lock lets only administrators change the server. An empty reason leaves the reason of an earlier lock. The owner of a
// server that is locked changes nothing.
func (s *Servers) Lock(ctx context.Context, id, reason string) error {
	_, err := s.edit(ctx, id, func(v *nova.Server, tx *db.Tx) error {
		by := locker(ctx, v)
		if v.Locked && by == lockedByOwner {
			return nil
		}
		v.Locked, v.LockedBy = true, by
		if reason != "" {
			v.LockedReason = reason
		}
		if err := recordDone(ctx, s, tx, v, nova.ActionLock, nova.EventLock); err != nil {
			return err
		}
		return store.SaveLock(ctx, tx, v, s.Now())
	})
	return err
}

// LockedByOther reports a lock that the caller may end only by the rule for locks of others: the owner's for an
// administrator of another project, and an administrator's for the owner.
func LockedByOther(ctx context.Context, v *nova.Server) bool {
	return v.LockedBy != "" && v.LockedBy != locker(ctx, v)
}

// Unlock ends a lock. Whoever calls it has checked whether the lock may be ended (LockedByOther).
func (s *Servers) Unlock(ctx context.Context, id string) error {
	_, err := s.edit(ctx, id, func(v *nova.Server, tx *db.Tx) error {
		v.Locked, v.LockedBy, v.LockedReason = false, "", ""
		if err := recordDone(ctx, s, tx, v, nova.ActionUnlock, nova.EventUnlock); err != nil {
			return err
		}
		return store.SaveLock(ctx, tx, v, s.Now())
	})
	return err
}

// SetMetadata replaces the metadata, or with merge adds to it, and returns the result.
func (s *Servers) SetMetadata(ctx context.Context, id string, m map[string]string,
	merge bool) (map[string]string, error) {
	v, err := s.AnyServer(ctx, id)
	if err != nil {
		return nil, err
	}
	limits, err := s.Quotas.Limits(ctx, v.Project, "")
	if err != nil {
		return nil, err
	}
	v, err = s.edit(ctx, id, func(v *nova.Server, tx *db.Tx) error {
		if err := described(ctx, v, "update metadata"); err != nil {
			return err
		}
		if merge {
			all := maps.Clone(v.Metadata)
			if all == nil {
				all = map[string]string{}
			}
			maps.Copy(all, m)
			v.Metadata = all
		} else {
			v.Metadata = m
		}
		if err := metadataFits(limits, v.Metadata); err != nil {
			return err
		}
		return store.SaveMetadata(ctx, tx, v, s.Now())
	})
	return v.Metadata, err
}

// DeleteMetadata removes one item; fault.NotFound.
func (s *Servers) DeleteMetadata(ctx context.Context, id, key string) error {
	_, err := s.edit(ctx, id, func(v *nova.Server, tx *db.Tx) error {
		if _, ok := v.Metadata[key]; !ok {
			return fault.NotFoundf("Metadata item was not found")
		}
		if err := described(ctx, v, "delete metadata"); err != nil {
			return err
		}
		delete(v.Metadata, key)
		return store.SaveMetadata(ctx, tx, v, s.Now())
	})
	return err
}

// SetTags replaces a server's tags.
func (s *Servers) SetTags(ctx context.Context, id string, tags []string) error {
	_, err := s.tag(ctx, id, func([]string) ([]string, error) { return tags, nil })
	return err
}

// AddTag adds a tag and reports whether it is new.
func (s *Servers) AddTag(ctx context.Context, id, tag string) (bool, error) {
	return s.tag(ctx, id, func(have []string) ([]string, error) {
		if slices.Contains(have, tag) {
			return have, nil
		}
		return append(have, tag), nil
	})
}

// DeleteTag removes a tag; fault.NotFound.
func (s *Servers) DeleteTag(ctx context.Context, id, tag string) error {
	_, err := s.tag(ctx, id, func(have []string) ([]string, error) {
		i := slices.Index(have, tag)
		if i < 0 {
			return nil, fault.NotFoundf("Server %s has no tag '%s'", id, tag)
		}
		return slices.Delete(have, i, i+1), nil
	})
	return err
}

func (s *Servers) tag(ctx context.Context, id string, change func([]string) ([]string, error)) (grew bool, err error) {
	_, err = s.edit(ctx, id, func(v *nova.Server, tx *db.Tx) error {
		if err := inUse(v, "update tags"); err != nil { // a lock does not matter
			return err
		}
		before := len(v.Tags)
		tags, err := change(v.Tags)
		if err != nil {
			return err
		}
		tags = slices.Clone(tags)
		slices.Sort(tags)
		v.Tags = slices.Compact(tags)
		if len(v.Tags) > MaxTags {
			return fault.Invalidf("The number of tags exceeded the per-server limit %d", MaxTags)
		}
		grew = len(v.Tags) > before
		return store.SaveTags(ctx, tx, v, s.Now())
	})
	return grew, err
}

// described returns fault.Conflict for a server whose metadata may not be changed: one that is locked, has never run,
// or whose vm_state does not allow it.
func described(ctx context.Context, v *nova.Server, action string) error {
	if err := unlocked(ctx, v); err != nil {
		return err
	}
	if err := inUse(v, action); err != nil {
		return err
	}
	return launched(v, action)
}

// inUse returns fault.Conflict for a server whose vm_state does not allow changes of its metadata and tags.
func inUse(v *nova.Server, action string) error {
	switch v.VM {
	case nova.Active, nova.Stopped, nova.Paused, nova.Suspended:
		return nil
	case nova.Building, nova.Rescued, nova.Shelved, nova.ShelvedOffloaded, nova.Error, nova.Deleted:
	}
	return (&nova.Refusal{Attr: "vm_state", State: string(v.VM)}).Fault(action, v.ID)
}

// edit reads, changes and writes in one transaction.
func (s *Servers) edit(ctx context.Context, id string, fn func(*nova.Server, *db.Tx) error) (nova.Server, error) {
	var v nova.Server
	err := s.DB.Tx(ctx, func(tx *db.Tx) error {
		var err error
		if v, err = store.Server(ctx, tx, id); err != nil {
			return err
		}
		return fn(&v, tx)
	})
	return v, err
}
