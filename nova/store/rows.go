package store

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"hypernova/nova"
	"hypernova/oslo/db"
)

// serverRow is a server as the table keeps it, without its ports. Documents stay text until they are wanted.
type serverRow struct {
	ID             string  `db:"id"`
	Project        string  `db:"project_id"`
	User           string  `db:"user_id"`
	Name           string  `db:"name"`
	Hostname       string  `db:"hostname"`
	Description    *string `db:"description"`
	VM             string  `db:"vm_state"`
	Task           string  `db:"task_state"`
	Power          int     `db:"power_state"`
	Progress       int     `db:"progress"`
	Host           string  `db:"host"`
	Node           string  `db:"node"`
	LaunchedOn     string  `db:"launched_on"`
	Zone           string  `db:"zone"`
	RequestedZone  string  `db:"requested_zone"`
	Flavor         string  `db:"flavor"`
	Image          string  `db:"image"`
	KeyName        string  `db:"key_name"`
	PublicKey      string  `db:"public_key"`
	UserData       string  `db:"user_data"`
	ConfigDrive    bool    `db:"config_drive"`
	AccessIP4      string  `db:"access_ip4"`
	AccessIP6      string  `db:"access_ip6"`
	DiskConfig     string  `db:"disk_config"`
	RootDevice     string  `db:"root_device"`
	ReservationID  string  `db:"reservation_id"`
	LaunchIndex    int     `db:"launch_index"`
	Locked         bool    `db:"locked"`
	LockedBy       string  `db:"locked_by"`
	LockedReason   string  `db:"locked_reason"`
	Metadata       string  `db:"metadata"`
	Tags           string  `db:"tags"`
	SecurityGroups string  `db:"security_groups"`
	Hints          string  `db:"hints"`
	Addresses      string  `db:"addresses"`
	Fault          string  `db:"fault"`
	Created        db.Time `db:"created_at"`
	Updated        db.Time `db:"updated_at"`
	Launched       db.Time `db:"launched_at"`
	Terminated     db.Time `db:"terminated_at"`
	DeletedAt      db.Time `db:"deleted_at"`
}

// newServerRow adds what is only written, for filters, sums and the ports' cache.
type newServerRow struct {
	serverRow
	FlavorID string `db:"flavor_id"`
	VCPUs    int    `db:"vcpus"`
	MemoryMB int    `db:"memory_mb"`
	DiskGB   int    `db:"disk_gb"`
	ImageID  string `db:"image_id"`
	IP4      string `db:"ip4"`
	IP6      string `db:"ip6"`
	Ports    string `db:"ports"`
	Deleted  bool   `db:"deleted"`
}

const serverColumns = `id, project_id, user_id, name, hostname, description, vm_state, task_state, power_state, progress,
	host, node, launched_on, zone, requested_zone, flavor, image, key_name, public_key, user_data, config_drive,
	access_ip4, access_ip6, disk_config, root_device, reservation_id, launch_index, locked, locked_by, locked_reason,
	metadata, tags, security_groups, hints, addresses, fault, created_at, updated_at, launched_at, terminated_at, deleted_at`

func (s *Store) server(r *serverRow) (nova.Server, error) {
	v := nova.Server{
		ID: r.ID, Project: r.Project, User: r.User, Name: r.Name, Hostname: r.Hostname, Description: r.Description,
		VM: nova.VMState(r.VM), Task: nova.TaskState(r.Task), Power: nova.PowerState(r.Power), Progress: r.Progress,
		Host: r.Host, Node: r.Node, LaunchedOn: r.LaunchedOn, AZ: r.Zone, RequestedAZ: r.RequestedZone,
		KeyName: r.KeyName, PublicKey: r.PublicKey, UserData: r.UserData, ConfigDrive: r.ConfigDrive,
		AccessIPv4: r.AccessIP4, AccessIPv6: r.AccessIP6, DiskConfig: r.DiskConfig, RootDevice: r.RootDevice,
		ReservationID: r.ReservationID, LaunchIndex: r.LaunchIndex, Locked: r.Locked, LockedBy: r.LockedBy, LockedReason: r.LockedReason,
		Tags: splitTags(r.Tags), Created: r.Created.Time, Updated: r.Updated.Time, Launched: r.Launched.Time,
		Terminated: r.Terminated.Time, DeletedAt: r.DeletedAt.Time,
	}
	if r.Hints != "" {
		v.Hints = json.RawMessage(r.Hints)
	}
	var err error
	if v.Flavor, err = s.parsed.flavor(r.Flavor); err != nil {
		return v, err
	}
	if v.Image, err = s.parsed.image(r.Image); err != nil {
		return v, err
	}
	groups, err := s.parsed.names(r.SecurityGroups)
	if err != nil {
		return v, err
	}
	v.SecurityGroups = *groups
	if !none(r.Addresses) {
		as, err := s.parsed.addressesOf(r.Addresses)
		if err != nil {
			return v, fmt.Errorf("server %s: %w", r.ID, err)
		}
		v.Addresses = *as
	}
	for _, d := range []struct {
		text string
		into any
	}{{r.Metadata, &v.Metadata}, {r.Fault, &v.Fault}} {
		if err := decode(d.text, d.into); err != nil {
			return v, fmt.Errorf("server %s: %w", r.ID, err)
		}
	}
	return v, nil
}

