package servers

import (
	"context"

	"hypernova/nova"
	"hypernova/nova/api/policies"
	"hypernova/nova/api/wire"
	"hypernova/oslo/api"
	"hypernova/oslo/fault"
)

// metadataAPI reads and changes the metadata of a server.
type metadataAPI struct{ wire.ServerLoader }

var metadataOps = api.Resource[*metadataAPI]{Name: "metadata", Plural: "metadata", Ops: api.Ops[*metadataAPI]{
	api.On("GET /servers/{server_id}/metadata", policies.ServerMetadataIndex, 200, (*metadataAPI).Server,
		(*metadataAPI).list),
	api.On("POST /servers/{server_id}/metadata", policies.ServerMetadataCreate, 200, (*metadataAPI).Server,
		(*metadataAPI).add),
	api.On("PUT /servers/{server_id}/metadata", policies.ServerMetadataUpdateAll, 200, (*metadataAPI).Server,
		(*metadataAPI).replace),
	api.On("GET /servers/{server_id}/metadata/{key}", policies.ServerMetadataShow, 200, (*metadataAPI).Server,
		(*metadataAPI).show, api.Envelope("meta")),
	api.On("PUT /servers/{server_id}/metadata/{key}", policies.ServerMetadataUpdate, 200, (*metadataAPI).Server,
		(*metadataAPI).set, api.Envelope("meta")),
	api.On("DELETE /servers/{server_id}/metadata/{key}", policies.ServerMetadataDelete, 204, (*metadataAPI).Server,
		(*metadataAPI).delete),
}}

// items are metadata with the form checked.
type items struct {
	All map[string]string `wire:"*" is:"each(maxlen=255)"`
}

// Validate checks the keys.
func (i *items) Validate(api.Version) error {
	for k := range i.All {
		if !wire.PlainKey(k) {
			return fault.Invalidf("Invalid input for field/attribute metadata: the key '%s' is not 1 to 255 letters, digits or "+
				"any of -_:. and blank.", k)
		}
	}
	return nil
}

func (a *metadataAPI) list(_ context.Context, _ *api.Request, v *nova.Server, _ *api.None) (map[string]string, error) {
	return v.Metadata, nil
}

func (a *metadataAPI) add(ctx context.Context, _ *api.Request, v *nova.Server, in *items) (map[string]string, error) {
	return a.Servers.SetMetadata(ctx, v.ID, in.All, true)
}

func (a *metadataAPI) replace(ctx context.Context, _ *api.Request, v *nova.Server,
	in *items) (map[string]string, error) {
	if in.All == nil {
		in.All = map[string]string{}
	}
	return a.Servers.SetMetadata(ctx, v.ID, in.All, false)
}

func (a *metadataAPI) show(_ context.Context, r *api.Request, v *nova.Server, _ *api.None) (map[string]string, error) {
	key := r.Param("key")
	value, ok := v.Metadata[key]
	if !ok {
		return nil, fault.NotFoundf("Metadata item was not found")
	}
	return map[string]string{key: value}, nil
}

func (a *metadataAPI) set(ctx context.Context, r *api.Request, v *nova.Server, in *items) (map[string]string, error) {
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

func (a *metadataAPI) delete(ctx context.Context, r *api.Request, v *nova.Server, _ *api.None) (api.None, error) {
	return api.None{}, a.Servers.DeleteMetadata(ctx, v.ID, r.Param("key"))
}
