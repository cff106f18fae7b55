package proxies

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"hypernova/nova/api/wire"
	"hypernova/oslo/api"
	"hypernova/oslo/fault"
	"hypernova/oslo/httpc"
)

// imagesAPI proxies images.
type imagesAPI struct{ Deps }

var imageOps = api.Resource[*imagesAPI]{Name: "image", Plural: "images", Ops: api.Ops[*imagesAPI]{
	api.List("GET /images", nil, (*imagesAPI).list, api.Span(proxied), api.LooseQuery()),
	api.List("GET /images/detail", nil, (*imagesAPI).detail, api.Span(proxied), api.LooseQuery()),
	api.Do("GET /images/{image_id}", nil, http.StatusOK, (*imagesAPI).show, api.Span(proxied), api.LooseQuery()),
	api.Do("DELETE /images/{image_id}", nil, http.StatusNoContent, (*imagesAPI).remove, api.Span(proxied),
		api.LooseQuery()),
}}

// image is an image as the Image API shows it: its attributes, and properties beside them.
type image map[string]json.RawMessage

// imageAttributes are the attributes of images that are not properties.
var imageAttributes = []string{"id", "name", "status", "visibility", "protected", "owner", "min_ram", "min_disk",
	"size",
	"virtual_size", "checksum", "os_hash_algo", "os_hash_value", "os_hidden", "container_format", "disk_format",
	"created_at", "updated_at", "tags", "file", "self", "schema", "direct_url", "locations", "stores"}

func (i image) text(name string) string {
	var s string
	_ = json.Unmarshal(i[name], &s) // null or absent is no text
	return s
}

func (i image) number(name string) int64 {
	var n int64
	_ = json.Unmarshal(i[name], &n) // null or absent is zero
	return n
}

// properties are the image's own ones. Lists that the Image API keeps as texts are lists again.
func (i image) properties() map[string]any {
	out := map[string]any{}
	for name, raw := range i {
		if slices.Contains(imageAttributes, name) {
			continue
		}
		var v any
		_ = json.Unmarshal(raw, &v) // it is a part of a decoded document
		if text, ok := v.(string); ok && (name == "mappings" || name == "block_device_mapping") {
			var list any
			if json.Unmarshal([]byte(text), &list) == nil {
				v = list
			}
		}
		out[name] = v
	}
	return out
}

type imageLink struct {
	Rel  string `wire:"rel"`
	Href string `wire:"href"`
	Type string `wire:"type" omit:"empty"`
}

type imageBrief struct {
	ID    string      `wire:"id"`
	Name  *string     `wire:"name"`
	Links []imageLink `wire:"links"`
}

type imageServer struct {
	ID    string      `wire:"id"`
	Links []wire.Link `wire:"links"`
}

type imageView struct {
	imageBrief
	MinRAM     int64          `wire:"minRam"`
	MinDisk    int64          `wire:"minDisk"`
	Metadata   map[string]any `wire:"metadata"`
	Created    string         `wire:"created"`
	Updated    string         `wire:"updated"`
	Status     string         `wire:"status"`
	Progress   int            `wire:"progress"`
	Size       int64          `wire:"OS-EXT-IMG-SIZE:size"`
	Server     *imageServer   `wire:"server" omit:"empty"`
	DiskConfig string         `wire:"OS-DCF:diskConfig" omit:"empty"`
}

func briefOfImage(r *api.Request, i image) imageBrief {
	id := i.text("id")
	path := "/images/" + id
	return imageBrief{ID: id, Name: wire.OrNull(i.text("name")), Links: []imageLink{
		{"self", r.URL(path), ""}, {"bookmark", r.RootURL(path), ""},
		{"alternate", r.RootURL(path), "application/vnd.openstack.image"}}}
}

func viewOfImage(r *api.Request, i image) imageView {
	out := imageView{imageBrief: briefOfImage(r, i), MinRAM: i.number("min_ram"), MinDisk: i.number("min_disk"),
		Metadata: i.properties(), Created: i.text("created_at"), Updated: i.text("updated_at"), Size: i.number("size")}
	status := i.text("status")
	out.Status = map[string]string{"active": "ACTIVE", "queued": "SAVING", "saving": "SAVING", "deleted": "DELETED",
		"pending_delete": "DELETED", "killed": "ERROR"}[status]
	if out.Status == "" {
		out.Status = "UNKNOWN"
	}
	out.Progress = map[string]int{"queued": 25, "saving": 50, "active": 100}[status]
	if server, ok := out.Metadata["instance_uuid"].(string); ok {
		out.Server = &imageServer{server, wire.SelfLinks(r, "/servers/"+server)}
	}
	if auto, ok := out.Metadata["auto_disk_config"].(string); ok {
		out.DiskConfig = "MANUAL"
		if yes, _ := api.Truth(auto); yes {
			out.DiskConfig = "AUTO"
		}
	}
	return out
}

type imageQuery struct {
	api.Paging
	Filters map[string][]string `wire:"*"`
}

