package networks

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

// ListSubnets lists subnets.
func (s *Service) ListSubnets(ctx context.Context, a db.ListArgs) ([]neutron.Subnet, error) {
	return store.Subnets(ctx, s.db, a)
}

// ListPorts lists ports; viewer, where it is set, is the project that they are shown to: its own and those of its networks.
func (s *Service) ListPorts(ctx context.Context, a db.ListArgs, viewer string) ([]neutron.Port, error) {
	return store.Ports(ctx, s.db, a, viewer)
}

// FixedIPFilter are the conditions of fixed_ips=ip_address=…, subnet_id=… and ip_address_substr=…; those of one sort are alternatives.
func (s *Service) FixedIPFilter(ctx context.Context, values []string) ([]db.Cond, error) {
	bySort := map[string][]db.Cond{}
	for _, v := range values {
		name, value, ok := strings.Cut(v, "=")
		if !ok {
			return nil, neutron.BadInput("'%s' in fixed_ips is not ip_address=, subnet_id= or ip_address_substr=", v)
		}
		c, err := fixedIP(ctx, s.db, name, value)
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
			return db.Any(), nil // what is no address is no port's
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
