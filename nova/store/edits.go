package store

import (
	"context"

	"hypernova/nova"
	"hypernova/oslo/db"
)

var (
	setDetails = db.NewExec(stmts, `
UPDATE servers
SET name = ?, description = ?, hostname = ?, access_ip4 = ?, access_ip6 = ?, disk_config = ?, updated_at = ?
WHERE id = ?
  AND deleted = ?`)
	setLock = db.NewExec(stmts, `
UPDATE servers
SET locked = ?, locked_by = ?, locked_reason = ?, updated_at = ?
WHERE id = ?
  AND deleted = ?`)
	setMetadata = db.NewExec(stmts, "UPDATE servers\nSET metadata = ?, updated_at = ?\nWHERE id = ?\n  AND deleted = ?")
	setTags     = db.NewExec(stmts, "UPDATE servers\nSET tags = ?, updated_at = ?\nWHERE id = ?\n  AND deleted = ?")
)

// SaveDetails writes what PUT may change: name, description, hostname, access addresses, disk config.
func (s *Store) SaveDetails(ctx context.Context, on db.Querier, v *nova.Server) error {
	return s.edited(v.ID)(setDetails.Do(ctx, on, v.Name, v.Description, v.Hostname, v.AccessIPv4, v.AccessIPv6, v.DiskConfig, s.now(), v.ID, false))
}

// SaveLock writes the lock.
func (s *Store) SaveLock(ctx context.Context, on db.Querier, v *nova.Server) error {
	return s.edited(v.ID)(setLock.Do(ctx, on, v.Locked, v.LockedBy, v.LockedReason, s.now(), v.ID, false))
}

// SaveMetadata writes the metadata.
func (s *Store) SaveMetadata(ctx context.Context, on db.Querier, v *nova.Server) error {
	text, err := encode(v.Metadata)
	if err != nil {
		return err
	}
	return s.edited(v.ID)(setMetadata.Do(ctx, on, text, s.now(), v.ID, false))
}

// SaveTags writes the tags.
func (s *Store) SaveTags(ctx context.Context, on db.Querier, v *nova.Server) error {
	return s.edited(v.ID)(setTags.Do(ctx, on, joinTags(v.Tags), s.now(), v.ID, false))
}

func (s *Store) edited(id string) func(int64, error) error {
	return func(n int64, err error) error {
		if err == nil && n == 0 {
			return NoServer(id)
		}
		return err
	}
}
