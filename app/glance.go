package app

import (
	"context"
	"time"

	"hypernova/app/audit"
	"hypernova/glance"
	glanceapi "hypernova/glance/api"
	glanceclient "hypernova/glance/client"
	"hypernova/glance/images"
	"hypernova/glance/metadefs"
	glancestore "hypernova/glance/store"
	"hypernova/glance/tasks"
	"hypernova/oslo/fault"
	"hypernova/oslo/httpc"
)

// glanceParts is the image service for this process.
type glanceParts struct {
	p    *Process
	made *images.Service
}

// operations returns the image service over its database and stores, made once.
func (g *glanceParts) operations(ctx context.Context) (*images.Service, error) {
	if g.made != nil {
		return g.made, nil
	}
	p := g.p
	d, err := p.databases.ready(ctx, "glance")
	if err != nil {
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
	quotas, err := g.quotas(ctx)
	if err != nil {
		return nil, err
	}
	trusted, err := p.c.trustedCertificates()
	if err != nil {
		return nil, err
	}
	rules, err := p.policies.of("glance")
	if err != nil {
		return nil, err
	}
	protected, err := p.c.propertyProtections(rules)
	if err != nil {
		return nil, err
	}
	i := &p.c.Image
	g.made, err = images.New(images.Config{
		Worker: p.c.Default.Host,
		Limits: images.Limits{Size: i.SizeCap, Storage: i.ProjectCap, Properties: i.Properties, Tags: i.Tags,
			Members:   i.Members,
			Locations: i.Places},
		Web: web, Import: i.Methods, Brought: p.c.RegionDownload.Properties, Cache: cache, Hash: i.Hashing, Unread: !i.Hash,
		Inspect: images.Inspection{Lax: !p.c.ImageFormat.Match, Partitions: p.c.ImageFormat.Partitions()},
	}, images.Deps{
		DB: d, Stores: stores, Tasks: g.tasks(), Regions: g.regions(), Quotas: quotas,
		Rights:  glanceapi.Rights{Policy: rules, Protected: protected},
		Trusted: trusted, Now: p.now, Clock: p.databases.clock(ctx, "glance", d), Log: p.o.Log,
	})
	return g.made, err
}

func (g *glanceParts) tasks() tasks.Log {
	return tasks.Log{Life: time.Duration(g.p.c.ImageTask.Life) * time.Hour, Now: g.p.now}
}

// api is the image service as compute calls it: in this process, or over HTTP.
func (g *glanceParts) api(ctx context.Context) (glance.API, error) {
	if g.p.has(RoleGlance) {
		return g.operations(ctx)
	}
	return glanceclient.New(httpc.New(httpc.Config{Base: g.p.Endpoint(apiGlance) + "/v2", Name: apiGlance,
		Tokens: g.p.keystone.login(), Asker: true})), nil
}

// snapshots is the part of the image service that makes images of servers.
func (g *glanceParts) snapshots(ctx context.Context) (glance.Writer, error) {
	if g.p.has(RoleGlance) {
		s, err := g.operations(ctx)
		return images.Snapshots{Service: s}, err
	}
	a, err := g.api(ctx)
	if err != nil {
		return nil, err
	}
	return a.(*glanceclient.Client), nil
}

func buildGlance(ctx context.Context, p *Process) error {
	s, err := p.glance.operations(ctx)
	if err != nil {
		return err
	}
	d, err := p.databases.open(ctx, "glance")
	if err != nil {
		return err
	}
	a := glanceapi.Deps{Images: s, Metadefs: metadefs.New(d, p.now), Tasks: tasks.New(d, p.glance.tasks()),
		ShowLocations: p.c.Image.Locations, ShowDirectURL: p.c.Image.DirectURL,
		Formats: glanceapi.Formats{Disk: p.c.Image.DiskFormats, Container: p.c.Image.ContainerFormats}}
	if err := a.Metadefs.Files.Seed(ctx, p.c.ownMetadefs()); err != nil {
		return fault.New(fault.KindOf(err), "metadata definitions: %s", fault.Message(err)).Because(err)
	}
	p.services = append(p.services, s)
	if err := p.listeners.listen(ctx, apiGlance); err != nil {
		return err
	}
	c, err := p.apiConfig(ctx, "glance", apiGlance)
	if err != nil {
		return err
	}
	if a.Protected, err = p.c.propertyProtections(c.Policy); err != nil {
		return err
	}
	return p.serve(ctx, RoleGlance, apiGlance, glanceapi.Handler(c, a))
}

// imageFacts are the images of shelved servers.
func imageFacts(ctx context.Context, k *checker, f *audit.Facts) error {
	f.Images = map[string]string{}
	if f.NoNova || len(f.Shelved) == 0 {
		return nil
	}
	d, err := k.p.databases.ready(ctx, "glance")
	if err != nil {
		return err
	}
	for _, image := range f.Shelved {
		r, err := glancestore.Image(ctx, d, image)
		if fault.Is(err, fault.NotFound) {
			continue
		}
		if err != nil {
			return err
		}
		f.Images[image] = string(r.Status)
	}
	return nil
}
