package servers

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"unicode"

	"hypernova/nova"
	"hypernova/nova/jobs"
	"hypernova/nova/store"
	"hypernova/oslo/auth"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
)

// NetworkMode is the form in which a request chooses its networks.
type NetworkMode string

const (
	NetworksUnsaid NetworkMode = ""     // the only one there is, or none
	NetworksAuto   NetworkMode = "auto" // the only one there is; none is an error
	NetworksNone   NetworkMode = "none"
	NetworksListed NetworkMode = "list" // CreateArgs.NICs
)

// CreateArgs are the arguments of Create. The form of texts is checked already; Create checks what they refer to.
type CreateArgs struct {
	Name, Hostname         string // Hostname empty: made of the name
	Description            *string
	Flavor, Image          string // ids
	Networks               NetworkMode
	NICs                   []nova.NICRequest
	External               bool     // the caller may attach servers to external networks
	SecurityGroups         []string // names or ids; empty: default
	KeyName                string
	Metadata               map[string]string
	Tags                   []string
	UserData               string // base64
	Files                  []nova.File
	ConfigDrive            bool
	Devices                []nova.BlockDevice // as asked for
	OldDevices             bool               // they are in the old form: see ReadOldDevice
	AdminPass              string
	AccessIPv4, AccessIPv6 string
	DiskConfig             string // AUTO or MANUAL; empty: MANUAL
	AZ                     string
	Host, Node             string // only there
	Force                  bool   // skip the filters; from the "zone:host:node" form
	Hints                  json.RawMessage
	Min, Max               int // 0: 1
}

// Created is the result of Create.
type Created struct {
	ReservationID string
	Servers       []nova.Server
}

