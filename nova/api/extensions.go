package api

import (
	"context"

	"hypernova/oslo/api"
	"hypernova/oslo/fault"
)

// extensions answers old clients that look for capabilities by the names they had before microversions.
var extensions = api.Resource[*API]{Name: "extension", Plural: "extensions", Ops: api.Ops[*API]{
	api.List("GET /extensions", policyExtensions, (*API).listExtensions),
	api.Do("GET /extensions/{alias}", policyExtensions, 200, (*API).showExtension),
}}

type extensionView struct {
	Alias       string     `wire:"alias"`
	Name        string     `wire:"name"`
	Description string     `wire:"description"`
	Namespace   string     `wire:"namespace"`
	Updated     string     `wire:"updated"`
	Links       []api.None `wire:"links"`
}

// extensionNames are the aliases and names of what is here.
var extensionNames = [][2]string{
	{"OS-DCF", "DiskConfig"}, {"OS-EXT-AZ", "ExtendedAvailabilityZone"}, {"OS-EXT-IPS", "ExtendedIps"}, {"OS-EXT-IPS-MAC", "ExtendedIpsMac"},
	{"OS-EXT-SRV-ATTR", "ExtendedServerAttributes"}, {"OS-EXT-STS", "ExtendedStatus"}, {"OS-FLV-DISABLED", "FlavorDisabled"},
	{"OS-FLV-EXT-DATA", "FlavorExtraData"}, {"OS-SCH-HNT", "SchedulerHints"}, {"OS-SRV-USG", "ServerUsage"}, {"os-admin-actions", "AdminActions"},
	{"os-aggregates", "Aggregates"}, {"os-attach-interfaces", "AttachInterfaces"}, {"os-availability-zone", "AvailabilityZone"},
	{"os-block-device-mapping-v2-boot", "BlockDeviceMappingV2Boot"}, {"os-config-drive", "ConfigDrive"}, {"os-console-output", "ConsoleOutput"},
	{"os-deferred-delete", "DeferredDelete"}, {"os-extended-volumes", "ExtendedVolumes"}, {"os-flavor-access", "FlavorAccess"},
	{"os-flavor-extra-specs", "FlavorExtraSpecs"}, {"os-flavor-manage", "FlavorManage"}, {"os-flavor-rxtx", "FlavorRxtx"},
	{"os-flavor-swap", "FlavorSwap"}, {"os-hypervisors", "Hypervisors"}, {"os-instance-actions", "InstanceActions"}, {"os-keypairs", "Keypairs"},
	{"os-lock-server", "LockServer"}, {"os-multiple-create", "MultipleCreate"}, {"os-pause-server", "PauseServer"},
	{"os-personality", "Personality"}, {"os-quota-class-sets", "QuotaClasses"}, {"os-quota-sets", "Quotas"},
	{"os-security-groups", "SecurityGroups"}, {"os-server-external-events", "ServerExternalEvents"},
	{"os-server-start-stop", "ServerStartStop"}, {"os-services", "Services"}, {"os-simple-tenant-usage", "SimpleTenantUsage"},
	{"os-used-limits", "UsedLimits"}, {"os-user-data", "UserData"},
}

func viewOfExtension(e [2]string) extensionView {
	return extensionView{Alias: e[0], Name: e[1], Namespace: "http://docs.openstack.org/compute/ext/" + e[0], Updated: "2014-12-03T00:00:00Z"}
}

func (a *API) listExtensions(context.Context, *api.Request, *api.None) (api.Page[extensionView], error) {
	p := api.Page[extensionView]{}
	for _, e := range extensionNames {
		p.Items = append(p.Items, viewOfExtension(e))
	}
	return p, nil
}

func (a *API) showExtension(_ context.Context, r *api.Request, _ *api.None) (extensionView, error) {
	for _, e := range extensionNames {
		if e[0] == r.Param("alias") {
			return viewOfExtension(e), nil
		}
	}
	return extensionView{}, fault.NotFoundf("There is no extension %s.", r.Param("alias"))
}
