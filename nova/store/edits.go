package store

import (
	"context"
	"time"

	"hypernova/nova"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

const exists = "deleted = ?"

var (
	setDetails = servers.Update(exists, "name", "description", "hostname", "access_ip4", "access_ip6", "disk_config",
		"requested_zone", "updated_at")
	setRebuilt = servers.Update(exists, "name", "description", "hostname", "access_ip4", "access_ip6", "disk_config",
		"metadata", "image", "image_id", "key_name", "public_key", "user_data", "config_drive", "updated_at")
	setDisk = servers.Update(exists, "image", "image_id", "key_name", "public_key", "user_data", "config_drive",
		"updated_at")
	setLock     = servers.Update(exists, "locked", "locked_by", "locked_reason", "updated_at")
	setMetadata = servers.Update(exists, "metadata", "updated_at")
	setTags     = servers.Update(exists, "tags", "updated_at")
)

// SaveDetails writes the fields that PUT may change: name, description, hostname, access addresses, disk config and the
// zone that was asked for.
// fault.NotFound.
func SaveDetails(ctx context.Context, on db.Querier, v *nova.Server, now time.Time) error {
	return edit(ctx, on, setDetails, serverRow{ID: v.ID, Name: v.Name, Description: v.Description, Hostname: v.Hostname,
		AccessIP4: v.AccessIPv4, AccessIP6: v.AccessIPv6, DiskConfig: v.DiskConfig, RequestedZone: v.RequestedAZ}, now)
}

// SaveLock writes the lock, its owner and its reason; fault.NotFound.
func SaveLock(ctx context.Context, on db.Querier, v *nova.Server, now time.Time) error {
	r := serverRow{ID: v.ID, Locked: v.Locked, LockedBy: v.LockedBy, LockedReason: v.LockedReason}
	return edit(ctx, on, setLock, r, now)
}

// SaveRebuilt writes the fields that a rebuild may change: those of SaveDetails, the metadata, and what SaveDisk
// writes. fault.NotFound.
func SaveRebuilt(ctx context.Context, on db.Querier, v *nova.Server, now time.Time) error {
	r, err := rebuiltRow(v)
	if err != nil {
		return err
	}
	return editFull(ctx, on, setRebuilt, r, now)
}

// SaveDisk writes what belongs to a server's disk: the image, the key, the user data, and whether there is a config
// drive. fault.NotFound.
func SaveDisk(ctx context.Context, on db.Querier, v *nova.Server, now time.Time) error {
	r, err := rebuiltRow(v)
	if err != nil {
		return err
	}
	return editFull(ctx, on, setDisk, r, now)
}

func rebuiltRow(v *nova.Server) (fullServerRow, error) {
	r := fullServerRow{ImageID: v.Image.ID, serverRow: serverRow{ID: v.ID, Name: v.Name, Description: v.Description,
		Hostname: v.Hostname, AccessIP4: v.AccessIPv4, AccessIP6: v.AccessIPv6, DiskConfig: v.DiskConfig,
		KeyName: v.KeyName, PublicKey: v.PublicKey, UserData: v.UserData, ConfigDrive: v.ConfigDrive}}
	var err error
	if r.Image, err = encode(imageForm(v.Image)); err != nil {
		return r, err
	}
	r.Metadata, err = encode(v.Metadata)
	return r, err
}

// passwordRow is the password that a server's guest has written, and is encrypted with the server's key.
type passwordRow struct {
	ID       string `db:"id"`
	Password string `db:"password"`
}

var (
	serverPasswords = db.NewPart[passwordRow](stmts, "servers", "id")
	setPassword     = serverPasswords.Update("deleted = ?")
	firstPassword   = serverPasswords.Update("deleted = ?\n  AND password = ''")
)

// Password returns the password that the guest has written; empty for none. fault.NotFound.
func Password(ctx context.Context, on db.Querier, id string) (string, error) {
	r, err := serverPasswords.Get(ctx, on, id)
	if fault.Is(err, fault.NotFound) {
		return "", NoServer(id)
	}
	return r.Password, err
}

// SavePassword writes the guest's password; empty removes it. fault.NotFound.
func SavePassword(ctx context.Context, on db.Querier, id, password string) error {
	n, err := setPassword.Do(ctx, on, passwordRow{id, password}, false)
	if err == nil && n == 0 {
		return NoServer(id)
	}
	return err
}

// SaveFirstPassword writes the guest's password if there is none, and reports whether it has.
func SaveFirstPassword(ctx context.Context, on db.Querier, id, password string) (bool, error) {
	n, err := firstPassword.Do(ctx, on, passwordRow{id, password}, false)
	return n > 0, err
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
	return editFull(ctx, on, u, fullServerRow{serverRow: r}, now)
}

func editFull(ctx context.Context, on db.Querier, u *db.Update[fullServerRow], r fullServerRow, now time.Time) error {
	r.Updated = db.At(now)
	n, err := u.Do(ctx, on, r, false)
	if err == nil && n == 0 {
		return NoServer(r.ID)
	}
	return err
}
