package store

import (
	"encoding/json"
	"fmt"
	"strings"

	"hypernova/nova"
	"hypernova/oslo/db"
)

// serverRow is a server without its ports. JSON columns are decoded by documents.
type serverRow struct {
	ID             string  `db:"id" list:"uuid"`
	Project        string  `db:"project_id" list:"project_id"`
	User           string  `db:"user_id" list:"user_id"`
	Name           string  `db:"name" list:"display_name"`
	Hostname       string  `db:"hostname" list:"hostname"`
	Description    *string `db:"description" list:"display_description"`
	VM             string  `db:"vm_state" list:"vm_state"`
	Task           string  `db:"task_state" list:"task_state"`
	Power          int     `db:"power_state" list:"power_state"`
	Progress       int     `db:"progress" list:"progress"`
	Host           string  `db:"host" list:"host"`
	Node           string  `db:"node" list:"node"`
	LaunchedOn     string  `db:"launched_on" list:"launched_on"`
	Zone           string  `db:"zone" list:"availability_zone"`
	RequestedZone  string  `db:"requested_zone"`
	Flavor         string  `db:"flavor"` // flavorJSON
	Image          string  `db:"image"`  // imageJSON
	KeyName        string  `db:"key_name" list:"key_name"`
	PublicKey      string  `db:"public_key"`
	UserData       string  `db:"user_data"`
	ConfigDrive    bool    `db:"config_drive" list:"config_drive"`
	AccessIP4      string  `db:"access_ip4" list:"access_ip_v4"`
	AccessIP6      string  `db:"access_ip6" list:"access_ip_v6"`
	DiskConfig     string  `db:"disk_config" list:"auto_disk_config"`
	RootDevice     string  `db:"root_device" list:"root_device_name"`
	ReservationID  string  `db:"reservation_id" list:"reservation_id"`
	LaunchIndex    int     `db:"launch_index" list:"launch_index"`
	Locked         bool    `db:"locked" list:"locked"`
	LockedBy       string  `db:"locked_by" list:"locked_by"`
	LockedReason   string  `db:"locked_reason"`
	Metadata       string  `db:"metadata"`         // map of strings
	Tags           string  `db:"tags" list:"tags"` // see joinTags
	SecurityGroups string  `db:"security_groups"`  // array of names
	Hints          string  `db:"hints"`            // as the request had them; empty: none
	Addresses      string  `db:"addresses"`        // array of addressJSON
	Fault          string  `db:"fault"`            // faultJSON or null
	BlockDevices   string  `db:"block_devices"`    // array of blockDeviceJSON
	Created        db.Time `db:"created_at,set" list:"created_at"`
	Updated        db.Time `db:"updated_at,set" list:"updated_at"`
	Launched       db.Time `db:"launched_at" list:"launched_at"`
	Terminated     db.Time `db:"terminated_at" list:"terminated_at"`
	DeletedAt      db.Time `db:"deleted_at" list:"deleted_at"`
}

// fullServerRow adds the columns that are written for filters and sums, and the ports.
type fullServerRow struct {
	serverRow
	FlavorID string `db:"flavor_id" list:"instance_type_id"`
	VCPUs    int    `db:"vcpus" list:"vcpus"`
	MemoryMB int    `db:"memory_mb" list:"memory_mb"`
	DiskGB   int    `db:"disk_gb" list:"root_gb"`
	ImageID  string `db:"image_id" list:"image_ref"`
	IP4      string `db:"ip4" list:"ip"`
	IP6      string `db:"ip6" list:"ip6"`
	Ports    string `db:"ports"` // array of nicJSON
	Deleted  bool   `db:"deleted" list:"deleted"`
}

// server reads a row with all columns of serverRow.
func (d *documents) server(r *serverRow) (nova.Server, error) {
	v, err := d.flavored(r)
	if err != nil {
		return v, err
	}
	if v.Image, err = d.image(r.Image); err != nil {
		return v, err
	}
	v.SecurityGroups, err = d.groupNames(r.SecurityGroups)
	return v, err
}

// listed reads a row of listedServers.
func (d *documents) listed(r *serverRow) (nova.Server, error) {
	v, err := d.flavored(r)
	v.Image = &nova.ImageMeta{ID: r.Image}
	return v, err
}

