package api

import (
	"context"
	"slices"

	"hypernova/neutron"
	"hypernova/nova"
	"hypernova/oslo/api"
	"hypernova/oslo/fault"
	"hypernova/oslo/opt"
)

var serverMetadata = api.Resource[*API]{Name: "metadata", Plural: "metadata", Ops: api.Ops[*API]{
	api.On("GET /servers/{server_id}/metadata", policyMetaIndex, 200, (*API).server, (*API).listMetadata),
	api.On("POST /servers/{server_id}/metadata", policyMetaCreate, 200, (*API).server, (*API).addMetadata),
	api.On("PUT /servers/{server_id}/metadata", policyMetaUpdateAll, 200, (*API).server, (*API).replaceMetadata),
	api.On("GET /servers/{server_id}/metadata/{key}", policyMetaShow, 200, (*API).server, (*API).showMetadata, api.Envelope("meta")),
	api.On("PUT /servers/{server_id}/metadata/{key}", policyMetaUpdate, 200, (*API).server, (*API).setMetadata, api.Envelope("meta")),
	api.On("DELETE /servers/{server_id}/metadata/{key}", policyMetaDelete, 204, (*API).server, (*API).deleteMetadata),
}}

// serverVolumes are the volumes of a server: none, for there is no block storage here. Clients ask for them with every server that they show.
var serverVolumes = api.Resource[*API]{Name: "volumeAttachment", Plural: "volumeAttachments", Ops: api.Ops[*API]{
	api.ListOf("GET /servers/{server_id}/os-volume_attachments", policyVolumesIndex, (*API).server, (*API).listVolumes),
	api.On("GET /servers/{server_id}/os-volume_attachments/{volume_id}", policyVolumesShow, 200, (*API).server, (*API).showVolume),
}}

type volumeQuery struct {
	Limit  opt.Of[int] `wire:"limit" is:"intish,min=0"`
	Offset opt.Of[int] `wire:"offset" is:"intish,min=0"`
}

func (a *API) listVolumes(context.Context, *api.Request, *nova.Server, *volumeQuery) (api.Page[api.None], error) {
	return api.Page[api.None]{}, nil
}

// showVolume knows no volume, and says so as nova does of one that is not attached.
func (a *API) showVolume(_ context.Context, r *api.Request, v *nova.Server, _ *api.None) (api.None, error) {
	return api.None{}, fault.NotFoundf("Instance %s is not attached to volume %s", v.ID, r.Param("volume_id"))
}

// items are metadata with the form checked.
type items struct {
	All map[string]string `wire:"*" is:"each(maxlen=255)"`
}

// Validate checks the keys.
func (i *items) Validate(api.Version) error {
	for k := range i.All {
		if !plainKey(k) {
			return fault.Invalidf("Invalid input for field/attribute metadata: the key '%s' is not 1 to 255 letters, digits or any of -_:. and blank.", k)
		}
	}
	return nil
}

func plainKey(k string) bool {
	if k == "" || len(k) > 255 {
		return false
	}
	for i := range len(k) {
		c := k[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == ':' || c == '.' || c == ' ') {
			return false
		}
	}
	return true
}

func (a *API) listMetadata(_ context.Context, _ *api.Request, v *nova.Server, _ *api.None) (map[string]string, error) {
	return v.Metadata, nil
}

func (a *API) addMetadata(ctx context.Context, _ *api.Request, v *nova.Server, in *items) (map[string]string, error) {
	return a.Servers.SetMetadata(ctx, v.ID, in.All, true)
}

func (a *API) replaceMetadata(ctx context.Context, _ *api.Request, v *nova.Server, in *items) (map[string]string, error) {
	if in.All == nil {
		in.All = map[string]string{}
	}
	return a.Servers.SetMetadata(ctx, v.ID, in.All, false)
}

func (a *API) showMetadata(_ context.Context, r *api.Request, v *nova.Server, _ *api.None) (map[string]string, error) {
	key := r.Param("key")
	value, ok := v.Metadata[key]
	if !ok {
		return nil, fault.NotFoundf("Metadata item was not found")
	}
	return map[string]string{key: value}, nil
}

func (a *API) setMetadata(ctx context.Context, r *api.Request, v *nova.Server, in *items) (map[string]string, error) {
	key := r.Param("key")
	if len(in.All) != 1 {
		return nil, fault.Invalidf("Request body contains too many items")
	}
	if _, ok := in.All[key]; !ok {
		return nil, fault.Invalidf("Request body and URI mismatch")
	}
	_, err := a.Servers.SetMetadata(ctx, v.ID, in.All, true)
	return in.All, err
}

func (a *API) deleteMetadata(ctx context.Context, r *api.Request, v *nova.Server, _ *api.None) (api.None, error) {
	return api.None{}, a.Servers.DeleteMetadata(ctx, v.ID, r.Param("key"))
}

var serverTags = api.Resource[*API]{Name: "tags", Plural: "tags", Ops: api.Ops[*API]{
	api.On("GET /servers/{server_id}/tags", policyTagsIndex, 200, (*API).server, (*API).listTags, api.Span("2.26-")),
	api.On("PUT /servers/{server_id}/tags", policyTagsUpdateAll, 200, (*API).server, (*API).replaceTags, api.Span("2.26-"), api.EnvelopeIn("")),
	api.On("DELETE /servers/{server_id}/tags", policyTagsDeleteAll, 204, (*API).server, (*API).deleteTags, api.Span("2.26-")),
	api.On("GET /servers/{server_id}/tags/{tag}", policyTagsShow, 204, (*API).server, (*API).showTag, api.Span("2.26-")),
	api.On("PUT /servers/{server_id}/tags/{tag}", policyTagsUpdate, 201, (*API).server, (*API).addTag, api.Span("2.26-")),
	api.On("DELETE /servers/{server_id}/tags/{tag}", policyTagsDelete, 204, (*API).server, (*API).deleteTag, api.Span("2.26-")),
}}

