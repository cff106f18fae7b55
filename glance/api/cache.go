package api

import (
	"context"
	"net/http"
	"strings"
	"time"

	"hypernova/glance/api/policies"
	"hypernova/glance/images"
	"hypernova/oslo/api"
	"hypernova/oslo/fault"
)

// cacheAPI is the resource of the image cache.
type cacheAPI struct {
	Images *images.Service
}

var cacheOps = api.Resource[*cacheAPI]{Name: "cache", Plural: "cache", Ops: api.Ops[*cacheAPI]{
	api.Do("GET /cache", policies.CacheList, http.StatusOK, (*cacheAPI).state, api.Bare()),
	api.Do("DELETE /cache", policies.CacheDelete, http.StatusNoContent, (*cacheAPI).clear, api.Bare()),
	api.Do("PUT /cache/{image_id}", policies.CacheImage, http.StatusAccepted, (*cacheAPI).add, api.Bare()),
	api.Do("DELETE /cache/{image_id}", policies.CacheDelete, http.StatusNoContent, (*cacheAPI).remove, api.Bare()),
	api.Do("POST /cache/clean", policies.CacheClean, http.StatusOK, (*cacheAPI).clean, api.Bare()),
	api.Do("POST /cache/prune", policies.CachePrune, http.StatusOK, (*cacheAPI).prune, api.Bare()),
	api.Do("GET /cache/nodes/{image_id}", policies.ListCachedNodes, http.StatusOK, (*cacheAPI).nodes, api.Bare()),
}}

type cachedView struct {
	Image    string  `wire:"image_id"`
	Hits     int64   `wire:"hits"`
	Accessed float64 `wire:"last_accessed"`
	Modified float64 `wire:"last_modified"`
	Size     int64   `wire:"size"`
}

type cacheView struct {
	Cached []cachedView `wire:"cached_images"`
	Queued []string     `wire:"queued_images"`
}

// seconds converts a time to the cache API's form.
func seconds(t time.Time) float64 { return float64(t.UnixMicro()) / 1e6 }

func (a *cacheAPI) state(ctx context.Context, _ *api.Request, _ *api.None) (cacheView, error) {
	out := cacheView{Cached: []cachedView{}, Queued: []string{}}
	whole, queued, err := a.Images.Cache.List(ctx)
	for _, e := range whole {
		out.Cached = append(out.Cached, cachedView{e.Image, e.Hits, seconds(e.Accessed), seconds(e.Modified), e.Size})
	}
	out.Queued = append(out.Queued, queued...)
	return out, err
}

func (a *cacheAPI) clear(ctx context.Context, r *api.Request, _ *api.None) (api.None, error) {
	target := strings.ToLower(r.HTTP.Header.Get("X-Image-Cache-Clear-Target"))
	if target != "" && target != "cache" && target != "queue" {
		return api.None{}, fault.Invalidf(
			"If provided 'x-image-cache-clear-target' must be 'cache', 'queue' or empty string.")
	}
	return api.None{}, a.Images.Cache.Clear(ctx, target != "queue", target != "cache")
}

func (a *cacheAPI) add(ctx context.Context, r *api.Request, _ *api.None) (api.None, error) {
	noDocument(r)
	return api.None{}, a.Images.Cache.Queue(ctx, r.Param("image_id"))
}

func (a *cacheAPI) remove(ctx context.Context, r *api.Request, _ *api.None) (api.None, error) {
	return api.None{}, a.Images.Cache.Remove(ctx, r.Param("image_id"))
}

func (a *cacheAPI) clean(ctx context.Context, r *api.Request, _ *api.None) (api.None, error) {
	noDocument(r)
	return api.None{}, a.Images.Cache.Clean(ctx)
}

type prunedView struct {
	Files int   `wire:"total_files_pruned"`
	Bytes int64 `wire:"total_bytes_pruned"`
}

func (a *cacheAPI) prune(ctx context.Context, _ *api.Request, _ *api.None) (prunedView, error) {
	files, bytes, err := a.Images.Cache.Prune(ctx)
	return prunedView{files, bytes}, err
}

func (a *cacheAPI) nodes(ctx context.Context, r *api.Request, _ *api.None) ([]string, error) {
	nodes, err := a.Images.Cache.Nodes(ctx, r.Param("image_id"))
	return append([]string{}, nodes...), err
}
