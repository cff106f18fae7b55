// Package proxies is the operations of the Compute API of old versions that other services do now: images, networks,
// security groups, floating IPs and bare metal nodes. They ask those services with the user's token. From 2.36 on
// (metadata of images: from 2.39 on, floating IPs of servers: from 2.44 on) they answer 404.
package proxies

import (
	"context"
	"net/http"
	"slices"

	"hypernova/nova/api/wire"
	"hypernova/nova/quota"
	"hypernova/nova/servers"
	"hypernova/oslo/api"
	"hypernova/oslo/fault"
	"hypernova/oslo/httpc"
)

// Services are the services that are asked, by their APIs, with the user's own token: the clients' source of tokens is
// UserToken.
type Services struct {
	Images   *httpc.Client // base: the Image API v2
	Networks *httpc.Client // base: the Networking API without its version
	Pool     string        // Options.Pool
}

// tokenKey is the key of the user's token in a context.
type tokenKey struct{}

// KeepToken keeps the token of each request in its context, for UserToken.
func KeepToken(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), tokenKey{}, r.Header.Get("X-Auth-Token"))))
	})
}

// UserToken is the source of the token that a request came with.
type UserToken struct{}

// Token returns the token; it does not block.
func (UserToken) Token(ctx context.Context) (string, error) {
	token, _ := ctx.Value(tokenKey{}).(string)
	return token, nil
}

// Options are section [neutron].
type Options struct {
	Pool string `conf:"default_floating_pool" default:"public" help:"The name or ID of the external network of floating IPs that are made by the Compute API (to 2.35) without naming one."`
}

// Deps are what the operations use.
type Deps struct {
	Services
	Servers *servers.Servers
	Quotas  *quota.Quotas // whose metadata_items bounds the properties of an image
}

// proxied is the last version of the proxies.
const proxied = "-2.35"

// Resources are the operations with their receivers.
func Resources(d Deps) []api.Bound {
	floating := floatingAPI{d.Networks, d.Pool}
	return slices.Concat(
		api.Bind(&floating, floatingOps),
		api.Bind(&floatingPoolsAPI{floating}, floatingPoolOps),
		api.Bind(&floatingActionsAPI{wire.ServerLoader{Servers: d.Servers}, floating}, floatingActionOps),
		api.Bind(&imagesAPI{d}, imageOps),
		api.Bind(&imageMetadataAPI{imagesAPI{d}}, imageMetadataOps),
		api.Bind(&networksAPI{d.Networks}, networkOps),
		api.Bind(&tenantNetworksAPI{networksAPI{d.Networks}}, tenantNetworkOps),
		api.Bind(&groupsAPI{d.Networks}, groupOps),
		api.Bind(&groupRulesAPI{groupsAPI{d.Networks}}, groupRuleOps),
		api.Bind(nodesAPI{}, nodeOps),
	)
}

// worded is err with a text of nova's where it is of that kind.
func worded(err error, kind fault.Kind, format string, args ...any) error {
	if fault.Is(err, kind) {
		return fault.New(kind, format, args...).Because(err)
	}
	return err
}

// reworded is err with its own text as another kind of fault.
func reworded(err error, from, to fault.Kind) error {
	if fault.Is(err, from) {
		return fault.New(to, "%s", fault.Message(err)).Because(err)
	}
	return err
}

// nodesAPI answers for bare metal nodes, of which there are none.
type nodesAPI struct{}

var nodeOps = api.Resource[nodesAPI]{Name: "node", Plural: "nodes", Ops: api.Ops[nodesAPI]{
	node("POST /os-baremetal-nodes", "node-create"),
	node("DELETE /os-baremetal-nodes/{id}", "node-delete"),
	nodeAction("add_interface", "port-create"),
	nodeAction("remove_interface", "port-delete"),
}}

// anyBody is a body that is not looked at.
type anyBody struct {
	Members map[string]any `wire:"*"`
}

// useIronic refuses what only the Bare Metal service does, as nova always did.
func useIronic(command string) error {
	return fault.Invalidf("Command Not supported. Please use Ironic command %s to perform this action.", command)
}

func node(pattern, command string) api.Op[nodesAPI] {
	return api.Do(pattern, nil, http.StatusOK, func(nodesAPI, context.Context, *api.Request, *anyBody) (api.None, error) {
		return api.None{}, useIronic(command)
	}, api.Bare(), api.Span(proxied), api.LooseQuery())
}

func nodeAction(name, command string) api.Op[nodesAPI] {
	return api.Act("POST /os-baremetal-nodes/{id}/action", name, nil, http.StatusOK, api.Nothing[nodesAPI],
		func(nodesAPI, context.Context, *api.Request, api.None, *anyBody) (api.None, error) {
			return api.None{}, useIronic(command)
		}, api.Span(proxied), api.LooseQuery())
}
