package api

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"

	"hypernova/glance"
	"hypernova/glance/api/policies"
	"hypernova/glance/images"
	"hypernova/glance/properties"
	"hypernova/oslo/api"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/policy"
)

// imagesAPI is the resource of images.
type imagesAPI struct {
	imageViewer

	Formats Formats
	maker   imageMaker
}

var imageOps = api.Resource[*imagesAPI]{Name: "image", Plural: "images", Ops: api.Ops[*imagesAPI]{
	api.List("GET /images", policies.GetImages, (*imagesAPI).list),
	api.On("POST /images", policies.AddImage, http.StatusCreated, (*imagesAPI).proposed, (*imagesAPI).create, api.Bare()),
	api.On("GET /images/{image_id}", policies.GetImage, http.StatusOK, (*imagesAPI).load, (*imagesAPI).show, api.Bare(),
		api.Hidden()),
	api.Patch("PATCH /images/{image_id}", policies.GetImage, http.StatusOK, (*imagesAPI).load, (*imagesAPI).patch,
		api.Bare(), api.Hidden()),
	api.On("DELETE /images/{image_id}", policies.DeleteImage, http.StatusNoContent, (*imagesAPI).load, (*imagesAPI).delete,
		api.Bare()),
	api.On("PUT /images/{image_id}/tags/{tag}", policies.ModifyImage, http.StatusNoContent, (*imagesAPI).load,
		(*imagesAPI).addTag, api.Bare()),
	api.On("DELETE /images/{image_id}/tags/{tag}", policies.ModifyImage, http.StatusNoContent, (*imagesAPI).load,
		(*imagesAPI).removeTag, api.Bare()),
	api.On("POST /images/{image_id}/actions/deactivate", policies.Deactivate, http.StatusNoContent, (*imagesAPI).load,
		(*imagesAPI).deactivate, api.Bare()),
	api.On("POST /images/{image_id}/actions/reactivate", policies.Reactivate, http.StatusNoContent, (*imagesAPI).load,
		(*imagesAPI).reactivate, api.Bare()),
	api.On("POST /images/{image_id}/import", policies.GetImage, http.StatusAccepted, (*imagesAPI).load,
		(*imagesAPI).importData, api.Bare(), api.Hidden()),
}}

type imageQuery struct {
	api.PageQuery
	MemberStatus string            `wire:"member_status" is:"enum=pending|accepted|rejected|all"`
	Tags         []string          `wire:"tag"`
	Filters      map[string]string `wire:"*"`
}

func (a *imagesAPI) list(ctx context.Context, r *api.Request, q *imageQuery) (api.Page[imageView], error) {
	out := api.Page[imageView]{Items: []imageView{}, Extra: map[string]any{"schema": "/v2/schemas/images"}}
	order, err := sorting(q.PageQuery)
	if err != nil {
		return out, err
	}
	for name := range q.Filters {
		if images.OfProperty(name) && !a.Protected.Allowed(name, properties.Read, r.Caller) {
			return out, nil // no image has a property that the caller may not read
		}
	}
	for i, t := range q.Tags {
		q.Tags[i] = strings.TrimSpace(t)
	}
	is, err := a.Images.Records.List(ctx, images.Query{Filters: q.Filters, Tags: q.Tags, MemberStatus: q.MemberStatus,
		Sort: order, Marker: q.Marker, Limit: q.Rows()})
	if err != nil {
		return out, err
	}
	page := api.PageOf(q.Window, is, func(i images.Image) string { return i.ID }, itself[images.Image])
	out.Next = page.Next
	for _, i := range page.Items {
		if r.Allowed(policies.GetImage, i.PolicyTarget()) {
			out.Items = append(out.Items, a.view(r, i))
		}
	}
	return out, nil
}

// itself is the identity, for pages whose rows are converted later.
func itself[T any](v T) T { return v }

var sortKeys = []string{"name", "status", "container_format", "disk_format", "size", "id", "created_at", "updated_at"}

