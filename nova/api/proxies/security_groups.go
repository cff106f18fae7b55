package proxies

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"hypernova/nova/api/policies"
	"hypernova/oslo/api"
	"hypernova/oslo/fault"
	"hypernova/oslo/httpc"
	"hypernova/oslo/ids"
	"hypernova/oslo/opt"
)

// groupsAPI proxies security groups.
type groupsAPI struct{ networks *httpc.Client }

var groupOps = api.Resource[*groupsAPI]{Name: "security_group", Plural: "security_groups", Ops: api.Ops[*groupsAPI]{
	api.List("GET /os-security-groups", policies.SecurityGroupsGet, (*groupsAPI).list, api.Span(proxied)),
	api.Do("POST /os-security-groups", policies.SecurityGroupsCreate, http.StatusOK, (*groupsAPI).create,
		api.Span(proxied), api.EnvelopeIn("")),
	api.Do("GET /os-security-groups/{id}", policies.SecurityGroupsShow, http.StatusOK, (*groupsAPI).show,
		api.Span(proxied), api.LooseQuery()),
	api.Do("PUT /os-security-groups/{id}", policies.SecurityGroupsUpdate, http.StatusOK, (*groupsAPI).update,
		api.Span(proxied), api.EnvelopeIn("")),
	api.Do("DELETE /os-security-groups/{id}", policies.SecurityGroupsDelete, http.StatusAccepted, (*groupsAPI).remove,
		api.Span(proxied)),
}}

// group and groupRule are a security group and a rule as the Networking API shows them.
type group struct {
	ID          string      `json:"id"`
	Name        string      `json:"name"`
	Description string      `json:"description"`
	Project     string      `json:"tenant_id"`
	Rules       []groupRule `json:"security_group_rules"`
}

type groupRule struct {
	ID        string  `json:"id"`
	Group     string  `json:"security_group_id"`
	Direction string  `json:"direction"`
	Protocol  *string `json:"protocol"`
	Min       *int    `json:"port_range_min"`
	Max       *int    `json:"port_range_max"`
	Remote    *string `json:"remote_group_id"`
	Prefix    *string `json:"remote_ip_prefix"`
}

type groupView struct {
	ID          string     `wire:"id"`
	Name        string     `wire:"name"`
	Description string     `wire:"description"`
	Project     string     `wire:"tenant_id"`
	Rules       []ruleView `wire:"rules"`
}

type ruleView struct {
	ID       string            `wire:"id"`
	Parent   string            `wire:"parent_group_id"`
	Protocol *string           `wire:"ip_protocol"`
	From     *int              `wire:"from_port"`
	To       *int              `wire:"to_port"`
	Group    map[string]string `wire:"group"`
	Range    map[string]string `wire:"ip_range"`
}

// bounds are the ports of a rule in nova's form, which has no rule without any.
func (g groupRule) bounds() (from, to *int) {
	if g.Protocol == nil || *g.Protocol == "" || g.Min != nil || g.Max != nil {
		return g.Min, g.Max
	}
	first, last := -1, -1
	if p := strings.ToLower(*g.Protocol); p == "tcp" || p == "udp" {
		first, last = 1, 65535
	}
	return &first, &last
}

// rule is the view of a rule; false where its remote group is gone.
func (a *groupsAPI) rule(ctx context.Context, g groupRule) (ruleView, bool, error) {
	v := ruleView{ID: g.ID, Parent: g.Group, Protocol: g.Protocol, Group: map[string]string{}, Range: map[string]string{}}
	v.From, v.To = g.bounds()
	switch {
	case g.Remote != nil:
		remote, err := a.group(ctx, *g.Remote)
		if fault.Is(err, fault.NotFound) {
			return v, false, nil
		}
		v.Group = map[string]string{"name": remote.Name, "tenant_id": remote.Project}
		return v, true, err
	case g.Prefix != nil && *g.Prefix != "":
		v.Range["cidr"] = *g.Prefix
	default:
		v.Range["cidr"] = "0.0.0.0/0"
	}
	return v, true, nil
}

