package api

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"hypernova/glance/api/policies"
	"hypernova/glance/images"
	"hypernova/oslo/api"
	"hypernova/oslo/fault"
)

// locationsAPI is the resource of an image's locations.
type locationsAPI struct {
	imageLoader
}

var locationOps = api.Resource[*locationsAPI]{Name: "location", Plural: "locations", Ops: api.Ops[*locationsAPI]{
	api.On("POST /images/{image_id}/locations", policies.AddImageLocation, http.StatusAccepted, (*locationsAPI).loadPlaced,
		(*locationsAPI).add, api.Bare()),
	api.On("GET /images/{image_id}/locations", policies.FetchImageLocation, http.StatusOK, (*locationsAPI).loadPlaced,
		(*locationsAPI).list, api.Bare()),
	api.On("DELETE /stores/{store_id}/{image_id}", policies.DeleteImageLocation, http.StatusNoContent,
		(*locationsAPI).load, (*locationsAPI).deleteFromStore, api.Bare()),
}}

// loadPlaced loads an image for callers who may show it, and for services, which may read locations without that.
func (a *locationsAPI) loadPlaced(ctx context.Context, r *api.Request) (images.Image, error) {
	i, err := a.Images.Records.Get(ctx, r.Param("image_id"))
	if err == nil && r.Allowed(policies.FetchImageLocation, i.PolicyTarget()) {
		return i, nil
	}
	return a.load(ctx, r)
}

type locationView struct {
	URL      string            `wire:"url"`
	Metadata map[string]string `wire:"metadata"`
}

func (a *imageLoader) locationViews(i images.Image) []locationView {
	out := []locationView{}
	for _, l := range a.Images.Locations.Of(i) {
		out = append(out, locationView{l.URL, l.Metadata})
	}
	return out
}

// shownPlaces returns the locations in an image's view. Queries are removed for callers who may not set locations,
// because a query may be a signature that grants access.
func (a *imageViewer) shownPlaces(r *api.Request, i images.Image) []locationView {
	out := a.locationViews(i)
	if r.Allowed(policies.SetImageLocation, i.PolicyTarget()) {
		return out
	}
	for n := range out {
		out[n].URL, _, _ = strings.Cut(out[n].URL, "?")
	}
	return out
}

func (a *locationsAPI) list(_ context.Context, _ *api.Request, i images.Image, _ *api.None) ([]locationView, error) {
	return a.locationViews(i), nil
}

type locationBody struct {
	URL        string            `wire:"url" is:"required,maxlen=2048"`
	Metadata   map[string]string `wire:"metadata"`
	Validation struct {
		Checksum  string `wire:"checksum"`
		HashAlgo  string `wire:"os_hash_algo"`
		HashValue string `wire:"os_hash_value"`
	} `wire:"validation_data"`
}

func (l locationBody) location() images.Location {
	return images.Location{URL: l.URL, Metadata: l.Metadata, Checksum: l.Validation.Checksum,
		HashAlgo: l.Validation.HashAlgo, HashValue: l.Validation.HashValue}
}

func (a *locationsAPI) add(ctx context.Context, r *api.Request, i images.Image, in *locationBody) (api.None, error) {
	l := in.location()
	if (l.HashAlgo == "") != (l.HashValue == "") {
		return api.None{}, fault.Invalidf("os_hash_algo and os_hash_value belong together.")
	}
	noDocument(r)
	return api.None{}, a.Images.Locations.Add(ctx, i.ID, l, slices.Contains(r.Caller.Roles, "service"))
}

func (a *locationsAPI) deleteFromStore(ctx context.Context, r *api.Request, i images.Image,
	_ *api.None) (api.None, error) {
	if err := r.Require(policies.GetImageLocation, i.PolicyTarget()); err != nil {
		return api.None{}, err
	}
	return api.None{}, a.Images.Copies.Delete(ctx, i.ID, r.Param("store_id"))
}

// noDocument removes the content type of a response without a body, which clients would try to parse.
func noDocument(r *api.Request) { r.SetHeader("Content-Type", "text/html; charset=UTF-8") }

// placed is an operation of a patch on an image's locations.
type placed struct {
	op string
	at int // a position; -1 is the end
	ls []images.Location
}

// relocation parses an operation on locations; ok is false for an operation on another member.
func (a *imagesAPI) relocation(r *api.Request, i images.Image, op api.PatchOp) (p placed, ok bool, err error) {
	parts := strings.Split(strings.Trim(op.Path, "/"), "/")
	if parts[0] != "locations" {
		return p, false, nil
	}
	p = placed{op: op.Op, at: -1}
	if !a.ShowLocations {
		action := map[string]string{"replace": "update"}[op.Op]
		if action == "" {
			action = op.Op
		}
		return p, true, fault.Forbiddenf("It's not allowed to %s locations if locations are invisible.", action)
	}
	need := policies.SetImageLocation
	if op.Op == "remove" {
		need = policies.DeleteImageLocation
	}
	if err := r.Require(need, i.PolicyTarget()); err != nil {
		return p, true, err
	}
	depth := map[string]int{"add": 2, "remove": 2, "replace": 1}[op.Op]
	if len(parts) != depth {
		return p, true, fault.Invalidf("Invalid JSON pointer for this resource: '%s'", op.Path)
	}
	if depth == 2 && parts[1] != "-" {
		if p.at, err = strconv.Atoi(parts[1]); err != nil || p.at < 0 {
			return p, true, fault.Invalidf("Invalid position for a location.")
		}
	}
	switch op.Op {
	case "add":
		var one locationJSON
		err = json.Unmarshal(op.Value, &one)
		p.ls = []images.Location{one.location()}
	case "replace":
		var all []locationJSON
		err = json.Unmarshal(op.Value, &all)
		if err == nil && len(all) == 0 {
			return p, true, fault.Forbiddenf("Cannot set locations to empty list.")
		}
		for _, l := range all {
			p.ls = append(p.ls, l.location())
		}
	}
	if err != nil || slices.ContainsFunc(p.ls, func(l images.Location) bool { return l.URL == "" || len(l.URL) > 2048 }) {
		return p, true, wrong("locations", "a list of objects with url and metadata")
	}
	return p, true, nil
}

// locationJSON is a location in a patch.
type locationJSON struct {
	URL        string            `json:"url"`
	Metadata   map[string]string `json:"metadata"`
	Validation struct {
		Checksum  string `json:"checksum"`
		HashAlgo  string `json:"os_hash_algo"`
		HashValue string `json:"os_hash_value"`
	} `json:"validation_data"`
}

func (l locationJSON) location() images.Location {
	return images.Location{URL: l.URL, Metadata: l.Metadata, Checksum: l.Validation.Checksum,
		HashAlgo: l.Validation.HashAlgo, HashValue: l.Validation.HashValue}
}

// relocate applies the operations on locations, each as a change of its own.
func (a *imagesAPI) relocate(ctx context.Context, id string, ops []placed) error {
	for _, p := range ops {
		var err error
		switch p.op {
		case "add":
			err = a.Images.Locations.Insert(ctx, id, p.at, p.ls[0])
		case "replace":
			err = a.Images.Locations.Set(ctx, id, p.ls)
		case "remove":
			err = a.Images.Locations.Remove(ctx, id, p.at)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
