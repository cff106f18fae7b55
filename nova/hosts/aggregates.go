package hosts

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"hypernova/nova"
	"hypernova/nova/jobs"
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
		before := v.Zone()
		v.Metadata = maps.Clone(v.Metadata)
		v.Metadata[zoneKey] = zone.Or("")
		return h.rezoned(ctx, tx, v, before, "update")
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
			return fault.Invalidf("Cannot remove host from aggregate %d. Reason: Host aggregate is not empty.", id)
		}
		return store.DeleteAggregate(ctx, tx, id)
	})
}

// SetAggregateMetadata sets items; a nil value removes one.
func (h *Hosts) SetAggregateMetadata(ctx context.Context, id int64, items map[string]*string) (nova.Aggregate, error) {
	return h.edit(ctx, id, func(tx *db.Tx, v *nova.Aggregate) error {
		before := v.Zone()
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
			return h.rezoned(ctx, tx, v, before, "update metadata of")
		}
		return nil
	})
}

// AddHost adds a compute host to an aggregate. Faults: NotFound for an unknown host, Conflict if it is a member, is in
// another zone, or has servers that would come into another zone.
func (h *Hosts) AddHost(ctx context.Context, id int64, host string) (nova.Aggregate, error) {
	if _, err := store.ServiceOf(ctx, h.DB, host, nova.BinaryCompute); err != nil {
		if fault.Is(err, fault.NotFound) {
			return nova.Aggregate{}, fault.NotFoundf("Compute host %s could not be found.", host)
		}
		return nova.Aggregate{}, err
	}
	return h.edit(ctx, id, func(tx *db.Tx, v *nova.Aggregate) error {
		as, err := store.Aggregates(ctx, tx)
		if err != nil {
			return err
		}
		if zone := v.Zone(); zone != "" {
			if others := otherZones(as, v, []string{host}, zone); others != "" {
				return fault.Conflictf("Cannot add host to aggregate %d. Reason: One or more hosts already in availability "+
					"zone(s) %s.", id, others)
			}
			if before := nova.ZoneOf(host, as, ""); before != zone {
				if err := h.unmoved(ctx, tx, host, "add host to", "added to", id, before, zone); err != nil {
					return err
				}
			}
		}
		if slices.Contains(v.Hosts, host) {
			return fault.Conflictf("Aggregate %d already has host %s.", id, host)
		}
		v.Hosts = append(slices.Clone(v.Hosts), host)
		return nil
	})
}

// RemoveHost removes a host. Faults: NotFound if it is no member, Conflict if it has servers that would come into
// another zone.
func (h *Hosts) RemoveHost(ctx context.Context, id int64, host string) (nova.Aggregate, error) {
	v, err := h.edit(ctx, id, func(tx *db.Tx, v *nova.Aggregate) error {
		i := slices.Index(v.Hosts, host)
		if i < 0 {
			return fault.NotFoundf("Aggregate %d has no host %s.", id, host)
		}
		v.Hosts = slices.Delete(slices.Clone(v.Hosts), i, i+1)
		if v.Zone() == "" {
			return nil
		}
		as, err := store.Aggregates(ctx, tx)
		if err != nil {
			return err
		}
		as = slices.DeleteFunc(as, func(a nova.Aggregate) bool { return a.ID == id })
		if after := nova.ZoneOf(host, as, ""); after != v.Zone() {
			return h.unmoved(ctx, tx, host, "remove host from", "removed from", id, v.Zone(), after)
		}
		return nil
	})
	if fault.Is(err, fault.NotFound) {
		err = fault.NotFoundf("Cannot remove host %s in aggregate %d", host, id)
	}
	return v, err
}

// rezoned checks an aggregate whose zone a request changed from before: fault.Invalid if its hosts cannot be in that
// zone. what names the change.
func (h *Hosts) rezoned(ctx context.Context, tx *db.Tx, v *nova.Aggregate, before, what string) error {
	refuse := func(reason string) error {
		return fault.Invalidf("Cannot %s aggregate %d. Reason: %s.", what, v.ID, reason)
	}
	if v.Zone() == "" {
		return refuse("Aggregate " + v.Name + " does not support empty named availability zone")
	}
	as, err := store.Aggregates(ctx, tx)
	if err != nil {
		return err
	}
	if others := otherZones(as, v, v.Hosts, v.Zone()); others != "" {
		return refuse("One or more hosts already in availability zone(s) " + others)
	}
	if before == v.Zone() {
		return nil
	}
	for _, host := range v.Hosts {
		vs, err := store.ServersOnHost(ctx, tx, host)
		if err != nil {
			return err
		}
		if len(vs) > 0 {
			return refuse("One or more hosts contain instances in this zone")
		}
	}
	return nil
}

// otherZones lists the zones, other than zone, in which aggregates other than v have one of the hosts; empty: none.
func otherZones(as []nova.Aggregate, v *nova.Aggregate, hosts []string, zone string) string {
	var found []string
	for i := range as {
		other := as[i].Zone()
		if as[i].ID != v.ID && other != "" && other != zone && slices.ContainsFunc(hosts, func(host string) bool {
			return slices.Contains(as[i].Hosts, host)
		}) {
			found = append(found, "'"+other+"'")
		}
	}
	if len(found) == 0 {
		return ""
	}
	return "[" + strings.Join(found, ", ") + "]"
}

// unmoved returns fault.Conflict for a host with servers, whose zone would change from before to after.
func (h *Hosts) unmoved(ctx context.Context, tx *db.Tx, host, what, done string, id int64, before, after string) error {
	vs, err := store.ServersOnHost(ctx, tx, host)
	if err != nil || len(vs) == 0 {
		return err
	}
	named := func(zone string) string {
		if zone == "" {
			return "None" // of the default zone
		}
		return zone
	}
	return fault.Conflictf("Cannot %s aggregate %d. Reason: The host cannot be %s the aggregate as the availability zone "+
		"of the host would change from '%s' to '%s' but the host already has %d instance(s). Changing the AZ of an existing "+
		"instance is not supported by this action. Move the instances away from this host then try again. If you need to "+
		"move the instances between AZs then you can use shelve_offload and unshelve to achieve this..", what, id, done,
		named(before), named(after), len(vs))
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

// CacheImages enqueues that the hosts of an aggregate fetch images ahead of servers. Faults: NotFound for the
// aggregate, Invalid for an image that the caller cannot see.
func (h *Hosts) CacheImages(ctx context.Context, id int64, images []string) error {
	v, err := store.Aggregate(ctx, h.DB, id)
	if err != nil {
		return err
	}
	a := jobs.CacheImagesArgs{Aggregate: id, Hosts: v.Hosts}
	for _, name := range images {
		m, err := h.Image(ctx, name)
		if fault.Is(err, fault.NotFound) {
			return fault.Invalidf("Image %s could not be found.", name)
		}
		if err != nil {
			return err
		}
		a.Images = append(a.Images, m)
	}
	return h.DB.Tx(ctx, func(tx *db.Tx) error {
		_, err := jobs.CacheImages.Enqueue(ctx, tx, h.Queue, "cache_images:"+strconv.FormatInt(id, 10), a)
		return err
	})
}