func (a *groupsAPI) view(ctx context.Context, g group) (groupView, error) {
	v := groupView{ID: g.ID, Name: g.Name, Description: g.Description, Project: g.Project, Rules: []ruleView{}}
	for _, x := range g.Rules {
		if x.Direction != "ingress" {
			continue
		}
		w, there, err := a.rule(ctx, x)
		if err != nil {
			return v, err
		}
		if there {
			v.Rules = append(v.Rules, w)
		}
	}
	return v, nil
}

func (a *groupsAPI) group(ctx context.Context, id string) (group, error) {
	out, err := httpc.Do[struct {
		Group group `json:"security_group"`
	}](ctx, a.networks, httpc.Request{Path: "/v2.0/security-groups/" + url.PathEscape(id)})
	return out.Group, err
}

// ofPath reads the group of the path.
func (a *groupsAPI) ofPath(ctx context.Context, r *api.Request) (group, error) {
	if !ids.IsUUID(r.Param("id")) {
		return group{}, fault.Invalidf("Security group id should be uuid")
	}
	return a.group(ctx, r.Param("id"))
}

type groupQuery struct {
	Limit  opt.Of[int]         `wire:"limit" is:"digits,min=0"`
	Offset opt.Of[int]         `wire:"offset" is:"digits,min=0"`
	All    opt.Of[string]      `wire:"all_tenants"`
	Others map[string][]string `wire:"*"`
}

func (a *groupsAPI) list(ctx context.Context, r *api.Request, q *groupQuery) (api.Page[groupView], error) {
	p := api.Page[groupView]{}
	params := url.Values{}
	if !q.All.Set || !r.Caller.Admin() {
		params.Set("tenant_id", r.Caller.ProjectID)
	}
	out, err := httpc.Do[struct {
		Groups []group `json:"security_groups"`
	}](ctx, a.networks, httpc.Request{Path: "/v2.0/security-groups", Query: params})
	if err != nil {
		return p, err
	}
	gs := out.Groups[min(q.Offset.Or(0), len(out.Groups)):]
	if n := q.Limit.Or(0); n > 0 && n < len(gs) {
		gs = gs[:n]
	}
	slices.SortFunc(gs, func(x, y group) int {
		return cmp.Or(strings.Compare(x.Project, y.Project), strings.Compare(x.Name, y.Name))
	})
	for _, g := range gs {
		v, err := a.view(ctx, g)
		if err != nil {
			return p, err
		}
		p.Items = append(p.Items, v)
	}
	return p, nil
}

func (a *groupsAPI) show(ctx context.Context, r *api.Request, _ *api.None) (groupView, error) {
	g, err := a.ofPath(ctx, r)
	if err != nil {
		return groupView{}, err
	}
	return a.view(ctx, g)
}

// groupIn and ruleIn are bodies. Unknown members of them have no effect, as in nova.
type groupIn struct {
	Group  groupBody      `wire:"security_group" is:"required"`
	Others map[string]any `wire:"*"`
}

type ruleIn struct {
	Rule   ruleBody       `wire:"security_group_rule" is:"required"`
	Others map[string]any `wire:"*"`
}

type groupBody struct {
	Name        string         `wire:"name" is:"required,maxlen=255"`
	Description string         `wire:"description" is:"required,maxlen=255"`
	Others      map[string]any `wire:"*"`
}

// write sends a group's name and description.
func (a *groupsAPI) write(ctx context.Context, method, path string, in *groupBody) (groupView, error) {
	out, err := httpc.Do[struct {
		Group group `json:"security_group"`
	}](ctx, a.networks, httpc.Request{Method: method, Path: path,
		Body: map[string]any{"security_group": map[string]string{"name": in.Name, "description": in.Description}}})
	if err != nil {
		return groupView{}, reworded(err, fault.Conflict, fault.Forbidden) // a quota, or the default group's name
	}
	return a.view(ctx, out.Group)
}

