package hosts

import (
	"context"
	"maps"
	"slices"

	"hypernova/nova"
	"hypernova/nova/store"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/opt"
)

const zoneKey = "availability_zone"

// Aggregates lists all aggregates.
func (h *Hosts) Aggregates(ctx context.Context) ([]nova.Aggregate, error) {
	return store.Aggregates(ctx, h.DB)
}

// Aggregate returns an aggregate by its id; fault.NotFound.
func (h *Hosts) Aggregate(ctx context.Context, id int64) (nova.Aggregate, error) {
	return store.Aggregate(ctx, h.DB, id)
}

// CreateAggregate makes an aggregate without hosts. A zone is the availability zone of its future hosts. A name in
// use is fault.Conflict.
func (h *Hosts) CreateAggregate(ctx context.Context, name, zone string) (nova.Aggregate, error) {
	v := nova.Aggregate{Name: name, Hosts: []string{}, Metadata: map[string]string{}}
	if zone != "" {
		v.Metadata[zoneKey] = zone
	}
	err := h.DB.Tx(ctx, func(tx *db.Tx) error {
		var err error
		v, err = store.SaveAggregate(ctx, tx, v, h.Now())
		return err
	})
	return v, err
}

// UpdateAggregate changes the name and the zone; an empty name or an absent zone changes nothing. Faults: Invalid for
// a null zone, and for a zone that its hosts cannot be in.
func (h *Hosts) UpdateAggregate(ctx context.Context, id int64, name string,
	zone opt.Of[string]) (nova.Aggregate, error) {
	return h.edit(ctx, id, func(tx *db.Tx, v *nova.Aggregate) error {
		if name != "" {
			v.Name = name
		}
		if !zone.Set {
			return nil
		}
		v.Metadata = maps.Clone(v.Metadata)
		v.Metadata[zoneKey] = zone.Or("")
		return h.rezoned(ctx, tx, v)
	})
}

// DeleteAggregate deletes an aggregate; one with hosts is fault.Invalid.
func (h *Hosts) DeleteAggregate(ctx context.Context, id int64) error {
	return h.DB.Tx(ctx, func(tx *db.Tx) error {
		v, err := store.Aggregate(ctx, tx, id)
		if err != nil {
			return err
		}
		if len(v.Hosts) > 0 {
			return fault.Invalidf("Cannot remove the aggregate %d: it has hosts.", id)
		}
		return store.DeleteAggregate(ctx, tx, id)
	})
}

// SetAggregateMetadata sets items; a nil value removes one.
func (h *Hosts) SetAggregateMetadata(ctx context.Context, id int64, items map[string]*string) (nova.Aggregate, error) {
	return h.edit(ctx, id, func(tx *db.Tx, v *nova.Aggregate) error {
		v.Metadata = maps.Clone(v.Metadata)
		if v.Metadata == nil {
			v.Metadata = map[string]string{}
		}
		for k, text := range items {
			if text == nil {
				delete(v.Metadata, k)
				continue
			}
			v.Metadata[k] = *text
		}
		if _, ok := items[zoneKey]; ok {
			return h.rezoned(ctx, tx, v)
		}
		return nil
	})
}

// AddHost adds a compute host to an aggregate. Faults: NotFound for an unknown host, Conflict if it is a member or is
// in another zone.
func (h *Hosts) AddHost(ctx context.Context, id int64, host string) (nova.Aggregate, error) {
	if _, err := store.ServiceOf(ctx, h.DB, host, nova.BinaryCompute); err != nil {
		if fault.Is(err, fault.NotFound) {
			return nova.Aggregate{}, fault.NotFoundf("Compute host %s could not be found.", host)
		}
		return nova.Aggregate{}, err
	}
	return h.edit(ctx, id, func(tx *db.Tx, v *nova.Aggregate) error {
		if slices.Contains(v.Hosts, host) {
			return fault.Conflictf("Cannot add host to aggregate %d. Reason: the host %s is in it.", id, host)
		}
		v.Hosts = append(slices.Clone(v.Hosts), host)
		return h.zoned(ctx, tx, v)
	})
}

// RemoveHost removes a host; fault.NotFound if it is no member.
func (h *Hosts) RemoveHost(ctx context.Context, id int64, host string) (nova.Aggregate, error) {
	return h.edit(ctx, id, func(tx *db.Tx, v *nova.Aggregate) error {
		i := slices.Index(v.Hosts, host)
		if i < 0 {
			return fault.NotFoundf("Cannot remove host %s in aggregate %d: not found.", host, id)
		}
		v.Hosts = slices.Delete(slices.Clone(v.Hosts), i, i+1)
		if v.Zone() == "" {
			return nil
		}
		as, err := store.Aggregates(ctx, tx)
		if err != nil {
			return err
		}
		for i := range as {
			if as[i].ID != id && as[i].Zone() == v.Zone() && slices.Contains(as[i].Hosts, host) {
				return nil // another aggregate keeps it there
			}
		}
		return h.unused(ctx, tx, host)
	})
}

// rezoned checks an aggregate whose zone a request changed: fault.Invalid if its hosts cannot be in that zone.
func (h *Hosts) rezoned(ctx context.Context, tx *db.Tx, v *nova.Aggregate) error {
	if v.Zone() == "" {
		return fault.Invalidf(
			"Cannot update aggregate %d. Reason: aggregate %s does not support empty named availability zone.", v.ID, v.Name)
	}
	err := h.zoned(ctx, tx, v)
	if f := fault.Of(err); fault.Is(err, fault.Conflict) {
		return fault.Invalidf("%s", f.Msg)
	}
	return err
}

// zoned returns fault.Conflict for a host that would be in two zones, or change its zone while it has servers.
func (h *Hosts) zoned(ctx context.Context, tx *db.Tx, v *nova.Aggregate) error {
	as, err := store.Aggregates(ctx, tx)
	if err != nil {
		return err
	}
	zone := v.Zone()
	for _, host := range v.Hosts {
		before := nova.ZoneOf(host, as, h.DefaultZone)
		for i := range as {
			if as[i].ID != v.ID && zone != "" && as[i].Zone() != "" && as[i].Zone() != zone && slices.Contains(as[i].Hosts,
				host) {
				return fault.Conflictf("Cannot update aggregate %d. Reason: host %s is in the availability zone %s already.", v.ID,
					host, as[i].Zone())
			}
		}
		if zone != "" && zone != before {
			if err := h.unused(ctx, tx, host); err != nil {
				return err
			}
		}
	}
	return nil
}

// unused returns fault.Conflict for hosts with servers: their servers would be in another zone than the requested
// one.
func (h *Hosts) unused(ctx context.Context, tx *db.Tx, host string) error {
	vs, err := store.ServersOnHost(ctx, tx, host)
	if err == nil && len(vs) > 0 {
		return fault.Conflictf("One or more hosts contain instances in this zone: %s", host)
	}
	return err
}

func (h *Hosts) edit(ctx context.Context, id int64, fn func(*db.Tx, *nova.Aggregate) error) (nova.Aggregate, error) {
	var v nova.Aggregate
	err := h.DB.Tx(ctx, func(tx *db.Tx) error {
		var err error
		if v, err = store.Aggregate(ctx, tx, id); err != nil {
			return err
		}
		if err := fn(tx, &v); err != nil {
			return err
		}
		v, err = store.SaveAggregate(ctx, tx, v, h.Now())
		return err
	})
	return v, err
}