func (s *Store) servers(rows []serverRow) ([]nova.Server, error) {
	out := make([]nova.Server, len(rows))
	for i := range rows {
		var err error
		if out[i], err = s.server(&rows[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func rowOf(v *nova.Server) (newServerRow, error) {
	r := newServerRow{serverRow: serverRow{
		ID: v.ID, Project: v.Project, User: v.User, Name: v.Name, Hostname: v.Hostname, Description: v.Description,
		VM: string(v.VM), Task: string(v.Task), Power: int(v.Power), Progress: v.Progress,
		Host: v.Host, Node: v.Node, LaunchedOn: v.LaunchedOn, Zone: v.AZ, RequestedZone: v.RequestedAZ,
		KeyName: v.KeyName, PublicKey: v.PublicKey, UserData: v.UserData, ConfigDrive: v.ConfigDrive,
		AccessIP4: v.AccessIPv4, AccessIP6: v.AccessIPv6, DiskConfig: v.DiskConfig, RootDevice: v.RootDevice,
		ReservationID: v.ReservationID, LaunchIndex: v.LaunchIndex, Locked: v.Locked, LockedBy: v.LockedBy, LockedReason: v.LockedReason,
		Tags: joinTags(v.Tags), Hints: string(v.Hints), Created: db.At(v.Created), Updated: db.At(v.Updated),
		Launched: db.At(v.Launched), Terminated: db.At(v.Terminated), DeletedAt: db.At(v.DeletedAt),
	}, FlavorID: v.Flavor.ID, VCPUs: v.Flavor.VCPUs, MemoryMB: v.Flavor.RAM, DiskGB: v.Flavor.Disk + v.Flavor.Ephemeral,
		ImageID: v.Image.ID, Ports: "[]", Deleted: v.Gone()}
	r.IP4, r.IP6 = ipTexts(v.Addresses)
	var err error
	for _, d := range []struct {
		text  *string
		value any
	}{{&r.Flavor, v.Flavor}, {&r.Image, v.Image}, {&r.Metadata, v.Metadata}, {&r.SecurityGroups, v.SecurityGroups},
		{&r.Addresses, v.Addresses}, {&r.Fault, v.Fault}} {
		if *d.text, err = encode(d.value); err != nil {
			return r, err
		}
	}
	return r, nil
}

// Tags are kept as ",one,two," so that a filter finds a whole tag; a tag has no comma.
func joinTags(tags []string) string {
	if len(tags) == 0 {
		return ""
	}
	return "," + strings.Join(tags, ",") + ","
}

func splitTags(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(strings.Trim(text, ","), ",")
}

// ipTexts are the addresses with spaces between, where filters look.
func ipTexts(as []nova.Address) (v4, v6 string) {
	var a4, a6 []string
	for _, a := range as {
		if a.Version == 6 {
			a6 = append(a6, a.IP)
		} else {
			a4 = append(a4, a.IP)
		}
	}
	return strings.Join(a4, " "), strings.Join(a6, " ")
}

func orZero(t *time.Time) db.Time {
	if t == nil {
		return db.Time{}
	}
	return db.At(*t)
}