func (a *groupsAPI) create(ctx context.Context, _ *api.Request, in *groupIn) (groupView, error) {
	return a.write(ctx, http.MethodPost, "/v2.0/security-groups", &in.Group)
}

func (a *groupsAPI) update(ctx context.Context, r *api.Request, in *groupIn) (groupView, error) {
	g, err := a.ofPath(ctx, r)
	if err != nil {
		return groupView{}, err
	}
	return a.write(ctx, http.MethodPut, "/v2.0/security-groups/"+g.ID, &in.Group)
}

func (a *groupsAPI) remove(ctx context.Context, r *api.Request, _ *api.None) (api.None, error) {
	g, err := a.ofPath(ctx, r)
	if err == nil {
		_, err = httpc.Do[api.None](ctx, a.networks, httpc.Request{Method: http.MethodDelete,
			Path: "/v2.0/security-groups/" + g.ID})
	}
	return api.None{}, reworded(err, fault.Conflict, fault.Invalid)
}

// groupRulesAPI proxies the rules of security groups.
type groupRulesAPI struct{ groupsAPI }

var groupRuleOps = api.Resource[*groupRulesAPI]{Name: "security_group_rule", Plural: "security_group_rules",
	Ops: api.Ops[*groupRulesAPI]{
		api.Do("POST /os-security-group-rules", policies.SecurityGroupsRuleCreate, http.StatusOK,
			(*groupRulesAPI).create, api.Span(proxied), api.EnvelopeIn("")),
		api.Do("DELETE /os-security-group-rules/{id}", policies.SecurityGroupsRuleDelete, http.StatusAccepted,
			(*groupRulesAPI).remove, api.Span(proxied)),
	}}

type ruleBody struct {
	Group    opt.Of[string]  `wire:"group_id" is:"nullable,uuid"`
	Parent   string          `wire:"parent_group_id" is:"required,uuid"`
	From     opt.Of[loosely] `wire:"from_port" is:"nullable"`
	To       opt.Of[loosely] `wire:"to_port" is:"nullable"`
	Protocol opt.Of[string]  `wire:"ip_protocol" is:"nullable"`
	CIDR     opt.Of[string]  `wire:"cidr" is:"nullable"`
	Others   map[string]any  `wire:"*"`
}

// loosely is a port as clients of old send it: a number, or a text with one.
type loosely = json.RawMessage

// portOf reads a port; nil is none.
func portOf(o opt.Of[loosely], icmp bool) (*int, error) {
	text := strings.Trim(string(o.Value), `" `)
	if !o.Has() || text == "null" || text == "" {
		return nil, nil
	}
	n, err := strconv.Atoi(text)
	switch {
	case err != nil && icmp:
		return nil, fault.Invalidf("Invalid input received: Type and Code must be integers for ICMP protocol type")
	case err != nil:
		return nil, fault.Invalidf("Invalid input received: To and From ports must be integers")
	}
	return &n, nil
}

