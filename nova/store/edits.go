package store

import (
	"context"
	"time"

	"hypernova/nova"
	"hypernova/oslo/db"
)

const exists = "deleted = ?"

var (
	setDetails = servers.Update(exists, "name", "description", "hostname", "access_ip4", "access_ip6", "disk_config",
		"updated_at")
	setLock     = servers.Update(exists, "locked", "locked_by", "locked_reason", "updated_at")
	setMetadata = servers.Update(exists, "metadata", "updated_at")
	setTags     = servers.Update(exists, "tags", "updated_at")
)

// SaveDetails writes the fields that PUT may change: name, description, hostname, access addresses and disk config.
// fault.NotFound.
func SaveDetails(ctx context.Context, on db.Querier, v *nova.Server, now time.Time) error {
	return edit(ctx, on, setDetails, serverRow{ID: v.ID, Name: v.Name, Description: v.Description, Hostname: v.Hostname,
		AccessIP4: v.AccessIPv4, AccessIP6: v.AccessIPv6, DiskConfig: v.DiskConfig}, now)
}

// SaveLock writes the lock, its owner and its reason; fault.NotFound.
func SaveLock(ctx context.Context, on db.Querier, v *nova.Server, now time.Time) error {
	r := serverRow{ID: v.ID, Locked: v.Locked, LockedBy: v.LockedBy, LockedReason: v.LockedReason}
	return edit(ctx, on, setLock, r, now)
}

// SaveMetadata writes the metadata; fault.NotFound.
func SaveMetadata(ctx context.Context, on db.Querier, v *nova.Server, now time.Time) error {
	text, err := encode(v.Metadata)
	if err != nil {
		return err
	}
	return edit(ctx, on, setMetadata, serverRow{ID: v.ID, Metadata: text}, now)
}

// SaveTags writes the tags; fault.NotFound.
func SaveTags(ctx context.Context, on db.Querier, v *nova.Server, now time.Time) error {
	return edit(ctx, on, setTags, serverRow{ID: v.ID, Tags: joinTags(v.Tags)}, now)
}

func edit(ctx context.Context, on db.Querier, u *db.Update[fullServerRow], r serverRow, now time.Time) error {
	r.Updated = db.At(now)
	n, err := u.Do(ctx, on, fullServerRow{serverRow: r}, false)
	if err == nil && n == 0 {
		return NoServer(r.ID)
	}
	return err
}
