package store

import (
	"context"

	"hypernova/oslo/db"
)

var portsOfAll = db.NewQuery[portsRow](stmts, "SELECT id, ports\nFROM servers\nWHERE deleted = ?")

// Held are the ports of each server that exists, as they were written down when it got them. Servers whose ports cannot be read are named
// apart.
func (s *Store) Held(ctx context.Context, on db.Querier) (held map[string][]string, unreadable map[string]error, err error) {
	rows, err := portsOfAll.All(ctx, on, false)
	held, unreadable = make(map[string][]string, len(rows)), map[string]error{}
	for _, r := range rows {
		ports, err := decodePorts(r.Ports)
		if err != nil {
			unreadable[r.ID] = err
			continue
		}
		for _, p := range ports {
			held[r.ID] = append(held[r.ID], p.ID)
		}
	}
	return held, unreadable, err
}
