package api

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"hypernova/glance"
	"hypernova/glance/api/policies"
	"hypernova/glance/metadefs"
	"hypernova/oslo/api"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/policy"
)

// namespacesAPI is the resource of namespaces and their resource types.
type namespacesAPI struct {
	namespaceLoader
}

var namespaceOps = api.Resource[*namespacesAPI]{Name: "namespace", Plural: "namespaces", Ops: api.Ops[*namespacesAPI]{
	api.List("GET /metadefs/namespaces", policies.GetMetadefNamespaces, (*namespacesAPI).list),
	api.Do("POST /metadefs/namespaces", policies.AddMetadefNamespace, http.StatusCreated, (*namespacesAPI).create,
		api.Bare()),
	api.On("GET /metadefs/namespaces/{namespace}", policies.GetMetadefNamespace, http.StatusOK, (*namespacesAPI).namespace,
		(*namespacesAPI).show, api.Bare(), api.Hidden()),
	api.On("PUT /metadefs/namespaces/{namespace}", policies.ModifyMetadefNamespace, http.StatusOK,
		(*namespacesAPI).namespace, (*namespacesAPI).update, api.Bare()),
	api.On("DELETE /metadefs/namespaces/{namespace}", policies.DeleteMetadefNamespace, http.StatusNoContent,
		(*namespacesAPI).namespace, (*namespacesAPI).delete, api.Bare()),

	api.Do("GET /metadefs/resource_types", policies.ListMetadefResourceTypes, http.StatusOK,
		(*namespacesAPI).resourceTypes, api.Bare()),
	api.On("GET /metadefs/namespaces/{namespace}/resource_types", policies.ListMetadefResourceTypes, http.StatusOK,
		(*namespacesAPI).namespace, (*namespacesAPI).associations, api.Bare()),
	api.On("POST /metadefs/namespaces/{namespace}/resource_types", policies.AddMetadefResourceTypeAssociation,
		http.StatusCreated, (*namespacesAPI).namespace, (*namespacesAPI).associate, api.Bare()),
	api.On("DELETE /metadefs/namespaces/{namespace}/resource_types/{resource_type}",
		policies.RemoveMetadefResourceTypeAssociation, http.StatusNoContent, (*namespacesAPI).namespace,
		(*namespacesAPI).dissociate, api.Bare()),
}}

// namespace loads a namespace. It is 404 for a caller who may not show it, whatever else the caller may do.
func (a *namespaceLoader) namespace(ctx context.Context, r *api.Request) (metadefs.Namespace, error) {
	name := r.Param("namespace")
	n, err := a.Metadefs.Namespaces.Get(ctx, name)
	if err == nil && !r.Allowed(policies.GetMetadefNamespace, n.PolicyTarget()) {
		return n, fault.NotFoundf("Namespace %s not found", name)
	}
	return n, err
}

// computedMembers are members that only the service sets; a request with one is rejected.
type computedMembers struct {
	Self   json.RawMessage `wire:"self"`
	Schema json.RawMessage `wire:"schema"`
	computedTimes
}

type computedTimes struct {
	Created json.RawMessage `wire:"created_at"`
	Updated json.RawMessage `wire:"updated_at"`
}

func (c computedMembers) own() error {
	for _, m := range []struct {
		name  string
		value json.RawMessage
	}{{"self", c.Self}, {"schema", c.Schema}} {
		if m.value != nil {
			return fault.Forbiddenf("Attribute '%s' is read-only.", m.name)
		}
	}
	return c.computedTimes.own()
}

func (c computedTimes) own() error {
	switch {
	case c.Created != nil:
		return fault.Forbiddenf("Attribute 'created_at' is read-only.")
	case c.Updated != nil:
		return fault.Forbiddenf("Attribute 'updated_at' is read-only.")
	}
	return nil
}

type associationBody struct {
	Name   string `wire:"name" is:"required,minlen=1,maxlen=80"`
	Prefix string `wire:"prefix" is:"maxlen=80"`
	Target string `wire:"properties_target" is:"maxlen=80"`
	computedTimes
}

// associationCreate is an association in a request of its own.
type associationCreate struct{ associationBody }

func (b *associationCreate) Validate(api.Version) error { return b.own() }

type tagBody struct {
	Name string `wire:"name" is:"required,minlen=1,maxlen=80"`
	computedTimes
}

type namespaceBody struct {
	Name         string                `wire:"namespace" is:"required,minlen=1,maxlen=80"`
	DisplayName  string                `wire:"display_name" is:"maxlen=80"`
	Description  string                `wire:"description" is:"maxlen=500"`
	Visibility   string                `wire:"visibility" is:"enum=public|private"`
	Protected    bool                  `wire:"protected"`
	Owner        string                `wire:"owner" is:"maxlen=255"`
	Associations []associationBody     `wire:"resource_type_associations"`
	Properties   map[string]definition `wire:"properties" is:"keys(minlen=1,maxlen=80)"`
	Objects      []objectBody          `wire:"objects"`
	Tags         []tagBody             `wire:"tags"`
	computedMembers
}

