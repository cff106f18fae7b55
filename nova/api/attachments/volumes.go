package attachments

import (
	"context"

	"hypernova/nova"
	"hypernova/nova/api/policies"
	"hypernova/nova/api/wire"
	"hypernova/oslo/api"
	"hypernova/oslo/fault"
	"hypernova/oslo/opt"
)

// volumesAPI shows the volumes of a server.
type volumesAPI struct{ wire.ServerLoader }

// volumeOps show the volumes of a server. There are none, because there is no block storage; clients read them with
// every server that they show.
var volumeOps = api.Resource[*volumesAPI]{Name: "volumeAttachment", Plural: "volumeAttachments",
	Ops: api.Ops[*volumesAPI]{
		api.ListOf("GET /servers/{server_id}/os-volume_attachments", policies.VolumesAttachmentsIndex, (*volumesAPI).Server,
			(*volumesAPI).list, api.StrictFrom("2.75")),
		api.On("GET /servers/{server_id}/os-volume_attachments/{volume_id}", policies.VolumesAttachmentsShow, 200,
			(*volumesAPI).Server, (*volumesAPI).show, api.LooseQuery()),
	}}

type volumeQuery struct {
	Limit  opt.Of[int] `wire:"limit" is:"intish,min=0"`
	Offset opt.Of[int] `wire:"offset" is:"intish,min=0"`
}

func (a *volumesAPI) list(context.Context, *api.Request, *nova.Server, *volumeQuery) (api.Page[api.None], error) {
	return api.Page[api.None]{}, nil
}

// show answers as nova does for a volume that is not attached.
func (a *volumesAPI) show(_ context.Context, r *api.Request, v *nova.Server, _ *api.None) (api.None, error) {
	return api.None{}, fault.NotFoundf("Instance %s is not attached to volume %s", v.ID, r.Param("volume_id"))
}