type tagList struct {
	Tags []string `wire:"tags" is:"required,maxitems=50,each(minlen=1,maxlen=60,pattern=^[^,/]*$)"`
}

func (a *API) listTags(_ context.Context, _ *api.Request, v *nova.Server, _ *api.None) ([]string, error) {
	return v.Tags, nil
}

func (a *API) replaceTags(ctx context.Context, _ *api.Request, v *nova.Server, in *tagList) ([]string, error) {
	tags := slices.Clone(in.Tags)
	slices.Sort(tags)
	return slices.Compact(tags), a.Servers.SetTags(ctx, v.ID, in.Tags)
}

func (a *API) deleteTags(ctx context.Context, _ *api.Request, v *nova.Server, _ *api.None) (api.None, error) {
	return api.None{}, a.Servers.SetTags(ctx, v.ID, nil)
}

func (a *API) showTag(_ context.Context, r *api.Request, v *nova.Server, _ *api.None) (api.None, error) {
	if !slices.Contains(v.Tags, r.Param("tag")) {
		return api.None{}, fault.NotFoundf("Server %s has no tag '%s'", v.ID, r.Param("tag"))
	}
	return api.None{}, nil
}

func (a *API) addTag(ctx context.Context, r *api.Request, v *nova.Server, _ *api.None) (api.None, error) {
	tag := r.Param("tag")
	if n := len([]rune(tag)); n > 60 {
		return api.None{}, fault.Invalidf("Tag '%s' is too long: at most 60 characters.", tag)
	}
	if slices.ContainsFunc([]rune(tag), func(c rune) bool { return c == ',' || c == '/' }) {
		return api.None{}, fault.Invalidf("Tag '%s' must not contain a comma or a slash.", tag)
	}
	added, err := a.Servers.AddTag(ctx, v.ID, tag)
	if err == nil && !added {
		r.SetStatus(204)
	}
	if err == nil && added {
		r.SetHeader("Location", r.URL("/servers/%s/tags/%s", v.ID, tag))
	}
	return api.None{}, err
}

func (a *API) deleteTag(ctx context.Context, r *api.Request, v *nova.Server, _ *api.None) (api.None, error) {
	return api.None{}, a.Servers.DeleteTag(ctx, v.ID, r.Param("tag"))
}

var serverAddresses = api.Resource[*API]{Name: "addresses", Plural: "addresses", Ops: api.Ops[*API]{
	api.On("GET /servers/{server_id}/ips", policyIPsIndex, 200, (*API).server, (*API).listAddresses),
	api.On("GET /servers/{server_id}/ips/{network}", policyIPsShow, 200, (*API).server, (*API).showAddresses, api.Bare()),
}}

func plainAddresses(v *nova.Server) map[string][]plainAddress {
	m := map[string][]plainAddress{}
	for _, x := range v.Addresses {
		m[x.Network] = append(m[x.Network], plainAddress{x.Version, x.IP})
	}
	return m
}

func (a *API) listAddresses(_ context.Context, _ *api.Request, v *nova.Server, _ *api.None) (map[string][]plainAddress, error) {
	return plainAddresses(v), nil
}

func (a *API) showAddresses(_ context.Context, r *api.Request, v *nova.Server, _ *api.None) (map[string][]plainAddress, error) {
	label := r.Param("network")
	list, ok := plainAddresses(v)[label]
	if !ok {
		return nil, fault.NotFoundf("Instance is not a member of specified network")
	}
	return map[string][]plainAddress{label: list}, nil
}

var serverPorts = api.Resource[*API]{Name: "interfaceAttachment", Plural: "interfaceAttachments", Ops: api.Ops[*API]{
	api.ListOf("GET /servers/{server_id}/os-interface", policyInterfaces, (*API).server, (*API).listPorts),
	api.On("GET /servers/{server_id}/os-interface/{port_id}", policyInterface, 200, (*API).server, (*API).showPort),
}}

type portView struct {
	Port     string        `wire:"port_id"`
	Network  string        `wire:"net_id"`
	MAC      string        `wire:"mac_addr"`
	State    string        `wire:"port_state"`
	FixedIPs []fixedIPView `wire:"fixed_ips"`
	Tag      *string       `wire:"tag" mv:"2.70-"`
}

type fixedIPView struct {
	Subnet string `wire:"subnet_id"`
	IP     string `wire:"ip_address"`
}

func viewOfPort(p neutron.PortInfo) portView {
	out := portView{Port: p.ID, Network: p.Network, MAC: p.MAC, State: p.Status, Tag: orNull(p.Tag)}
	for _, f := range p.FixedIPs {
		out.FixedIPs = append(out.FixedIPs, fixedIPView{f.Subnet, f.IP.String()})
	}
	return out
}

func (a *API) listPorts(ctx context.Context, _ *api.Request, v *nova.Server, _ *api.None) (api.Page[portView], error) {
	ports, err := a.Networks.PortsOf(ctx, v.ID)
	p := api.Page[portView]{Items: make([]portView, len(ports))}
	for i := range ports {
		p.Items[i] = viewOfPort(ports[i])
	}
	return p, err
}

func (a *API) showPort(ctx context.Context, r *api.Request, v *nova.Server, _ *api.None) (portView, error) {
	ports, err := a.Networks.PortsOf(ctx, v.ID)
	for _, p := range ports {
		if p.ID == r.Param("port_id") {
			return viewOfPort(p), err
		}
	}
	if err == nil {
		err = fault.NotFoundf("Port ID %s could not be found.", r.Param("port_id"))
	}
	return portView{}, err
}
