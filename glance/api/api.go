// Package api is the Image API v2: routes, request and response types, policies.
package api

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"hypernova/glance/api/policies"
	"hypernova/glance/images"
	"hypernova/glance/metadefs"
	"hypernova/glance/properties"
	"hypernova/glance/tasks"
	"hypernova/oslo/api"
	"hypernova/oslo/fault"
	"hypernova/oslo/policy"
)

// Deps are the services that the handlers call, and what clients may see and do.
type Deps struct {
	Images   *images.Service
	Metadefs *metadefs.Service
	Tasks    *tasks.Service

	ShowLocations bool              // show all places of the data, and let clients set them
	ShowDirectURL bool              // show the place that is read
	Protected     *properties.Rules // nil: no free property is protected
	Formats       Formats           // that clients may name
}

const (
	maxLimit     = 1000
	defaultLimit = 25
)

// Handler returns the HTTP API. It uses Validator, Policy, Endpoint, Log and metrics of c; the rest is set here.
func Handler(c api.Config, d Deps) http.Handler {
	c.Name, c.Base, c.Dialect, c.Links, c.StrictSlash = "glance", "/v2", dialect{}, api.LinksFlat, true
	c.Askers = true
	c.MaxLimit, c.DefaultLimit = maxLimit, defaultLimit
	vs := versions(c.Endpoint, d.Images.Cache.Enabled())
	c.Root = vs
	d.Formats = d.Formats.filled()
	h := api.Handler(c, resources(d)...)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.TrimSuffix(r.URL.Path, "/") == "/versions" {
			vs.ServeHTTP(w, r)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// Resources returns all declared operations.
func Resources() []api.Bound { return resources(Deps{}) }

// Rules returns the declared policy rules.
func Rules() []*policy.Rule { return policies.Rules() }

// resources binds each resource to a receiver with the services that it uses.
func resources(d Deps) []api.Bound {
	var (
		loader = imageLoader{d.Images}
		viewer = imageViewer{loader, d.Protected, d.ShowLocations, d.ShowDirectURL}
		maker  = imageMaker{d.Images, d.Protected, d.Formats}
		spaces = namespaceLoader{d.Metadefs}
	)
	return slices.Concat(
		api.Bind(&imagesAPI{viewer, d.Formats, maker}, imageOps),
		api.Bind(&dataAPI{loader}, dataOps),
		api.Bind(&membersAPI{loader}, memberOps),
		api.Bind(&locationsAPI{loader}, locationOps),
		api.Bind(&cacheAPI{d.Images}, cacheOps),
		api.Bind(&infoAPI{d.Images}, infoOps),
		api.Bind(&schemasAPI{d.Formats}, schemaOps),
		api.Bind(&tasksAPI{loader, d.Tasks, maker}, taskOps),
		api.Bind(&namespacesAPI{spaces}, namespaceOps),
		api.Bind(&contentsAPI{spaces}, contentOps),
		api.Bind(&definedTagsAPI{spaces}, definedTagOps),
		[]api.Bound{metadefSchemaOps},
	)
}

// imageLoader loads the image of a path with its locations.
type imageLoader struct{ Images *images.Service }

// imageViewer converts images to views, with the properties that the caller may read.
type imageViewer struct {
	imageLoader

	Protected     *properties.Rules
	ShowLocations bool
	ShowDirectURL bool
}

// imageMaker creates images from request bodies.
type imageMaker struct {
	Images    *images.Service
	Protected *properties.Rules
	Formats   Formats
}

// namespaceLoader loads the namespace of a path.
type namespaceLoader struct{ Metadefs *metadefs.Service }

// imageView is an image in a response. Its additional properties are beside the named members.
type imageView struct {
	ID              string             `wire:"id"`
	Name            *string            `wire:"name"`
	Status          string             `wire:"status"`
	Visibility      string             `wire:"visibility"`
	Protected       bool               `wire:"protected"`
	Hidden          bool               `wire:"os_hidden"`
	Checksum        *string            `wire:"checksum"`
	HashAlgo        *string            `wire:"os_hash_algo"`
	HashValue       *string            `wire:"os_hash_value"`
	Owner           *string            `wire:"owner"`
	Size            *int64             `wire:"size"`
	VirtualSize     *int64             `wire:"virtual_size"`
	ContainerFormat *string            `wire:"container_format"`
	DiskFormat      *string            `wire:"disk_format"`
	Created         time.Time          `wire:"created_at"`
	Updated         time.Time          `wire:"updated_at"`
	Tags            []string           `wire:"tags"`
	MinRAM          int64              `wire:"min_ram"`
	MinDisk         int64              `wire:"min_disk"`
	Self            string             `wire:"self"`
	File            string             `wire:"file"`
	Schema          string             `wire:"schema"`
	Stores          string             `wire:"stores" omit:"empty"`
	Locations       *[]locationView    `wire:"locations" omit:"empty"`
	DirectURL       string             `wire:"direct_url" omit:"empty"`
	Properties      map[string]*string `wire:"*"`
}

// view converts an image to its view, with the additional properties that the caller may read.
func (a *imageViewer) view(r *api.Request, i images.Image) imageView {
	path := "/v2/images/" + i.ID
	v := imageView{ID: i.ID, Name: text(i.Name), Status: i.Status, Visibility: i.Visibility, Protected: i.Protected,
		Hidden:   i.Hidden,
		Checksum: text(i.Checksum), HashAlgo: text(i.HashAlgo), HashValue: text(i.HashValue), Owner: text(i.Owner),
		Size:        number(i.Size),
		VirtualSize: number(i.VirtualSize), ContainerFormat: text(i.ContainerFormat), DiskFormat: text(i.DiskFormat),
		Created: i.Created,
		Updated: i.Updated, Tags: i.Tags, MinRAM: i.MinRAM, MinDisk: i.MinDisk, Self: path, File: path + "/file",
		Schema: "/v2/schemas/image",
		Stores: strings.Join(slices.Sorted(slices.Values(i.Stores)), ","), Properties: shown(a.Protected.Visible(i.Properties,
			r.Caller))}
	if v.Tags == nil {
		v.Tags = []string{}
	}
	if a.ShowLocations || a.ShowDirectURL {
		places := a.shownPlaces(r, i)
		if a.ShowLocations {
			v.Locations = &places
		}
		if a.ShowDirectURL && len(places) > 0 {
			v.DirectURL = places[0].URL
		}
	}
	return v
}

// text returns nil for an empty text, which is null in JSON.
func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func number(n int64) *int64 {
	if n < 0 {
		return nil
	}
	return &n
}

// load loads an image. It is 404 for a caller who may not show it, whatever else the caller may do.
func (a *imageLoader) load(ctx context.Context, r *api.Request) (images.Image, error) {
	id := r.Param("image_id")
	i, err := a.Images.Records.Get(ctx, id)
	if err == nil && !r.Allowed(policies.GetImage, i.PolicyTarget()) {
		return images.Image{}, fault.NotFoundf("No image found with ID %s", id)
	}
	return i, err
}