// Create checks the request, and in one transaction counts quotas, writes the servers, their action and a build task
// for each. It makes between Min and Max servers, as many as the quotas allow. Faults: Invalid for a reference to
// something that does not exist, OverQuota, Conflict for a port that is in use or an ambiguous choice of networks.
func (s *Servers) Create(ctx context.Context, a CreateArgs) (Created, error) {
	caller := auth.From(ctx)
	if caller == nil || caller.ProjectID == "" {
		return Created{}, fault.Forbiddenf("Servers belong to projects; the token has none.")
	}
	a.Min, a.Max = max(a.Min, 1), max(a.Max, a.Min, 1)
	if a.Hostname != "" && a.Max > 1 {
		return Created{}, fault.Invalidf("Unable to allocate a single hostname to multiple instances")
	}
	if a.AZ == "" && !a.Force {
		a.AZ = s.ScheduleZone
	}
	r, err := s.resolve(ctx, caller.ProjectID, caller.UserID, &a)
	if err != nil {
		return Created{}, err
	}
	hints, err := readHints(a.Hints)
	if err != nil {
		return Created{}, err
	}
	if err := checkHints(hints); err != nil {
		return Created{}, err
	}
	group, err := groupHint(ctx, s.DB, caller.ProjectID, hints)
	if err != nil {
		return Created{}, err
	}
	limits, err := s.bounds(ctx, r, &a, caller)
	if err != nil {
		return Created{}, err
	}
	made := Created{ReservationID: "r-" + ids.Hex()[:8]}
	err = s.DB.Tx(ctx, func(tx *db.Tx) error {
		count, err := s.fit(ctx, tx, limits, r.flavor, &a, caller)
		if err != nil {
			return err
		}
		made.Servers = s.records(r, &a, caller, made.ReservationID, count)
		if err := store.InsertServers(ctx, tx, made.Servers); err != nil {
			return err
		}
		if err := join(ctx, tx, group, made.Servers, limits.own.ServerGroupMembers); err != nil {
			return err
		}
		actions := make([]nova.Action, count)
		for i, v := range made.Servers {
			actions[i] = nova.Action{Server: v.ID, Name: nova.ActionCreate, Request: auth.RequestID(ctx), User: caller.UserID,
				Project: caller.ProjectID}
		}
		if err := store.StartActions(ctx, tx, actions, s.Now()); err != nil {
			return err
		}
		for _, v := range made.Servers {
			job := jobs.BuildArgs{Server: v.ID, NICs: r.nics, SecurityGroups: r.groups, Files: a.Files, AdminPass: a.AdminPass,
				Request: nova.Request{Server: v.ID, Project: v.Project, User: v.User, Flavor: r.flavor, Image: r.image, AZ: a.AZ,
					Host: a.Host, Node: a.Node, Force: a.Force, Hints: hints}}
			if _, err := jobs.Build.Enqueue(ctx, tx, s.Queue, v.ID, job); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return Created{}, err
	}
	return made, nil
}

func (s *Servers) records(r *resolved, a *CreateArgs, caller *auth.Caller, reservation string,
	count int) []nova.Server {
	now := s.Now()
	vs := make([]nova.Server, count)
	for i := range vs {
		id := ids.UUID()
		name, hostname := a.Name, a.Hostname
		if count > 1 {
			name = fmt.Sprintf("%s-%d", a.Name, i+1)
		}
		if hostname == "" {
			nameless := "Server-" + id
			hostname = Hostname(a.Name, nameless)
			if count > 1 && hostname != nameless {
				hostname = fmt.Sprintf("%s-%d", hostname, i+1)
			}
		}
		flavor, image := r.flavor, r.image
		diskConfig := a.DiskConfig
		if diskConfig == "" {
			diskConfig = "MANUAL"
		}
		vs[i] = nova.Server{
			ID: id, Name: name, Hostname: hostname, Description: a.Description, Project: caller.ProjectID, User: caller.UserID,
			VM: nova.Building, Task: nova.Scheduling, RequestedAZ: a.AZ, Flavor: &flavor, Image: &image,
			KeyName: a.KeyName, PublicKey: r.publicKey, UserData: a.UserData, ConfigDrive: a.ConfigDrive,
			AccessIPv4: a.AccessIPv4, AccessIPv6: a.AccessIPv6, DiskConfig: diskConfig, RootDevice: r.rootDevice,
			ReservationID: reservation, LaunchIndex: i, Metadata: a.Metadata, Tags: a.Tags, SecurityGroups: r.groupNames,
			Hints: a.Hints, BlockDevices: r.devices, Created: now, Updated: now,
		}
	}
	return vs
}

// longestHostname is the longest host name that all guests' systems accept.
const longestHostname = 63

// Hostname derives a host name from a server's name: spaces, underscores and dots become dashes, and other characters
// than dashes, letters and digits of Latin-1 are dropped. If nothing is left the result is otherwise.
func Hostname(name, otherwise string) string {
	var latin []rune
	for _, c := range name {
		if c <= unicode.MaxLatin1 {
			latin = append(latin, c)
		}
	}
	latin = latin[:min(len(latin), longestHostname)]
	h := strings.Trim(strings.ToLower(strings.Map(func(c rune) rune {
		switch {
		case c == ' ' || c == '_' || c == '.':
			return '-'
		case c == '-' || unicode.IsLetter(c) || unicode.IsNumber(c):
			return c
		}
		return -1
	}, string(latin))), "-")
	if h == "" {
		return otherwise[:min(len(otherwise), longestHostname)]
	}
	return h
}

// readHints makes lists of the hints that filters read; other hints are stored without effect.
func readHints(raw json.RawMessage) (map[string][]string, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		return nil, fault.Invalidf("The scheduler hints are not an object.")
	}
	hints := map[string][]string{}
	for k, v := range members {
		var one string
		var many []string
		if json.Unmarshal(v, &one) == nil {
			hints[k] = []string{one}
		} else if json.Unmarshal(v, &many) == nil {
			hints[k] = many
		} else if k == "group" {
			return nil, fault.Invalidf("Invalid input for field/attribute group. Value: %s. It is not of type 'string'", v)
		}
	}
	return hints, nil
}
