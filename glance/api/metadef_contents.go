package api

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"hypernova/glance"
	"hypernova/glance/api/policies"
	"hypernova/glance/metadefs"
	"hypernova/oslo/api"
	"hypernova/oslo/fault"
)

// contentsAPI is the resource of a namespace's objects and properties.
type contentsAPI struct {
	namespaceLoader
}

var contentOps = api.Resource[*contentsAPI]{Name: "object", Plural: "objects", Ops: api.Ops[*contentsAPI]{
	api.On("GET /metadefs/namespaces/{namespace}/objects", policies.GetMetadefObjects, http.StatusOK,
		(*contentsAPI).namespace, (*contentsAPI).objects, api.Bare()),
	api.On("POST /metadefs/namespaces/{namespace}/objects", policies.AddMetadefObject, http.StatusCreated,
		(*contentsAPI).namespace, (*contentsAPI).createObject, api.Bare()),
	api.On("DELETE /metadefs/namespaces/{namespace}/objects", policies.DeleteMetadefNamespace, http.StatusNoContent,
		(*contentsAPI).namespace, (*contentsAPI).deleteObjects, api.Bare()),
	api.On("GET /metadefs/namespaces/{namespace}/objects/{object}", policies.GetMetadefObject, http.StatusOK,
		(*contentsAPI).namespace, (*contentsAPI).showObject, api.Bare()),
	api.On("PUT /metadefs/namespaces/{namespace}/objects/{object}", policies.ModifyMetadefObject, http.StatusOK,
		(*contentsAPI).namespace, (*contentsAPI).updateObject, api.Bare()),
	api.On("DELETE /metadefs/namespaces/{namespace}/objects/{object}", policies.DeleteMetadefObject, http.StatusNoContent,
		(*contentsAPI).namespace, (*contentsAPI).deleteObject, api.Bare()),

	api.On("GET /metadefs/namespaces/{namespace}/properties", policies.GetMetadefProperties, http.StatusOK,
		(*contentsAPI).namespace, (*contentsAPI).properties, api.Bare()),
	api.On("POST /metadefs/namespaces/{namespace}/properties", policies.AddMetadefProperty, http.StatusCreated,
		(*contentsAPI).namespace, (*contentsAPI).createProperty, api.Bare()),
	api.On("DELETE /metadefs/namespaces/{namespace}/properties", policies.DeleteMetadefNamespace, http.StatusNoContent,
		(*contentsAPI).namespace, (*contentsAPI).deleteProperties, api.Bare()),
	api.On("GET /metadefs/namespaces/{namespace}/properties/{property}", policies.GetMetadefProperty, http.StatusOK,
		(*contentsAPI).namespace, (*contentsAPI).showProperty, api.Bare()),
	api.On("PUT /metadefs/namespaces/{namespace}/properties/{property}", policies.ModifyMetadefProperty, http.StatusOK,
		(*contentsAPI).namespace, (*contentsAPI).updateProperty, api.Bare()),
	api.On("DELETE /metadefs/namespaces/{namespace}/properties/{property}", policies.RemoveMetadefProperty,
		http.StatusNoContent, (*contentsAPI).namespace, (*contentsAPI).deleteProperty, api.Bare()),
}}

// definition is a property definition in requests and responses. Its fields are those of glance.Property, in the same
// order.
type definition struct {
	Name            string          `wire:"name" is:"maxlen=80" omit:"empty"`
	Type            string          `wire:"type" is:"required,enum=array|boolean|integer|number|object|string"`
	Title           string          `wire:"title" is:"required"`
	Description     string          `wire:"description" omit:"empty"`
	Operators       []string        `wire:"operators" omit:"empty"`
	Default         json.RawMessage `wire:"default" omit:"empty"`
	Required        []string        `wire:"required" is:"unique" omit:"empty"`
	Readonly        *bool           `wire:"readonly" omit:"empty"`
	Confidential    *bool           `wire:"confidential" omit:"empty"`
	Minimum         *int64          `wire:"minimum" omit:"empty"`
	Maximum         *int64          `wire:"maximum" omit:"empty"`
	Enum            []string        `wire:"enum" omit:"empty"`
	Pattern         string          `wire:"pattern" omit:"empty"`
	MinLength       *int64          `wire:"minLength" is:"min=0" omit:"empty"`
	MaxLength       *int64          `wire:"maxLength" is:"min=0" omit:"empty"`
	Items           *items          `wire:"items" omit:"empty"`
	UniqueItems     *bool           `wire:"uniqueItems" omit:"empty"`
	MinItems        *int64          `wire:"minItems" is:"min=0" omit:"empty"`
	MaxItems        *int64          `wire:"maxItems" is:"min=0" omit:"empty"`
	AdditionalItems *bool           `wire:"additionalItems" omit:"empty"`
}