// filters are the parameters of the Image API for a query of nova's. Others have no effect.
func (q *imageQuery) filters() url.Values {
	out := url.Values{}
	for name, values := range q.Filters {
		value := values[len(values)-1]
		switch {
		case name == "name":
			out.Set(name, value)
		case name == "status":
			out.Set(name, strings.ToLower(value))
		case name == "changes-since":
			out.Set("updated_at", "gte:"+value)
		case name == "server":
			out.Set("instance_uuid", value[strings.LastIndex(value, "/")+1:])
		case name == "type":
			out.Set("image_type", value)
		case name == "minRam":
			out.Set("min_ram", value)
		case name == "minDisk":
			out.Set("min_disk", value)
		case strings.HasPrefix(name, "property-"):
			out.Set(strings.TrimPrefix(name, "property-"), value)
		}
	}
	return out
}

// pageSize is how many images are asked for at once.
const pageSize = 200

// images lists the images that the user sees, up to the page's limit.
func (a *imagesAPI) images(ctx context.Context, q *imageQuery) ([]image, error) {
	var out []image
	params := q.filters()
	if q.Marker != "" {
		params.Set("marker", q.Marker)
	}
	for {
		want := pageSize
		if q.Limit > 0 {
			want = min(want, q.Limit-len(out))
		}
		params.Set("limit", strconv.Itoa(want))
		page, err := httpc.Do[struct{ Images []image }](ctx, a.Images, httpc.Request{Path: "/images", Query: params})
		if err != nil {
			return nil, reworded(err, fault.NotFound, fault.Invalid) // a marker that does not exist
		}
		out = append(out, page.Images...)
		if len(page.Images) < want || len(out) == q.Limit {
			return out, nil
		}
		params.Set("marker", out[len(out)-1].text("id"))
	}
}

func (a *imagesAPI) list(ctx context.Context, r *api.Request, q *imageQuery) (api.Page[imageBrief], error) {
	is, err := a.images(ctx, q)
	return api.PageOf(q.Window, is, imageID, func(i image) imageBrief { return briefOfImage(r, i) }), err
}

func (a *imagesAPI) detail(ctx context.Context, r *api.Request, q *imageQuery) (api.Page[imageView], error) {
	is, err := a.images(ctx, q)
	return api.PageOf(q.Window, is, imageID, func(i image) imageView { return viewOfImage(r, i) }), err
}

func imageID(i image) string { return i.text("id") }

func imagePath(r *api.Request) string { return "/images/" + url.PathEscape(r.Param("image_id")) }

// image reads the image of the path.
func (a *imagesAPI) image(ctx context.Context, r *api.Request) (image, error) {
	i, err := httpc.Do[image](ctx, a.Images, httpc.Request{Path: imagePath(r)})
	return i, worded(err, fault.NotFound, "Image not found.")
}

func (a *imagesAPI) show(ctx context.Context, r *api.Request, _ *api.None) (imageView, error) {
	i, err := a.image(ctx, r)
	if err != nil {
		return imageView{}, err
	}
	return viewOfImage(r, i), nil
}

func (a *imagesAPI) remove(ctx context.Context, r *api.Request, _ *api.None) (api.None, error) {
	_, err := httpc.Do[api.None](ctx, a.Images, httpc.Request{Method: http.MethodDelete, Path: imagePath(r)})
	err = worded(err, fault.Forbidden, "You are not allowed to delete the image.")
	return api.None{}, worded(err, fault.NotFound, "Image not found.")
}

// imageMetadataAPI proxies the properties of an image.
type imageMetadataAPI struct{ imagesAPI }

// metadataProxied is the last version of the proxies of image metadata.
const metadataProxied = "-2.38"

var imageMetadataOps = api.Resource[*imageMetadataAPI]{Name: "metadata", Plural: "metadata",
	Ops: api.Ops[*imageMetadataAPI]{
		api.Do("GET /images/{image_id}/metadata", nil, http.StatusOK, (*imageMetadataAPI).list, api.Bare(),
			api.Span(metadataProxied), api.LooseQuery()),
		api.Do("POST /images/{image_id}/metadata", nil, http.StatusOK, (*imageMetadataAPI).merge, api.Bare(),
			api.Span(metadataProxied), api.LooseQuery()),
		api.Do("PUT /images/{image_id}/metadata", nil, http.StatusOK, (*imageMetadataAPI).replace, api.Bare(),
			api.Span(metadataProxied), api.LooseQuery()),
		api.Do("GET /images/{image_id}/metadata/{key}", nil, http.StatusOK, (*imageMetadataAPI).show, api.Bare(),
			api.Span(metadataProxied), api.LooseQuery()),
		api.Do("PUT /images/{image_id}/metadata/{key}", nil, http.StatusOK, (*imageMetadataAPI).set, api.Bare(),
			api.Span(metadataProxied), api.LooseQuery()),
		api.Do("DELETE /images/{image_id}/metadata/{key}", nil, http.StatusNoContent, (*imageMetadataAPI).remove,
			api.Span(metadataProxied), api.LooseQuery()),
	}}

