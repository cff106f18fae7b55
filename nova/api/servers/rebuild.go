package servers

import (
	"context"
	"encoding/base64"

	"hypernova/nova"
	"hypernova/nova/api/policies"
	"hypernova/nova/api/wire"
	"hypernova/nova/servers"
	"hypernova/oslo/api"
	"hypernova/oslo/fault"
	"hypernova/oslo/opt"
)

var rebuildOps = api.Resource[*serversAPI]{Name: "server", Plural: "servers", Ops: api.Ops[*serversAPI]{
	api.Act("POST /servers/{server_id}/action", "rebuild", policies.ServersRebuild, 202, (*serversAPI).Server,
		(*serversAPI).rebuild),
}}

type serverRebuild struct {
	Image         string                    `wire:"imageRef" is:"required,uuid"`
	Name          opt.Of[string]            `wire:"name" is:"name,narrow"`
	AdminPass     opt.Of[string]            `wire:"adminPass"`
	Metadata      opt.Of[map[string]string] `wire:"metadata" is:"keys(pattern=^[a-zA-Z0-9-_:. ]{1,255}$),each(maxlen=255)"`
	KeepEphemeral bool                      `wire:"preserve_ephemeral" is:"boolword"`
	DiskConfig    opt.Of[string]            `wire:"OS-DCF:diskConfig" is:"enum=AUTO|MANUAL"`
	AccessIPv4    opt.Of[string]            `wire:"accessIPv4" is:"ipv4"`
	AccessIPv6    opt.Of[string]            `wire:"accessIPv6" is:"ipv6"`
	Files         []file                    `wire:"personality" mv:"-2.56"`
	Description   opt.Of[string]            `wire:"description" mv:"2.19-" is:"nullable,text,pattern=^[^\\p{C}\\p{Zl}\\p{Zp}\\x{FFFF}-\\x{10FFFF}]*$"`
	KeyName       opt.Of[string]            `wire:"key_name" mv:"2.54-" is:"nullable,minlen=1,maxlen=255"`
	UserData      opt.Of[string]            `wire:"user_data" mv:"2.57-" is:"nullable,maxlen=65535,base64"`
	Certificates  opt.Of[[]string]          `wire:"trusted_image_certificates" mv:"2.63-" is:"nullable,minitems=1,maxitems=50,unique,each(minlen=1)"`
	Hostname      opt.Of[string]            `wire:"hostname" mv:"2.90-2.93" is:"hostname,minlen=2"`
	FQDN          opt.Of[string]            `wire:"hostname" mv:"2.94-" is:"minlen=1,maxlen=255,pattern=^[a-zA-Z0-9-._]*$"`
}

// serverRebuilt is the answer to a rebuild before 2.75.
type serverRebuilt struct {
	serverUpdated
	AdminPass opt.Of[string] `wire:"adminPass"`
	KeyName   *string        `wire:"key_name" mv:"2.54-"`
	UserData  *string        `wire:"user_data" mv:"2.57-"`
}

// serverRebuiltView is the answer since 2.75: the server with details.
type serverRebuiltView struct {
	serverView
	AdminPass opt.Of[string] `wire:"adminPass"`
	Given     *string        `wire:"user_data"`
}

func (a *serversAPI) rebuild(ctx context.Context, r *api.Request, v *nova.Server, in *serverRebuild) (any, error) {
	args := servers.RebuildArgs{Image: in.Image, Name: in.Name, Hostname: in.Hostname, AccessIPv4: in.AccessIPv4,
		AccessIPv6: in.AccessIPv6, DiskConfig: in.DiskConfig, Description: in.Description, KeyName: in.KeyName,
		UserData: in.UserData, Metadata: in.Metadata, AdminPass: wire.PasswordOr(in.AdminPass),
		KeepEphemeral: in.KeepEphemeral}
	if in.FQDN.Set {
		args.Hostname = in.FQDN
	}
	if in.AccessIPv6.Has() {
		args.AccessIPv6.Value = canonical(in.AccessIPv6.Value)
	}
	if in.Certificates.Set {
		if err := r.Require(policies.ServersRebuildTrustedCerts, v.PolicyTarget()); err != nil {
			return nil, err
		}
		if in.Certificates.Has() {
			return nil, fault.Invalidf(noCertificates)
		}
	}
	var err error
	if args.Files, err = filesOf(in.Files); err != nil {
		return nil, err
	}
	rebuilt, err := servers.Disks{Servers: a.Servers}.Rebuild(ctx, v.ID, args)
	if err != nil {
		return nil, err
	}
	views, err := a.views(ctx, r, rebuilt)
	if err != nil {
		return nil, err
	}
	if views.serverGroups, err = a.groupsOf(ctx, v.ID); err != nil {
		return nil, err
	}
	r.SetHeader("Location", views.self+v.ID)
	pass, data := a.AdminPass(args.AdminPass), wire.OrNull(rebuilt.UserData)
	if !r.AtLeast(75) {
		return serverRebuilt{views.updated(&rebuilt), pass, wire.OrNull(rebuilt.KeyName), data}, nil
	}
	out := serverRebuiltView{views.one(&rebuilt), pass, data}
	out.UserData = opt.Of[*string]{}
	return out, nil
}

const noCertificates = "Trusted image certificates cannot be checked in this cloud."

// filesOf decodes personality files.
func filesOf(in []file) ([]nova.File, error) {
	var out []nova.File
	for _, f := range in {
		contents, err := base64.StdEncoding.DecodeString(f.Contents)
		if err != nil {
			return nil, fault.Invalidf("Personality content for %s cannot be decoded", f.Path)
		}
		out = append(out, nova.File{Path: f.Path, Contents: contents})
	}
	return out, nil
}