type items = struct {
	Type string   `wire:"type" is:"enum=array|boolean|integer|number|object|string" omit:"empty"`
	Enum []string `wire:"enum" omit:"empty"`
}

func (p definition) toType() glance.Property { return glance.Property(p) }

func viewProperty(p glance.Property) definition { return definition(p) }

// propertiesOf converts definitions by name, sorted by name.
func propertiesOf(ps map[string]definition) []glance.Property {
	var out []glance.Property
	for _, name := range slices.Sorted(maps.Keys(ps)) {
		p := ps[name].toType()
		p.Name = name
		out = append(out, p)
	}
	return out
}

func viewProperties(ps []glance.Property) map[string]definition {
	out := map[string]definition{}
	for _, p := range ps {
		v := viewProperty(p)
		v.Name = "" // it is the key
		out[p.Name] = v
	}
	return out
}

type objectBody struct {
	Name        string                `wire:"name" is:"required,minlen=1,maxlen=80"`
	Description string                `wire:"description"`
	Required    []string              `wire:"required" is:"unique"`
	Properties  map[string]definition `wire:"properties" is:"keys(minlen=1)"`
	computedMembers
}

func (b objectBody) toType() glance.Object {
	o := glance.Object{Name: b.Name, Description: b.Description, Required: b.Required,
		Properties: map[string]glance.Property{}}
	for name, p := range b.Properties {
		o.Properties[name] = p.toType()
	}
	return o
}

// objectCreate is an object in a request of its own.
type objectCreate struct{ objectBody }

func (b *objectCreate) Validate(api.Version) error { return b.own() }

type objectView struct {
	Name        string                `wire:"name"`
	Description string                `wire:"description" omit:"empty"`
	Required    []string              `wire:"required"`
	Properties  map[string]definition `wire:"properties"`
	Created     time.Time             `wire:"created_at"`
	Updated     time.Time             `wire:"updated_at"`
	Self        string                `wire:"self"`
	Schema      string                `wire:"schema"`
}

func viewObject(namespace string, o glance.Object) objectView {
	v := objectView{Name: o.Name, Description: o.Description, Required: o.Required, Properties: map[string]definition{},
		Created: o.Created, Updated: o.Updated,
		Self: namespacePath(namespace) + "/objects/" + o.Name, Schema: "/v2/schemas/metadefs/object"}
	if v.Required == nil {
		v.Required = []string{}
	}
	for name, p := range o.Properties {
		v.Properties[name] = viewProperty(p)
	}
	return v
}

type objectList struct {
	Objects []objectView `wire:"objects"`
	Schema  string       `wire:"schema"`
}

func (a *contentsAPI) objects(ctx context.Context, r *api.Request, n metadefs.Namespace,
	_ *api.None) (objectList, error) {
	out := objectList{Objects: []objectView{},
		Schema: "v2/schemas/metadefs/objects"} // without the slash, as clients know it
	if !r.Allowed(policies.GetMetadefObject, n.PolicyTarget()) {
		return out, nil
	}
	os, err := a.Metadefs.Objects.List(ctx, n)
	for _, o := range os {
		out.Objects = append(out.Objects, viewObject(n.Name, o))
	}
	return out, err
}

func (a *contentsAPI) createObject(ctx context.Context, r *api.Request, n metadefs.Namespace,
	in *objectCreate) (objectView, error) {
	o, err := a.Metadefs.Objects.Add(ctx, n.Name, in.toType())
	r.SetHeader("Location", r.URL("/metadefs/namespaces/%s/objects/%s", n.Name, o.Name))
	return viewObject(n.Name, o), err
}

