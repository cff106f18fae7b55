package store

import (
	"context"
	"time"

	"hypernova/nova"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

// portsRow is a server's network cache.
type portsRow struct {
	ID        string  `db:"id"`
	Ports     string  `db:"ports"`     // array of nicJSON
	Addresses string  `db:"addresses"` // array of addressJSON
	IP4       string  `db:"ip4"`
	IP6       string  `db:"ip6"`
	Updated   db.Time `db:"updated_at,set"`
}

// heldPortsRow is the part of the cache that is read.
type heldPortsRow struct {
	ID    string `db:"id"`
	Ports string `db:"ports"`
}

var (
	serverPorts = db.NewPart[heldPortsRow](stmts, "servers", "id")
	// servers_host serves it.
	portsOfHost = serverPorts.Query("host = ?\n  AND deleted = ?")
	portsOfAll  = serverPorts.Query("deleted = ?")
	// A cache that is the same already is not written, so that its server does not count as changed.
	setPorts = db.NewPart[portsRow](stmts, "servers", "id").Update("ports <> ?")
)

// Ports returns a server's network cache in full; fault.NotFound.
func Ports(ctx context.Context, on db.Querier, id string) ([]nova.NIC, error) {
	r, err := serverPorts.Get(ctx, on, id)
	if fault.Is(err, fault.NotFound) {
		return nil, NoServer(id)
	}
	if err != nil {
		return nil, err
	}
	return decodePorts(r.Ports)
}

// PortsOnHost returns the network caches of the servers of a host, by server. Those that cannot be read are logged and
// left out.
func PortsOnHost(ctx context.Context, on db.Querier, host string) (map[string][]nova.NIC, error) {
	rows, err := portsOfHost.All(ctx, on, host, false)
	if err != nil {
		return nil, err
	}
	m := make(map[string][]nova.NIC, len(rows))
	for _, r := range rows {
		ports, err := decodePorts(r.Ports)
		if err != nil {
			logLeftOut(ctx, r.ID, err)
			continue
		}
		m[r.ID] = ports
	}
	return m, nil
}

// PortIDs returns the ids of the ports in the network cache of each server that exists. Servers whose cache cannot be
// read are in unreadable.
func PortIDs(ctx context.Context, on db.Querier) (ids map[string][]string, unreadable map[string]error, err error) {
	rows, err := portsOfAll.All(ctx, on, false)
	ids, unreadable = make(map[string][]string, len(rows)), map[string]error{}
	for _, r := range rows {
		ports, err := decodePorts(r.Ports)
		if err != nil {
			unreadable[r.ID] = err
			continue
		}
		for _, p := range ports {
			ids[r.ID] = append(ids[r.ID], p.ID)
		}
	}
	return ids, unreadable, err
}

// SetPorts writes the network cache of a server. It changes nothing if the cache is the same already or the server is
// not there.
func SetPorts(ctx context.Context, on db.Querier, id string, ports []nova.NIC, now time.Time) error {
	full, err := encode(each(ports, nicForm))
	if err != nil {
		return err
	}
	as := nova.AddressesOf(ports)
	short, err := encode(each(as, addressForm))
	if err != nil {
		return err
	}
	r := portsRow{ID: id, Ports: full, Addresses: short, Updated: db.At(now)}
	r.IP4, r.IP6 = ipTexts(as)
	_, err = setPorts.Do(ctx, on, r, full)
	return err
}