func (b *namespaceBody) Validate(api.Version) error { return b.own() }

func (b *namespaceBody) toType() glance.Namespace {
	return glance.Namespace{Name: b.Name, DisplayName: b.DisplayName, Description: b.Description, Visibility: b.Visibility,
		Protected: b.Protected, Owner: b.Owner}
}

func (b *namespaceBody) contents() metadefs.Contents {
	var c metadefs.Contents
	for _, o := range b.Objects {
		c.Objects = append(c.Objects, o.toType())
	}
	c.Properties = propertiesOf(b.Properties)
	for _, a := range b.Associations {
		c.Associations = append(c.Associations, glance.Association{ResourceType: a.Name, Prefix: a.Prefix, Target: a.Target})
	}
	for _, t := range b.Tags {
		c.Tags = append(c.Tags, glance.Tag{Name: t.Name})
	}
	return c
}

type associationView struct {
	Name    string    `wire:"name"`
	Prefix  string    `wire:"prefix" omit:"empty"`
	Target  string    `wire:"properties_target" omit:"empty"`
	Created time.Time `wire:"created_at" omit:"empty"`
	Updated time.Time `wire:"updated_at" omit:"empty"`
}

func viewAssociation(a glance.Association) associationView {
	return associationView{a.ResourceType, a.Prefix, a.Target, a.Created, a.Updated}
}

func viewAssociations(as []glance.Association) []associationView {
	out := []associationView{}
	for _, a := range as {
		out = append(out, viewAssociation(a))
	}
	return out
}

type namespaceView struct {
	Name         string                `wire:"namespace"`
	DisplayName  string                `wire:"display_name" omit:"empty"`
	Description  string                `wire:"description" omit:"empty"`
	Visibility   string                `wire:"visibility"`
	Protected    bool                  `wire:"protected"`
	Owner        string                `wire:"owner" omit:"empty"`
	Created      time.Time             `wire:"created_at"`
	Updated      time.Time             `wire:"updated_at"`
	Associations []associationView     `wire:"resource_type_associations" omit:"empty"`
	Properties   map[string]definition `wire:"properties" omit:"empty"`
	Objects      []objectView          `wire:"objects" omit:"empty"`
	Tags         []tagName             `wire:"tags" omit:"empty"`
	Self         string                `wire:"self"`
	Schema       string                `wire:"schema"`
}

func namespacePath(name string) string { return "/v2/metadefs/namespaces/" + name }

func viewNamespace(n metadefs.Namespace, c metadefs.Contents) namespaceView {
	v := namespaceView{Name: n.Name, DisplayName: n.DisplayName, Description: n.Description, Visibility: n.Visibility,
		Protected: n.Protected, Owner: n.Owner,
		Created: n.Created, Updated: n.Updated, Associations: viewAssociations(c.Associations),
		Properties: viewProperties(c.Properties),
		Self:       namespacePath(n.Name), Schema: "/v2/schemas/metadefs/namespace"}
	for _, o := range c.Objects {
		v.Objects = append(v.Objects, viewObject(n.Name, o))
	}
	for _, t := range c.Tags {
		v.Tags = append(v.Tags, tagName{t.Name})
	}
	return v
}

type namespaceQuery struct {
	api.PageQuery
	Visibility string `wire:"visibility" is:"enum=public|private"`
	Types      string `wire:"resource_types"`
}

// oneKey parses a list's sort key and direction; the default is the newest first.
func oneKey(q api.PageQuery) ([]db.SortKey, error) {
	key, dir := "created_at", "desc"
	if n := len(q.SortKeys); n > 0 {
		key = q.SortKeys[n-1]
	}
	if n := len(q.SortDirs); n > 0 {
		dir = q.SortDirs[n-1]
	}
	if dir != "asc" && dir != "desc" {
		return nil, fault.Invalidf("Invalid sort direction: %s", dir)
	}
	return []db.SortKey{{Column: key, Desc: dir == "desc"}}, nil
}

func (a *namespacesAPI) list(ctx context.Context, r *api.Request, q *namespaceQuery) (api.Page[namespaceView], error) {
	out := api.Page[namespaceView]{Items: []namespaceView{},
		Extra: map[string]any{"schema": "/v2/schemas/metadefs/namespaces"}}
	if err := r.Require(policies.ListMetadefResourceTypes, nil); err != nil {
		return out, err
	}
	order, err := oneKey(q.PageQuery)
	if err != nil {
		return out, err
	}
	want := metadefs.Query{Visibility: q.Visibility, Sort: order, Marker: q.Marker, Limit: q.Rows()}
	if q.Types != "" {
		want.ResourceTypes = strings.Split(q.Types, ",")
	}
	ns, err := a.Metadefs.Namespaces.List(ctx, want)
	if err != nil {
		return out, err
	}
	page := api.PageOf(q.Window, ns, func(n metadefs.Namespace) string { return n.Name }, itself[metadefs.Namespace])
	out.Next = page.Next
	for _, n := range page.Items {
		if !r.Allowed(policies.GetMetadefNamespace, n.PolicyTarget()) {
			continue
		}
		as, err := a.Metadefs.ResourceTypes.Of(ctx, n)
		if err != nil {
			return out, err
		}
		out.Items = append(out.Items, viewNamespace(n, metadefs.Contents{Associations: as}))
	}
	return out, nil
}