func (a *contentsAPI) showObject(ctx context.Context, r *api.Request, n metadefs.Namespace,
	_ *api.None) (objectView, error) {
	o, err := a.Metadefs.Objects.Get(ctx, n, r.Param("object"))
	return viewObject(n.Name, o), err
}

func (a *contentsAPI) updateObject(ctx context.Context, r *api.Request, n metadefs.Namespace,
	in *objectCreate) (objectView, error) {
	o, err := a.Metadefs.Objects.Update(ctx, n.Name, r.Param("object"), in.toType())
	return viewObject(n.Name, o), err
}

func (a *contentsAPI) deleteObject(ctx context.Context, r *api.Request, n metadefs.Namespace,
	_ *api.None) (api.None, error) {
	return api.None{}, a.Metadefs.Objects.Remove(ctx, n.Name, r.Param("object"))
}

func (a *contentsAPI) deleteObjects(ctx context.Context, _ *api.Request, n metadefs.Namespace,
	_ *api.None) (api.None, error) {
	return api.None{}, a.Metadefs.Objects.RemoveAll(ctx, n.Name)
}

// propertyCreate is a property in a request of its own, with its name.
type propertyCreate struct {
	definition
	computedTimes
}

func (b *propertyCreate) Validate(api.Version) error {
	if b.Name == "" {
		return fault.Invalidf("Provided object does not match schema 'property': 'name' is a required property.")
	}
	return b.own()
}

type propertyList struct {
	Properties map[string]definition `wire:"properties"`
}

func (a *contentsAPI) properties(ctx context.Context, _ *api.Request, n metadefs.Namespace,
	_ *api.None) (propertyList, error) {
	ps, err := a.Metadefs.Properties.List(ctx, n)
	return propertyList{viewProperties(ps)}, err
}

func (a *contentsAPI) createProperty(ctx context.Context, _ *api.Request, n metadefs.Namespace,
	in *propertyCreate) (definition, error) {
	return in.definition, a.Metadefs.Properties.Add(ctx, n.Name, in.toType())
}

// showProperty returns a property by its name, or by its name with the prefix of a resource type.
func (a *contentsAPI) showProperty(ctx context.Context, r *api.Request, n metadefs.Namespace,
	q *prefixQuery) (definition, error) {
	name := r.Param("property")
	if q.ResourceType != "" {
		if err := r.Require(policies.GetMetadefResourceType, n.PolicyTarget()); err != nil {
			return definition{}, err
		}
		prefix, err := a.prefix(ctx, n, q.ResourceType)
		if err != nil {
			return definition{}, err
		}
		short, ok := strings.CutPrefix(name, prefix)
		if !ok || prefix == "" {
			return definition{}, fault.NotFoundf(
				"Property %s does not start with the expected resource type association prefix of '%s'.", name, prefix)
		}
		name = short
	}
	p, err := a.Metadefs.Properties.Get(ctx, n, name)
	return viewProperty(p), err
}

func (a *contentsAPI) prefix(ctx context.Context, n metadefs.Namespace, resource string) (string, error) {
	as, err := a.Metadefs.ResourceTypes.Of(ctx, n)
	if err != nil {
		return "", err
	}
	for _, one := range as {
		if one.ResourceType == resource {
			return one.Prefix, nil
		}
	}
	return "", fault.NotFoundf(
		"The metadata definition resource-type association of resource-type=%s to namespace=%s, was not found.", resource,
		n.Name)
}

func (a *contentsAPI) updateProperty(ctx context.Context, r *api.Request, n metadefs.Namespace,
	in *propertyCreate) (definition, error) {
	return in.definition, a.Metadefs.Properties.Update(ctx, n.Name, r.Param("property"), in.toType())
}

func (a *contentsAPI) deleteProperty(ctx context.Context, r *api.Request, n metadefs.Namespace,
	_ *api.None) (api.None, error) {
	return api.None{}, a.Metadefs.Properties.Remove(ctx, n.Name, r.Param("property"))
}

func (a *contentsAPI) deleteProperties(ctx context.Context, _ *api.Request, n metadefs.Namespace,
	_ *api.None) (api.None, error) {
	return api.None{}, a.Metadefs.Properties.RemoveAll(ctx, n.Name)
}