// wanted is a rule in the form of the Networking API: what the body says, checked as nova does.
func (in *ruleBody) wanted() (map[string]any, error) {
	rule := map[string]any{"direction": "ingress", "ethertype": "IPv4", "security_group_id": in.Parent}
	protocol := strings.ToUpper(in.Protocol.Or(""))
	icmp := protocol == "ICMP"
	from, err := portOf(in.From, icmp)
	if err != nil {
		return nil, err
	}
	to, err := portOf(in.To, icmp)
	if err != nil {
		return nil, err
	}
	if in.Group.Has() {
		rule["remote_group_id"] = in.Group.Value
		if from == nil && to == nil && protocol != "" {
			first, last := -1, -1
			if !icmp {
				first, last = 1, 65535
			}
			from, to = &first, &last
		}
	} else {
		p, err := cidrOf(in.CIDR.Or(""))
		if err != nil {
			return nil, err
		}
		rule["remote_ip_prefix"] = p.String()
		if p.Addr().Is6() {
			rule["ethertype"] = "IPv6"
		}
	}
	if protocol == "" || from == nil || to == nil {
		if in.Group.Has() {
			return rule, nil
		}
		return nil, fault.Invalidf("Not enough parameters to build a valid rule.")
	}
	if err := checkPorts(protocol, in.Protocol.Value, *from, *to); err != nil {
		return nil, err
	}
	rule["protocol"] = in.Protocol.Value
	for name, n := range map[string]int{"port_range_min": *from, "port_range_max": *to} {
		if n != -1 {
			rule[name] = n
		}
	}
	return rule, nil
}

func checkPorts(protocol, given string, from, to int) error {
	badRange := func(why string) error {
		return fault.Invalidf("Invalid port range %d:%d. %s", from, to, why)
	}
	switch protocol {
	case "TCP", "UDP":
		if from > to {
			return badRange("Former value cannot be greater than the later")
		}
		if from < 1 || to > 65535 {
			return badRange("Valid " + protocol + " ports should be between 1-65535")
		}
	case "ICMP":
		if from < -1 || from > 255 || to < -1 || to > 255 {
			return badRange("For ICMP, the type:code must be valid")
		}
	default:
		return fault.Invalidf("Invalid IP protocol %s.", given)
	}
	return nil
}

// cidrOf reads a prefix; without one it is every address of IPv4.
func cidrOf(text string) (netip.Prefix, error) {
	if text == "" {
		text = "0.0.0.0/0"
	}
	plain, err := url.PathUnescape(text)
	if err != nil {
		plain = text
	}
	p, err := netip.ParsePrefix(plain)
	if err != nil {
		return p, fault.Invalidf("%s is not a valid IP network.", text)
	}
	if p.Bits() == 0 && !p.Addr().IsUnspecified() {
		return p, fault.Invalidf("Bad prefix for network in cidr %s", text)
	}
	return p, nil
}

func (a *groupRulesAPI) create(ctx context.Context, _ *api.Request, body *ruleIn) (ruleView, error) {
	in := &body.Rule
	parent, err := a.group(ctx, in.Parent)
	if err != nil {
		return ruleView{}, err
	}
	if in.Group.Has() {
		if _, err := a.group(ctx, in.Group.Value); err != nil {
			return ruleView{}, err
		}
	}
	wanted, err := in.wanted()
	if err != nil {
		return ruleView{}, err
	}
	out, err := httpc.Do[struct {
		Rule groupRule `json:"security_group_rule"`
	}](ctx, a.networks, httpc.Request{Method: http.MethodPost, Path: "/v2.0/security-group-rules",
		Body: map[string]any{"security_group_rule": wanted}})
	if f := fault.Of(err); f != nil && f.Kind == fault.Conflict {
		if f.Code == "SecurityGroupRuleExists" {
			return ruleView{}, fault.Invalidf("This rule already exists in group %s", parent.ID)
		}
		return ruleView{}, reworded(err, fault.Conflict, fault.Forbidden) // a quota
	}
	if err != nil {
		return ruleView{}, err
	}
	v, _, err := a.rule(ctx, out.Rule)
	return v, err
}

func (a *groupRulesAPI) remove(ctx context.Context, r *api.Request, _ *api.None) (api.None, error) {
	if !ids.IsUUID(r.Param("id")) {
		return api.None{}, fault.Invalidf("Security group id should be uuid")
	}
	_, err := httpc.Do[api.None](ctx, a.networks, httpc.Request{Method: http.MethodDelete,
		Path: "/v2.0/security-group-rules/" + r.Param("id")})
	return api.None{}, reworded(err, fault.Conflict, fault.Invalid)
}