func (a *namespacesAPI) create(ctx context.Context, r *api.Request, in *namespaceBody) (namespaceView, error) {
	c := in.contents()
	for _, part := range []struct {
		size int
		rule *policy.Rule
	}{{len(c.Associations), policies.AddMetadefResourceTypeAssociation}, {len(c.Objects),
		policies.AddMetadefObject}, {len(c.Properties), policies.AddMetadefProperty}, {len(c.Tags), policies.AddMetadefTag}} {
		if part.size == 0 {
			continue
		}
		if err := r.Require(part.rule, nil); err != nil {
			return namespaceView{}, err
		}
	}
	n, err := a.Metadefs.Namespaces.Create(ctx, in.toType(), c)
	if err != nil {
		return namespaceView{}, err
	}
	r.SetHeader("Location", r.URL("/metadefs/namespaces/%s", n.Name))
	c, err = a.Metadefs.Namespaces.Contents(ctx, n)
	return viewNamespace(n, c), err
}

type prefixQuery struct {
	ResourceType string `wire:"resource_type"`
}

func (a *namespacesAPI) show(ctx context.Context, r *api.Request, n metadefs.Namespace,
	q *prefixQuery) (namespaceView, error) {
	for _, p := range []*policy.Rule{policies.ListMetadefResourceTypes, policies.GetMetadefObjects,
		policies.GetMetadefProperties, policies.GetMetadefTags} {
		if err := r.Require(p, n.PolicyTarget()); err != nil {
			return namespaceView{}, err
		}
	}
	c, err := a.Metadefs.Namespaces.Contents(ctx, n)
	if at := slices.IndexFunc(c.Associations,
		func(a glance.Association) bool { return a.ResourceType == q.ResourceType }); at >= 0 {
		prefixed(&c, c.Associations[at].Prefix)
	}
	return viewNamespace(n, c), err
}

// prefixed adds the prefix of a resource type to the names of properties.
func prefixed(c *metadefs.Contents, prefix string) {
	for i := range c.Properties {
		c.Properties[i].Name = prefix + c.Properties[i].Name
	}
	for i, o := range c.Objects {
		ps := map[string]glance.Property{}
		for name, p := range o.Properties {
			ps[prefix+name] = p
		}
		c.Objects[i].Properties = ps
		for j, name := range o.Required {
			o.Required[j] = prefix + name
		}
	}
}

func (a *namespacesAPI) update(ctx context.Context, _ *api.Request, n metadefs.Namespace,
	in *namespaceBody) (namespaceView, error) {
	out, err := a.Metadefs.Namespaces.Update(ctx, n.Name, in.toType())
	return viewNamespace(out, metadefs.Contents{}), err
}

func (a *namespacesAPI) delete(ctx context.Context, _ *api.Request, n metadefs.Namespace,
	_ *api.None) (api.None, error) {
	return api.None{}, a.Metadefs.Namespaces.Delete(ctx, n.Name)
}

type resourceTypeList struct {
	Types []associationView `wire:"resource_types"`
}

func (a *namespacesAPI) resourceTypes(ctx context.Context, _ *api.Request, _ *api.None) (resourceTypeList, error) {
	out := resourceTypeList{Types: []associationView{}}
	ts, err := a.Metadefs.ResourceTypes.List(ctx)
	for _, t := range ts {
		out.Types = append(out.Types, associationView{Name: t.Name, Created: t.Created, Updated: t.Updated})
	}
	return out, err
}

type associationList struct {
	Associations []associationView `wire:"resource_type_associations"`
}

func (a *namespacesAPI) associations(ctx context.Context, r *api.Request, n metadefs.Namespace,
	_ *api.None) (associationList, error) {
	out := associationList{Associations: []associationView{}}
	if !r.Allowed(policies.GetMetadefResourceType, n.PolicyTarget()) {
		return out, nil
	}
	as, err := a.Metadefs.ResourceTypes.Of(ctx, n)
	out.Associations = viewAssociations(as)
	return out, err
}

func (a *namespacesAPI) associate(ctx context.Context, _ *api.Request, n metadefs.Namespace,
	in *associationCreate) (associationView, error) {
	as, err := a.Metadefs.ResourceTypes.Associate(ctx, n.Name, glance.Association{ResourceType: in.Name, Prefix: in.Prefix,
		Target: in.Target})
	return viewAssociation(as), err
}

func (a *namespacesAPI) dissociate(ctx context.Context, r *api.Request, n metadefs.Namespace,
	_ *api.None) (api.None, error) {
	return api.None{}, a.Metadefs.ResourceTypes.Dissociate(ctx, n.Name, r.Param("resource_type"))
}
