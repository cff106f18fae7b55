package ports

import (
	"context"
	"encoding/json"
	"net/netip"
	"regexp"
	"strings"

	"hypernova/neutron"
	"hypernova/neutron/store"
	"hypernova/oslo/db"
)

// FixedIPFilter returns the conditions of the filters fixed_ips=ip_address=…, subnet_id=… and ip_address_substr=….
// Several of one kind are alternatives.
func (p *Ports) FixedIPFilter(ctx context.Context, values []string) ([]db.Cond, error) {
	bySort := map[string][]db.Cond{}
	for _, v := range values {
		name, value, ok := strings.Cut(v, "=")
		if !ok {
			return nil, neutron.BadInput("'%s' in fixed_ips is not ip_address=, subnet_id= or ip_address_substr=", v)
		}
		c, err := fixedIP(ctx, p.Change.DB, name, value)
		if err != nil {
			return nil, err
		}
		bySort[name] = append(bySort[name], c)
	}
	var out []db.Cond
	for _, name := range []string{"ip_address", "subnet_id", "ip_address_substr"} {
		if len(bySort[name]) > 0 {
			out = append(out, db.Any(bySort[name]...))
		}
	}
	return out, nil
}

func fixedIP(ctx context.Context, q db.Querier, name, value string) (db.Cond, error) {
	switch name {
	case "ip_address":
		ip, err := netip.ParseAddr(value)
		if err != nil {
			return db.Any(), nil // no port has it
		}
		ids, err := store.PortsWithIP(ctx, q, ip)
		return db.InList("id", ids), err
	case "subnet_id":
		b, err := json.Marshal(value)
		return db.Cond{Column: "fixed_ips", Op: db.Regexp, Values: []any{regexp.QuoteMeta(string(b))}}, err
	case "ip_address_substr":
		return db.Cond{Column: "fixed_ips", Op: db.Regexp, Values: []any{`"IP":"[^"]*` + regexp.QuoteMeta(value)}}, nil
	}
	return db.Cond{}, neutron.BadInput("'%s' is not an attribute of fixed_ips", name)
}
