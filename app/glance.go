package app

import (
	"context"
	"time"

	"hypernova/glance"
	glanceapi "hypernova/glance/api"
	glanceclient "hypernova/glance/client"
	"hypernova/glance/images"
	"hypernova/glance/metadefs"
	"hypernova/glance/store"
	"hypernova/glance/tasks"
	"hypernova/oslo/fault"
	"hypernova/oslo/httpc"
)

// imageVerbs are glance's verbs over its database and backend.
func (p *Process) imageVerbs(ctx context.Context) (*images.Service, error) {
	if p.parts.images != nil {
		return p.parts.images, nil
	}
	d, err := p.database(ctx, "glance")
	if err != nil {
		return nil, err
	}
	if err := p.migrate(ctx, d, "glance", store.Migrations()); err != nil {
		return nil, err
	}
	stores, err := p.c.imageStores()
	if err != nil {
		return nil, err
	}
	web, err := p.c.imageWeb()
	if err != nil {
		return nil, err
	}
	cache, err := p.c.imageCache()
	if err != nil {
		return nil, err
	}
	quotas, err := p.imageQuotas(ctx)
	if err != nil {
		return nil, err
	}
	trusted, err := p.c.trustedCertificates()
	if err != nil {
		return nil, err
	}
	rules, err := p.enforcer("glance", glanceapi.Rules())
	if err != nil {
		return nil, err
	}
	protected, err := p.propertyProtections(rules)
	if err != nil {
		return nil, err
	}
	p.parts.images, err = images.New(images.Config{Rights: glanceapi.Rights{Policy: rules, Protected: protected}, DB: d, Stores: stores, Worker: p.c.Default.Host, Web: web, Cache: cache, Unread: !p.c.Image.Hash,
		Limits: images.Limits{Size: p.c.Image.SizeCap, Storage: p.c.Image.ProjectCap, Properties: p.c.Image.Properties, Tags: p.c.Image.Tags, Members: p.c.Image.Members, Locations: p.c.Image.Places},
		Import: p.c.Image.Methods, Regions: p.imageRegions(), Brought: p.c.RegionDownload.Properties, Hash: p.c.Image.Hashing, Tasks: p.imageTasks(), Quotas: quotas, Trusted: trusted,
		Inspect: images.Inspection{Lax: !p.c.ImageFormat.Match, Partitions: p.c.ImageFormat.partitions()}, Now: p.now, Log: p.o.Log})
	return p.parts.images, err
}

func (p *Process) imageTasks() tasks.Log {
	return tasks.Log{Life: time.Duration(p.c.ImageTask.Life) * time.Hour, Now: p.now}
}

// images is the image service as compute asks it.
func (p *Process) images(ctx context.Context) (glance.API, error) {
	if p.has(RoleGlance) {
		return p.imageVerbs(ctx)
	}
	return glanceclient.New(httpc.New(httpc.Config{Base: p.Endpoint(apiGlance) + "/v2", Name: apiGlance, Tokens: p.login(), Asker: true})), nil
}

func buildGlance(ctx context.Context, p *Process) error {
	s, err := p.imageVerbs(ctx)
	if err != nil {
		return err
	}
	d, err := p.database(ctx, "glance")
	if err != nil {
		return err
	}
	a := glanceapi.Deps{Images: s, Metadefs: metadefs.New(d, p.now), Tasks: tasks.New(d, p.imageTasks()),
		ShowLocations: p.c.Image.Locations, ShowDirectURL: p.c.Image.DirectURL,
		Formats: glanceapi.Formats{Disk: p.c.Image.DiskFormats, Container: p.c.Image.ContainerFormats}}
	if err := a.Metadefs.Seed(ctx, p.c.ownMetadefs()); err != nil {
		return fault.New(fault.KindOf(err), "metadata definitions: %s", fault.Message(err)).Because(err)
	}
	p.services = append(p.services, s)
	if err := p.listen(ctx, apiGlance); err != nil {
		return err
	}
	c, err := p.apiConfig(ctx, "glance", apiGlance, glanceapi.Rules())
	if err != nil {
		return err
	}
	if a.Protected, err = p.propertyProtections(c.Policy); err != nil {
		return err
	}
	return p.serve(ctx, RoleGlance, apiGlance, glanceapi.Handler(c, a))
}