type metadataBody struct {
	Metadata map[string]string `wire:"metadata" is:"required,keys(pattern=^[a-zA-Z0-9-_:. ]{1,255}$),each(maxlen=255)"`
}

type metaBody struct {
	Meta map[string]string `wire:"meta" is:"required,minitems=1,maxitems=1,keys(pattern=^[a-zA-Z0-9-_:. ]{1,255}$),each(maxlen=255)"`
}

type metadataView struct {
	Metadata map[string]any `wire:"metadata"`
}

type metaView struct {
	Meta map[string]any `wire:"meta"`
}

func (a *imageMetadataAPI) list(ctx context.Context, r *api.Request, _ *api.None) (metadataView, error) {
	i, err := a.image(ctx, r)
	return metadataView{i.properties()}, err
}

func (a *imageMetadataAPI) show(ctx context.Context, r *api.Request, _ *api.None) (metaView, error) {
	i, err := a.image(ctx, r)
	if err != nil {
		return metaView{}, err
	}
	key := r.Param("key")
	v, ok := i.properties()[key]
	if !ok {
		return metaView{}, fault.NotFoundf("The resource could not be found.")
	}
	return metaView{map[string]any{key: v}}, nil
}

func (a *imageMetadataAPI) merge(ctx context.Context, r *api.Request, in *metadataBody) (metadataView, error) {
	now, err := a.change(ctx, r, func(have map[string]any) (map[string]any, error) {
		return merged(have, in.Metadata), nil
	})
	return metadataView{now}, err
}

func (a *imageMetadataAPI) replace(ctx context.Context, r *api.Request, in *metadataBody) (metadataView, error) {
	now, err := a.change(ctx, r, func(map[string]any) (map[string]any, error) { return merged(nil, in.Metadata), nil })
	return metadataView{now}, err
}

func (a *imageMetadataAPI) set(ctx context.Context, r *api.Request, in *metaBody) (metaView, error) {
	if _, ok := in.Meta[r.Param("key")]; !ok {
		return metaView{}, fault.Invalidf("Request body and URI mismatch")
	}
	_, err := a.change(ctx, r, func(have map[string]any) (map[string]any, error) { return merged(have, in.Meta), nil })
	return metaView{merged(nil, in.Meta)}, err
}

func (a *imageMetadataAPI) remove(ctx context.Context, r *api.Request, _ *api.None) (api.None, error) {
	_, err := a.change(ctx, r, func(have map[string]any) (map[string]any, error) {
		next := maps.Clone(have)
		if _, ok := next[r.Param("key")]; !ok {
			return nil, fault.NotFoundf("Invalid metadata key")
		}
		delete(next, r.Param("key"))
		return next, nil
	})
	if fault.Is(err, fault.Conflict) { // another request has removed it since it was read
		err = fault.NotFoundf("Invalid metadata key")
	}
	return api.None{}, err
}

func merged(have map[string]any, more map[string]string) map[string]any {
	out := maps.Clone(have)
	if out == nil {
		out = map[string]any{}
	}
	for k, v := range more {
		out[k] = v
	}
	return out
}

// patchOp is an operation of a JSON patch.
type patchOp struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value,omitempty"`
}

// change writes what next makes of an image's properties. Values stay that did not change.
func (a *imageMetadataAPI) change(ctx context.Context, r *api.Request,
	next func(map[string]any) (map[string]any, error)) (map[string]any, error) {
	i, err := a.image(ctx, r)
	if err != nil {
		return nil, err
	}
	have := i.properties()
	want, err := next(have)
	if err != nil {
		return nil, err
	}
	limits, err := a.Quotas.Limits(ctx, r.Caller.ProjectID, r.Caller.UserID)
	if err != nil {
		return nil, err
	}
	if most := limits.MetadataItems; most >= 0 && int64(len(want)) > most {
		return nil, fault.Forbiddenf("Maximum number of metadata items exceeds %d", most)
	}
	escape := strings.NewReplacer("~", "~0", "/", "~1")
	var ops []patchOp
	for name, v := range want {
		old, there := have[name]
		switch {
		case !there:
			ops = append(ops, patchOp{"add", "/" + escape.Replace(name), v})
		case old != v:
			ops = append(ops, patchOp{"replace", "/" + escape.Replace(name), v})
		}
	}
	for name := range have {
		if _, keep := want[name]; !keep {
			ops = append(ops, patchOp{Op: "remove", Path: "/" + escape.Replace(name)})
		}
	}
	if len(ops) == 0 {
		return want, nil
	}
	_, err = httpc.Do[image](ctx, a.Images, httpc.Request{Method: http.MethodPatch, Path: imagePath(r), Body: ops,
		Header: http.Header{"Content-Type": {"application/openstack-images-v2.1-json-patch"}}})
	return want, worded(err, fault.NotFound, "Image not found.")
}
