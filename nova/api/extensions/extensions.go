// Package extensions is the operations of the Compute API that list extensions, for clients from before microversions.
package extensions

import (
	"context"

	"hypernova/nova/api/policies"
	"hypernova/oslo/api"
	"hypernova/oslo/fault"
)

// Resources are the operations with their receiver.
func Resources() []api.Bound { return api.Bind(extensionsAPI{}, extensionOps) }

// extensionsAPI needs nothing.
type extensionsAPI struct{}

// extensions answers old clients that look for capabilities by the names they had before microversions.
var extensionOps = api.Resource[extensionsAPI]{Name: "extension", Plural: "extensions", Ops: api.Ops[extensionsAPI]{
	api.List("GET /extensions", policies.Extensions, (extensionsAPI).list),
	api.Do("GET /extensions/{alias}", policies.Extensions, 200, (extensionsAPI).show),
}}

type extensionView struct {
	Alias       string     `wire:"alias"`
	Name        string     `wire:"name"`
	Description string     `wire:"description"`
	Namespace   string     `wire:"namespace"`
	Updated     string     `wire:"updated"`
	Links       []api.None `wire:"links"`
}

// extensionNames are the aliases and names that every nova lists, whatever it can do: the list was closed when
// microversions came.
var extensionNames = [][2]string{
	{"NMN", "Multinic"}, {"OS-DCF", "DiskConfig"}, {"OS-EXT-AZ", "ExtendedAvailabilityZone"},
	{"OS-EXT-IMG-SIZE", "ImageSize"}, {"OS-EXT-IPS", "ExtendedIps"}, {"OS-EXT-IPS-MAC", "ExtendedIpsMac"},
	{"OS-EXT-SRV-ATTR", "ExtendedServerAttributes"}, {"OS-EXT-STS", "ExtendedStatus"},
	{"OS-FLV-DISABLED", "FlavorDisabled"}, {"OS-FLV-EXT-DATA", "FlavorExtraData"}, {"OS-SCH-HNT", "SchedulerHints"},
	{"OS-SRV-USG", "ServerUsage"}, {"os-access-ips", "AccessIPs"}, {"os-admin-actions", "AdminActions"},
	{"os-admin-password", "AdminPassword"}, {"os-agents", "Agents"}, {"os-aggregates", "Aggregates"},
	{"os-assisted-volume-snapshots", "AssistedVolumeSnapshots"}, {"os-attach-interfaces", "AttachInterfaces"},
	{"os-availability-zone", "AvailabilityZone"}, {"os-baremetal-ext-status", "BareMetalExtStatus"},
	{"os-baremetal-nodes", "BareMetalNodes"}, {"os-block-device-mapping", "BlockDeviceMapping"},
	{"os-block-device-mapping-v2-boot", "BlockDeviceMappingV2Boot"}, {"os-cell-capacities", "CellCapacities"},
	{"os-cells", "Cells"}, {"os-certificates", "Certificates"}, {"os-cloudpipe", "Cloudpipe"},
	{"os-cloudpipe-update", "CloudpipeUpdate"}, {"os-config-drive", "ConfigDrive"},
	{"os-console-auth-tokens", "ConsoleAuthTokens"}, {"os-console-output", "ConsoleOutput"},
	{"os-consoles", "Consoles"}, {"os-create-backup", "CreateBackup"}, {"os-create-server-ext", "Createserverext"},
	{"os-deferred-delete", "DeferredDelete"}, {"os-evacuate", "Evacuate"},
	{"os-extended-evacuate-find-host", "ExtendedEvacuateFindHost"},
	{"os-extended-floating-ips", "ExtendedFloatingIps"}, {"os-extended-hypervisors", "ExtendedHypervisors"},
	{"os-extended-networks", "ExtendedNetworks"}, {"os-extended-quotas", "ExtendedQuotas"},
	{"os-extended-rescue-with-image", "ExtendedRescueWithImage"}, {"os-extended-services", "ExtendedServices"},
	{"os-extended-services-delete", "ExtendedServicesDelete"}, {"os-extended-status", "ExtendedStatus"},
	{"os-extended-volumes", "ExtendedVolumes"}, {"os-fixed-ips", "FixedIPs"}, {"os-flavor-access", "FlavorAccess"},
	{"os-flavor-extra-specs", "FlavorExtraSpecs"}, {"os-flavor-manage", "FlavorManage"},
	{"os-flavor-rxtx", "FlavorRxtx"}, {"os-flavor-swap", "FlavorSwap"}, {"os-floating-ip-dns", "FloatingIpDns"},
	{"os-floating-ip-pools", "FloatingIpPools"}, {"os-floating-ips", "FloatingIps"},
	{"os-floating-ips-bulk", "FloatingIpsBulk"}, {"os-fping", "Fping"},
	{"os-hide-server-addresses", "HideServerAddresses"}, {"os-hosts", "Hosts"},
	{"os-hypervisor-status", "HypervisorStatus"}, {"os-hypervisors", "Hypervisors"},
	{"os-instance-actions", "InstanceActions"}, {"os-instance_usage_audit_log", "OSInstanceUsageAuditLog"},
	{"os-keypairs", "Keypairs"}, {"os-lock-server", "LockServer"}, {"os-migrate-server", "MigrateServer"},
	{"os-migrations", "Migrations"}, {"os-multiple-create", "MultipleCreate"}, {"os-networks", "Networks"},
	{"os-networks-associate", "NetworkAssociationSupport"}, {"os-pause-server", "PauseServer"},
	{"os-personality", "Personality"}, {"os-preserve-ephemeral-rebuild", "PreserveEphemeralOnRebuild"},
	{"os-quota-class-sets", "QuotaClasses"}, {"os-quota-sets", "Quotas"}, {"os-rescue", "Rescue"},
	{"os-security-group-default-rules", "SecurityGroupDefaultRules"}, {"os-security-groups", "SecurityGroups"},
	{"os-server-diagnostics", "ServerDiagnostics"}, {"os-server-external-events", "ServerExternalEvents"},
	{"os-server-group-quotas", "ServerGroupQuotas"}, {"os-server-groups", "ServerGroups"},
	{"os-server-list-multi-status", "ServerListMultiStatus"}, {"os-server-password", "ServerPassword"},
	{"os-server-sort-keys", "ServerSortKeys"}, {"os-server-start-stop", "ServerStartStop"},
	{"os-services", "Services"}, {"os-shelve", "Shelve"}, {"os-simple-tenant-usage", "SimpleTenantUsage"},
	{"os-suspend-server", "SuspendServer"}, {"os-tenant-networks", "OSTenantNetworks"},
	{"os-used-limits", "UsedLimits"}, {"os-used-limits-for-admin", "UsedLimitsForAdmin"},
	{"os-user-data", "UserData"}, {"os-user-quotas", "UserQuotas"}, {"os-virtual-interfaces", "VirtualInterfaces"},
	{"os-volume-attachment-update", "VolumeAttachmentUpdate"}, {"os-volumes", "Volumes"},
}

func viewOfExtension(e [2]string) extensionView {
	return extensionView{Alias: e[0], Name: e[1], Description: e[1],
		Namespace: "http://docs.openstack.org/compute/ext/fake_xml",
		Updated:   "2014-12-03T00:00:00Z"}
}

func (extensionsAPI) list(context.Context, *api.Request, *api.None) (api.Page[extensionView], error) {
	p := api.Page[extensionView]{}
	for _, e := range extensionNames {
		p.Items = append(p.Items, viewOfExtension(e))
	}
	return p, nil
}

func (extensionsAPI) show(_ context.Context, r *api.Request, _ *api.None) (extensionView, error) {
	for _, e := range extensionNames {
		if e[0] == r.Param("alias") {
			return viewOfExtension(e), nil
		}
	}
	return extensionView{}, fault.NotFoundf("There is no extension %s.", r.Param("alias"))
}
