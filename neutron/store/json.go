package store

import (
	"net/netip"

	"hypernova/neutron"
	"hypernova/oslo/db"
)

// The types below are the stored forms of JSON columns; testdata/stored.json shows them. A name of theirs never
// changes: rows of earlier releases have it, and so do the patterns of filters.

type fixedIPJSON struct {
	Subnet string     `json:"Subnet"`
	IP     netip.Addr `json:"IP"`
}

type pairJSON struct {
	MAC string `json:"MAC"`
	IP  string `json:"IP"`
}

type poolJSON struct {
	Start netip.Addr `json:"Start"`
	End   netip.Addr `json:"End"`
}

type routeJSON struct {
	Destination netip.Prefix `json:"Destination"`
	NextHop     netip.Addr   `json:"NextHop"`
}

// fixedIPsText is the column of fixed IPs. A list of ports reads many, so it is read without encoding/json.
type fixedIPsText struct{ db.JSON[[]fixedIPJSON] }

var fixedIPKeys = []string{"Subnet", "IP"}

// Scan reads the stored form.
func (j *fixedIPsText) Scan(v any) error {
	text, ok := v.(string)
	if ok {
		j.V = []fixedIPJSON{}
		ok = db.FlatObjects(text, fixedIPKeys, func(values []string) bool {
			ip, err := netip.ParseAddr(values[1])
			j.V = append(j.V, fixedIPJSON{values[0], ip})
			return err == nil
		})
	}
	if ok {
		return nil
	}
	return j.JSON.Scan(v)
}

func fixedIPsJSON(fs []neutron.FixedIP) fixedIPsText {
	return fixedIPsText{list(each(fs, func(f neutron.FixedIP) fixedIPJSON { return fixedIPJSON(f) }))}
}

func fixedIPs(j fixedIPsText) []neutron.FixedIP {
	return each(j.V, func(f fixedIPJSON) neutron.FixedIP { return neutron.FixedIP(f) })
}

func pairsJSON(ps []neutron.AddressPair) db.JSON[[]pairJSON] {
	return list(each(ps, func(p neutron.AddressPair) pairJSON { return pairJSON(p) }))
}

func pairs(j db.JSON[[]pairJSON]) []neutron.AddressPair {
	return each(j.V, func(p pairJSON) neutron.AddressPair { return neutron.AddressPair(p) })
}

func poolsJSON(ps []neutron.Pool) db.JSON[[]poolJSON] {
	return list(each(ps, func(p neutron.Pool) poolJSON { return poolJSON(p) }))
}

func pools(j db.JSON[[]poolJSON]) []neutron.Pool {
	return each(j.V, func(p poolJSON) neutron.Pool { return neutron.Pool(p) })
}

func routesJSON(rs []neutron.HostRoute) db.JSON[[]routeJSON] {
	return list(each(rs, func(r neutron.HostRoute) routeJSON { return routeJSON(r) }))
}

func routes(j db.JSON[[]routeJSON]) []neutron.HostRoute {
	return each(j.V, func(r routeJSON) neutron.HostRoute { return neutron.HostRoute(r) })
}

// each converts a list; nil stays nil.
func each[A, B any](as []A, convert func(A) B) []B {
	if as == nil {
		return nil
	}
	out := make([]B, len(as))
	for i, a := range as {
		out[i] = convert(a)
	}
	return out
}
