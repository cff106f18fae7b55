package attachments

import (
	"context"
	"net/http"

	"hypernova/nova"
	"hypernova/nova/api/policies"
	"hypernova/nova/api/wire"
	"hypernova/nova/servers"
	"hypernova/oslo/api"
	"hypernova/oslo/fault"
)

// sharesAPI attaches, lists, shows and detaches the shared file systems of a server. There are none, because there is
// no service of shares and no host passes one on to a guest.
type sharesAPI struct{ wire.ServerLoader }

const sharesSpan = "2.97-"

var shareOps = api.Resource[*sharesAPI]{Name: "share", Plural: "shares", Ops: api.Ops[*sharesAPI]{
	api.ListOf("GET /servers/{server_id}/shares", policies.ServerSharesIndex, (*sharesAPI).Server, (*sharesAPI).list,
		api.Span(sharesSpan), api.StrictFrom("2.97")),
	api.On("POST /servers/{server_id}/shares", policies.ServerSharesCreate, http.StatusCreated, (*sharesAPI).Server,
		(*sharesAPI).attach, api.Span(sharesSpan)),
	api.On("GET /servers/{server_id}/shares/{id}", policies.ServerSharesShow, http.StatusOK, (*sharesAPI).Server,
		(*sharesAPI).show, api.Span(sharesSpan), api.StrictFrom("2.97")),
	api.On("DELETE /servers/{server_id}/shares/{id}", policies.ServerSharesDelete, http.StatusOK, (*sharesAPI).Server,
		(*sharesAPI).detach, api.Span(sharesSpan)),
}}

type shareAttach struct {
	Share string `wire:"share_id" is:"required,uuid"`
	Tag   string `wire:"tag" is:"minlen=1,maxlen=255,pattern=^[a-zA-Z0-9-]*$"`
}

type shareView struct {
	Share  string `wire:"share_id"`
	Status string `wire:"status"`
	Tag    string `wire:"tag"`
}

func (a *sharesAPI) list(context.Context, *api.Request, *nova.Server, *api.None) (api.Page[shareView], error) {
	return api.Page[shareView]{}, nil
}

// attach refuses every share, with the words of nova for a host that cannot pass one on.
func (a *sharesAPI) attach(_ context.Context, _ *api.Request, v *nova.Server, _ *shareAttach) (shareView, error) {
	return shareView{}, servers.AttachShare(v)
}

func (a *sharesAPI) show(_ context.Context, r *api.Request, _ *nova.Server, _ *api.None) (shareView, error) {
	return shareView{}, fault.NotFoundf("Share %s could not be found.", r.Param("id"))
}

func (a *sharesAPI) detach(_ context.Context, r *api.Request, v *nova.Server, _ *api.None) (api.None, error) {
	return api.None{}, servers.DetachShare(v, r.Param("id"))
}