// sorting parses both forms: sort=name:asc,size and repeated sort_key with one sort_dir or as many. The default
// direction is desc.
func sorting(q api.PageQuery) ([]db.SortKey, error) {
	keys, dirs := q.SortKeys, q.SortDirs
	if q.Sort != "" {
		if len(keys)+len(dirs) > 0 {
			return nil, fault.Invalidf("Old and new sorting syntax cannot be combined")
		}
		for part := range strings.SplitSeq(strings.TrimSpace(q.Sort), ",") {
			k, d, ok := strings.Cut(part, ":")
			if !ok || d == "" {
				d = "desc"
			}
			keys, dirs = append(keys, strings.TrimSpace(k)), append(dirs, strings.TrimSpace(d))
		}
	}
	if len(dirs) > 1 && len(dirs) != len(keys) {
		return nil, fault.Invalidf("Number of sort dirs does not match the number of sort keys")
	}
	if len(keys) == 0 {
		keys = []string{"created_at"}
	}
	var out []db.SortKey
	for i, k := range keys {
		dir := "desc"
		switch {
		case len(dirs) == 1:
			dir = dirs[0]
		case i < len(dirs):
			dir = dirs[i]
		}
		if !slices.Contains(sortKeys, k) {
			return nil, fault.Invalidf("Invalid sort key: %s. It must be one of the following: %s.", k,
				strings.Join(sortKeys, ", "))
		}
		if dir != "asc" && dir != "desc" {
			return nil, fault.Invalidf("Invalid sort direction: %s", dir)
		}
		out = append(out, db.SortKey{Column: k, Desc: dir == "desc"})
	}
	return out, nil
}

type imageCreate struct {
	Members map[string]json.RawMessage `wire:"*"`
}

// proposed is the policy target of a create: an image of the caller's project. For another owner create checks again.
func (a *imagesAPI) proposed(_ context.Context, r *api.Request) (images.Image, error) {
	return images.Image{Image: glance.Image{Owner: r.Caller.ProjectID, Visibility: glance.Shared}}, nil
}

func (a *imagesAPI) create(ctx context.Context, r *api.Request, _ images.Image, in *imageCreate) (imageView, error) {
	out, err := a.maker.made(ctx, r, in.Members)
	if err != nil {
		return imageView{}, err
	}
	r.SetHeader("Location", r.URL("/images/%s", out.ID))
	if ms := a.Images.Imports.Methods(); len(ms) > 0 {
		r.SetHeader("OpenStack-image-import-methods", strings.Join(ms, ","))
	}
	var stores []string
	for _, s := range a.Images.Stores.All() {
		stores = append(stores, s.ID)
	}
	r.SetHeader("OpenStack-image-store-ids", strings.Join(stores, ","))
	return a.view(r, out), nil
}

// made creates an image from its members in JSON.
func (a *imageMaker) made(ctx context.Context, r *api.Request,
	members map[string]json.RawMessage) (images.Image, error) {
	i := glance.Image{Visibility: glance.Shared}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if err := a.Formats.created(&i, name, members[name]); err != nil {
			return images.Image{}, err
		}
	}
	for name := range i.Properties {
		if !a.Protected.Allowed(name, properties.Create, r.Caller) {
			return images.Image{}, properties.Refused(name)
		}
	}
	if err := a.maySetOwner(r, &i); err != nil {
		return images.Image{}, err
	}
	if err := maySee(r, i.Visibility, ownTarget(i)); err != nil {
		return images.Image{}, err
	}
	return a.Images.Records.Create(ctx, images.Create{ID: i.ID, Name: i.Name, Owner: i.Owner, Visibility: i.Visibility,
		DiskFormat:      i.DiskFormat,
		ContainerFormat: i.ContainerFormat, MinDisk: i.MinDisk, MinRAM: i.MinRAM, Protected: i.Protected, Hidden: i.Hidden,
		Tags: i.Tags, Properties: i.Properties})
}

// created reads one member of a new image.
func (f Formats) created(i *glance.Image, name string, value json.RawMessage) error {
	switch {
	case name == "id":
		if err := read(name, "a UUID", value, &i.ID); err != nil {
			return err
		}
		if !dashedUUID.MatchString(i.ID) {
			return wrong(name, "a UUID")
		}
		return nil
	case slices.Contains(computed, name), slices.Contains(readOnly, name):
		return fault.Forbiddenf("Attribute '%s' is read-only.", name)
	case slices.Contains(reserved, name), strings.HasPrefix(name, reservedSpace):
		return fault.Forbiddenf("Attribute '%s' is reserved.", name)
	case name == "locations":
		return fault.Forbiddenf("It's not allowed to add locations if locations are invisible.")
	}
	if ok, err := f.attribute(i, name, value); ok || err != nil {
		return err
	}
	return property(i, name, value)
}

func ownTarget(i glance.Image) policy.Target {
	return images.Image{Image: i}.PolicyTarget()
}

// maySetOwner sets the default owner and checks whether the caller may create for it.
func (a *imageMaker) maySetOwner(r *api.Request, i *glance.Image) error {
	if i.Owner == "" || i.Owner == r.Caller.ProjectID {
		i.Owner = r.Caller.ProjectID
		return nil
	}
	if !r.Allowed(policies.AddImage, ownTarget(*i)) {
		return fault.Forbiddenf("You are not permitted to create images owned by '%s'", i.Owner)
	}
	return nil
}