// flavored reads a row except its image and the names of its security groups.
func (d *documents) flavored(r *serverRow) (nova.Server, error) {
	v := nova.Server{
		ID: r.ID, Project: r.Project, User: r.User, Name: r.Name, Hostname: r.Hostname, Description: r.Description,
		VM: nova.VMState(r.VM), Task: nova.TaskState(r.Task), Power: nova.PowerState(r.Power), Progress: r.Progress,
		Host: r.Host, Node: r.Node, LaunchedOn: r.LaunchedOn, AZ: r.Zone, RequestedAZ: r.RequestedZone,
		KeyName: r.KeyName, PublicKey: r.PublicKey, UserData: r.UserData, ConfigDrive: r.ConfigDrive,
		AccessIPv4: r.AccessIP4, AccessIPv6: r.AccessIP6, DiskConfig: r.DiskConfig, RootDevice: r.RootDevice,
		ReservationID: r.ReservationID, LaunchIndex: r.LaunchIndex, Locked: r.Locked, LockedBy: r.LockedBy,
		LockedReason: r.LockedReason, Tags: splitTags(r.Tags), Created: r.Created.Time, Updated: r.Updated.Time,
		Launched: r.Launched.Time, Terminated: r.Terminated.Time, DeletedAt: r.DeletedAt.Time,
	}
	if r.Hints != "" {
		v.Hints = json.RawMessage(r.Hints)
	}
	var err error
	if v.Flavor, err = d.flavor(r.Flavor); err != nil {
		return v, err
	}
	if v.BlockDevices, err = d.blockDevices(r.BlockDevices); err != nil {
		return v, err
	}
	if v.Addresses, err = decodeAddresses(r.Addresses); err != nil {
		return v, fmt.Errorf("server %s: %w", r.ID, err)
	}
	var failure *faultJSON
	for _, c := range []struct {
		text string
		into any
	}{{r.Metadata, &v.Metadata}, {r.Fault, &failure}} {
		if err := decode(c.text, c.into); err != nil {
			return v, fmt.Errorf("server %s: %w", r.ID, err)
		}
	}
	if failure != nil {
		v.Fault = failure.value()
	}
	return v, nil
}

// serverRowOf returns the row of a new server, which has no ports.
func serverRowOf(v *nova.Server) (fullServerRow, error) {
	r := fullServerRow{serverRow: serverRow{
		ID: v.ID, Project: v.Project, User: v.User, Name: v.Name, Hostname: v.Hostname, Description: v.Description,
		VM: string(v.VM), Task: string(v.Task), Power: int(v.Power), Progress: v.Progress,
		Host: v.Host, Node: v.Node, LaunchedOn: v.LaunchedOn, Zone: v.AZ, RequestedZone: v.RequestedAZ,
		KeyName: v.KeyName, PublicKey: v.PublicKey, UserData: v.UserData, ConfigDrive: v.ConfigDrive,
		AccessIP4: v.AccessIPv4, AccessIP6: v.AccessIPv6, DiskConfig: v.DiskConfig, RootDevice: v.RootDevice,
		ReservationID: v.ReservationID, LaunchIndex: v.LaunchIndex, Locked: v.Locked, LockedBy: v.LockedBy,
		LockedReason: v.LockedReason, Tags: joinTags(v.Tags), Hints: string(v.Hints), Created: db.At(v.Created),
		Updated: db.At(v.Updated), Launched: db.At(v.Launched), Terminated: db.At(v.Terminated),
		DeletedAt: db.At(v.DeletedAt),
	}, FlavorID: v.Flavor.ID, VCPUs: v.Flavor.VCPUs, MemoryMB: v.Flavor.RAM, DiskGB: v.Flavor.Disk + v.Flavor.Ephemeral,
		ImageID: v.Image.ID, Ports: "[]", Deleted: v.Gone()}
	r.IP4, r.IP6 = ipTexts(v.Addresses)
	var err error
	for _, c := range []struct {
		text  *string
		value any
	}{{&r.Flavor, flavorForm(v.Flavor)}, {&r.Image, imageForm(v.Image)}, {&r.Metadata, v.Metadata},
		{&r.SecurityGroups, v.SecurityGroups}, {&r.Addresses, each(v.Addresses, addressForm)},
		{&r.Fault, faultForm(v.Fault)}, {&r.BlockDevices, each(v.BlockDevices, blockDeviceForm)}} {
		if *c.text, err = encode(c.value); err != nil {
			return r, err
		}
	}
	return r, nil
}

// ipTexts returns the addresses of each version, separated by spaces, for filters.
func ipTexts(as []nova.Address) (v4, v6 string) {
	var a4, a6 []string
	for _, a := range as {
		if a.Type == "floating" {
			continue // as in nova the filters ip and ip6 know fixed addresses only
		}
		if a.Version == 6 {
			a6 = append(a6, a.IP)
		} else {
			a4 = append(a4, a.IP)
		}
	}
	return strings.Join(a4, " "), strings.Join(a6, " ")
}
