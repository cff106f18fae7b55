package nova

import (
	"encoding/json"
	"slices"
	"sync"
	"time"

	"hypernova/oslo/policy"
)

// Server is a virtual machine as its owner sees it. Flavor, Image and SecurityGroups are the server's own copies and
// are shared between Server values that were read together: nobody writes to them.
type Server struct {
	ID                     string
	Name, Hostname         string
	Description            *string
	Project, User          string
	VM                     VMState
	Task                   TaskState
	Power                  PowerState
	Host, Node, LaunchedOn string // empty until a host is chosen
	AZ, RequestedAZ        string // where it is; what was asked for
	Flavor                 *Flavor
	Image                  *ImageMeta // ID empty: boot from volume
	KeyName, PublicKey     string
	UserData               string // base64, as given
	ConfigDrive            bool
	AccessIPv4, AccessIPv6 string
	DiskConfig             string // AUTO or MANUAL
	RootDevice             string
	ReservationID          string
	LaunchIndex, Progress  int
	Locked                 bool
	LockedBy, LockedReason string // owner or admin
	Metadata               map[string]string
	Tags                   []string
	SecurityGroups         []string        // names, as asked for
	Hints                  json.RawMessage // scheduler hints, as given; nil: none
	Addresses              []Address       // the network cache, in order of the NICs
	BlockDevices           []BlockDevice   // shared like Flavor; none for servers from before they were stored
	Fault                  *Fault          // of the last failure
	Created, Updated       time.Time
	Launched, Terminated   time.Time // zero: not yet
	DeletedAt              time.Time // zero: it exists
}

// Address is one address of a server as the network cache keeps it.
type Address struct {
	Network string `json:"n"` // name
	IP      string `json:"ip"`
	Version int    `json:"v"`
	MAC     string `json:"mac"`
	Type    string `json:"t"` // fixed or floating
	Port    string `json:"port"`
}

// State is where the server is in the transition table.
func (s *Server) State() State { return State{s.VM, s.Task} }

// Gone reports a deleted server, of which only the record is left.
func (s *Server) Gone() bool { return !s.DeletedAt.IsZero() }

// PolicyTarget is what policy rules compare with the caller.
func (s *Server) PolicyTarget() policy.Target {
	return policy.Target{"project_id": s.Project, "user_id": s.User}
}

// Status is the API's one-word state.
func (s *Server) Status() string { return Status(s.VM, s.Task) }

// shown is one row of the table of the API's one-word states: of a vm_state under these task states; none: under all
// others.
type shown struct {
	vm     VMState
	tasks  []TaskState
	status string
}

// statuses is that table, after nova's (nova/api/openstack/common.py); of several rows that fit the first counts.
var statuses = sync.OnceValue(func() []shown {
	hard, rebuilding := []TaskState{RebootingHard}, []TaskState{Rebuilding}
	return []shown{
		{Active, []TaskState{Rebooting}, "REBOOT"},
		{Active, hard, "HARD_REBOOT"},
		{Error, hard, "HARD_REBOOT"},
		{Stopped, hard, "HARD_REBOOT"},
		{Paused, hard, "HARD_REBOOT"},
		{Suspended, hard, "HARD_REBOOT"},
		{Active, []TaskState{UpdatingPassword}, "PASSWORD"},
		{Active, rebuilding, "REBUILD"},
		{Stopped, rebuilding, "REBUILD"},
		{Error, rebuilding, "REBUILD"},
		{Building, nil, "BUILD"},
		{Active, nil, "ACTIVE"},
		{Stopped, nil, "SHUTOFF"},
		{Paused, nil, "PAUSED"},
		{Suspended, nil, "SUSPENDED"},
		{Rescued, nil, "RESCUE"},
		{Shelved, nil, "SHELVED"},
		{ShelvedOffloaded, nil, "SHELVED_OFFLOADED"},
		{SoftDeleted, nil, "SOFT_DELETED"},
		{Error, nil, "ERROR"},
		{Deleted, nil, "DELETED"},
	}
})

// Status maps vm_state and task_state to the API's one-word state.
func Status(vm VMState, task TaskState) string {
	for _, s := range statuses() {
		if s.vm == vm && (s.tasks == nil || slices.Contains(s.tasks, task)) {
			return s.status
		}
	}
	return "UNKNOWN"
}

// otherStatuses are OpenStack's statuses that no server of this cloud has yet.
var otherStatuses = []string{"MIGRATING", "RESIZE", "REVERT_RESIZE", "UNKNOWN", "VERIFY_RESIZE"}

// ServerName is the id and the name of a server: all that a short list shows.
type ServerName struct {
	ID   string
	Name string
}

// KnownStatus reports a status that OpenStack has, also one that no server of this cloud has.
func KnownStatus(status string) bool {
	return len(StatesOf(status)) > 0 || slices.Contains(otherStatuses, status)
}

// StatesOf is the inverse of Status: the states that are shown as this status. A state whose Task is Idle stands for
// every task state under which the status is shown; the answer is empty for a status that no server has.
func StatesOf(status string) []State {
	var out []State
	for _, s := range statuses() {
		switch {
		case s.status != status:
		case s.tasks == nil:
			out = append(out, State{VM: s.vm})
		default:
			for _, t := range s.tasks {
				out = append(out, State{s.vm, t})
			}
		}
	}
	return out
}

// AddressesOf makes the network cache's short form of a server's ports.
func AddressesOf(ports []NIC) []Address {
	var as []Address
	for _, p := range ports {
		for _, f := range p.FixedIPs {
			v := 4
			if f.IP.Is6() {
				v = 6
			}
			as = append(as, Address{Network: p.NetworkName, IP: f.IP.String(), Version: v, MAC: p.MAC, Type: "fixed",
				Port: p.ID})
		}
	}
	// As in nova, floating IPs come after all fixed ones of a network.
	for _, p := range ports {
		for _, f := range p.Floating {
			as = append(as, Address{Network: p.NetworkName, IP: f.IP.String(), Version: 4, MAC: p.MAC, Type: "floating",
				Port: p.ID})
		}
	}
	return as
}

// Spec is all that a host must know of the server, with these ports.
func (s *Server) Spec(ports []NIC) Spec {
	return Spec{
		ID: s.ID, Name: s.Name, Hostname: s.Hostname, Project: s.Project, User: s.User,
		Flavor: *s.Flavor, Image: *s.Image, Ports: ports, KeyName: s.KeyName, PublicKey: s.PublicKey, UserData: s.UserData,
		Metadata: s.Metadata, ConfigDrive: s.ConfigDrive, AZ: s.AZ, Host: s.Host, Node: s.Node,
		LaunchIndex: s.LaunchIndex, ReservationID: s.ReservationID, Created: s.Created,
		BlockDevices: s.BlockDevices,
	}
}