// maySee checks the policy of a visibility.
func maySee(r *api.Request, visibility string, t policy.Target) error {
	switch visibility {
	case glance.Public:
		return r.Require(policies.PublicizeImage, t)
	case glance.Community:
		return r.Require(policies.CommunitizeImage, t)
	}
	return nil
}

func (a *imagesAPI) show(_ context.Context, r *api.Request, i images.Image, _ *api.None) (imageView, error) {
	return a.view(r, i), nil
}

func (a *imagesAPI) delete(ctx context.Context, _ *api.Request, i images.Image, _ *api.None) (api.None, error) {
	return api.None{}, a.Images.Records.Delete(ctx, i.ID)
}

func (a *imagesAPI) addTag(ctx context.Context, r *api.Request, i images.Image, _ *api.None) (api.None, error) {
	tag := r.Param("tag")
	if err := checkTag(tag); err != nil {
		return api.None{}, err
	}
	_, err := a.Images.Records.Update(ctx, i.ID, func(i *glance.Image) error {
		i.Tags = append(i.Tags, tag)
		return nil
	})
	return api.None{}, err
}

func (a *imagesAPI) removeTag(ctx context.Context, r *api.Request, i images.Image, _ *api.None) (api.None, error) {
	tag := r.Param("tag")
	_, err := a.Images.Records.Update(ctx, i.ID, func(i *glance.Image) error {
		at := slices.Index(i.Tags, tag)
		if at < 0 {
			return fault.NotFoundf("The image has no tag %s.", tag)
		}
		i.Tags = slices.Delete(i.Tags, at, at+1)
		return nil
	})
	return api.None{}, err
}

func (a *imagesAPI) deactivate(ctx context.Context, _ *api.Request, i images.Image, _ *api.None) (api.None, error) {
	return api.None{}, a.Images.Records.Deactivate(ctx, i.ID)
}

func (a *imagesAPI) reactivate(ctx context.Context, _ *api.Request, i images.Image, _ *api.None) (api.None, error) {
	return api.None{}, a.Images.Records.Reactivate(ctx, i.ID)
}

type importBody struct {
	Method struct {
		Name      string                     `wire:"name" is:"required"`
		URI       string                     `wire:"uri" is:"nullable,maxlen=2048"`
		Region    string                     `wire:"glance_region" is:"nullable,maxlen=255"`
		Image     string                     `wire:"glance_image_id" is:"nullable,maxlen=255"`
		Interface string                     `wire:"glance_service_interface" is:"nullable,maxlen=255"`
		Other     map[string]json.RawMessage `wire:"*"`
	} `wire:"method" is:"required"`
	Stores      []string                   `wire:"stores" is:"nullable"`
	AllStores   bool                       `wire:"all_stores"`
	MustSucceed *bool                      `wire:"all_stores_must_succeed"`
	Others      map[string]json.RawMessage `wire:"*"` // passed over, as glance does
}

func (a *imagesAPI) importData(ctx context.Context, r *api.Request, i images.Image, in *importBody) (api.None, error) {
	need := policies.ModifyImage
	if in.Method.Name == images.CopyImage {
		need = policies.CopyImage
	}
	if err := r.Require(need, i.PolicyTarget()); err != nil {
		return api.None{}, err
	}
	stores := in.Stores
	switch header := r.HTTP.Header.Get("X-Image-Meta-Store"); {
	case in.AllStores && (header != "" || len(stores) > 0):
		return api.None{}, fault.Invalidf(
			"All_stores parameter can't be used with x-image-meta-store header or stores parameter")
	case header != "" && len(stores) > 0:
		return api.None{}, fault.Invalidf("Stores parameter and x-image-meta-store header can't be both specified")
	case header != "":
		stores = []string{header}
	}
	noDocument(r)
	ask := images.Import{Method: in.Method.Name, URI: in.Method.URI, Stores: stores, AllStores: in.AllStores,
		Must: in.MustSucceed == nil || *in.MustSucceed}
	if ask.Method == images.GlanceDownload {
		ask.From = images.Origin{Region: in.Method.Region, Interface: cmp.Or(in.Method.Interface, "public"),
			Image: in.Method.Image,
			Token: r.HTTP.Header.Get("X-Auth-Token"), May: func(property string, there bool) bool {
				if there {
					return a.Protected.Allowed(property, properties.Update, r.Caller)
				}
				return a.Protected.Allowed(property, properties.Create, r.Caller)
			}}
	}
	return api.None{}, a.Images.Imports.Begin(ctx, i.ID, ask)
}
