package api

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"hypernova/glance"
	"hypernova/glance/api/policies"
	"hypernova/glance/images"
	"hypernova/glance/properties"
	"hypernova/oslo/api"
	"hypernova/oslo/fault"
)

// change is an operation of a patch on a member of the image.
type change struct {
	api.PatchOp
	name string
}

func (a *imagesAPI) patch(ctx context.Context, r *api.Request, i images.Image, ops []api.PatchOp) (imageView, error) {
	var cs []change
	var places []placed
	for _, op := range ops {
		p, ok, err := a.relocation(r, i, op)
		if err != nil {
			return imageView{}, err
		}
		if ok {
			places = append(places, p)
			continue
		}
		c, err := a.Formats.parse(op)
		if err != nil {
			return imageView{}, err
		}
		if err := a.may(r, i, c); err != nil {
			return imageView{}, err
		}
		cs = append(cs, c)
	}
	// Locations are inspected before they are added, outside of the transaction. Therefore they come before the rest.
	if err := a.relocate(ctx, i.ID, places); err != nil {
		return imageView{}, err
	}
	if len(places) > 0 {
		var err error
		if i, err = a.Images.Records.Get(ctx, i.ID); err != nil {
			return imageView{}, err
		}
	}
	if len(cs) == 0 {
		return a.view(r, i), nil
	}
	guard := func(name string, do properties.Action) bool { return a.Protected.Allowed(name, do, r.Caller) }
	out, err := a.Images.Records.Update(ctx, i.ID, func(i *glance.Image) error {
		for _, c := range cs {
			if err := a.Formats.apply(c, i, guard); err != nil {
				return err
			}
		}
		return nil
	})
	return a.view(r, out), err
}

var (
	adjacent  = regexp.MustCompile(`/\s*/`)
	badEscape = regexp.MustCompile(`~([^01]|$)`)
)

// parse parses the JSON pointer, which names one member of the image.
func (f Formats) parse(op api.PatchOp) (change, error) {
	p := op.Path
	switch {
	case p[0] != '/':
		return change{}, fault.Invalidf("Pointer `%s` does not start with \"/\".", p)
	case adjacent.MatchString(p[1:]):
		return change{}, fault.Invalidf("Pointer `%s` contains adjacent \"/\".", p)
	case strings.HasSuffix(p, "/"):
		return change{}, fault.Invalidf("Pointer `%s` end with \"/\".", p)
	case badEscape.MatchString(p):
		return change{}, fault.Invalidf("Pointer `%s` contains \"~\" not part of a recognized escape sequence.", p)
	}
	parts := strings.Split(strings.TrimLeft(p, "/"), "/")
	name := strings.TrimSpace(strings.ReplaceAll(strings.ReplaceAll(parts[0], "~1", "/"), "~0", "~"))
	switch {
	case len(parts) > 1:
		return change{}, fault.Invalidf("Invalid JSON pointer for this resource: '%s'", p)
	case slices.Contains(readOnly, name), slices.Contains(computed, name):
		return change{}, fault.Forbiddenf("Attribute '%s' is read-only.", name)
	case slices.Contains(reserved, name), strings.HasPrefix(name, reservedSpace):
		return change{}, fault.Forbiddenf("Attribute '%s' is reserved.", name)
	case op.Op != "remove" && op.Value == nil:
		return change{}, fault.Invalidf("Operation \"%s\" requires a member named \"value\".", op.Op)
	}
	c := change{op, name}
	if op.Op == "remove" {
		return c, propertyName(name)
	}
	var scratch glance.Image
	if ok, err := f.attribute(&scratch, name, op.Value); ok || err != nil {
		return c, err
	}
	return c, property(&scratch, name, op.Value)
}

// may checks the policies of a change.
func (a *imagesAPI) may(r *api.Request, i images.Image, c change) error {
	if c.name == "visibility" && c.Op != "remove" {
		var to glance.Image
		if _, err := a.Formats.attribute(&to, c.name, c.Value); err != nil {
			return err
		}
		if err := maySee(r, to.Visibility, i.PolicyTarget()); err != nil {
			return err
		}
	}
	if err := r.Require(policies.ModifyImage, i.PolicyTarget()); err != nil {
		return err
	}
	if c.name == "owner" && !r.Caller.Admin() {
		return fault.Forbiddenf("Owner can't be updated by non admin.")
	}
	return nil
}

// apply applies a change. guard checks whether the caller may change an additional property.
func (f Formats) apply(c change, i *glance.Image, guard func(string, properties.Action) bool) error {
	if c.Op != "remove" {
		if ok, err := f.attribute(i, c.name, c.Value); ok || err != nil {
			return err
		}
	} else if ok, _ := f.attribute(&glance.Image{}, c.name, []byte("null")); ok {
		return fault.Forbiddenf("Property %s may not be removed.", c.name)
	}
	_, there := i.Properties[c.name]
	there = there && guard(c.name, properties.Read)
	if !there && c.Op != "add" {
		return fault.Conflictf("Property %s does not exist.", c.name)
	}
	need := properties.Create
	if there {
		need = properties.Update
	}
	if c.Op == "remove" {
		need = properties.Delete
	}
	if !guard(c.name, need) {
		return properties.Refused(c.name)
	}
	if c.Op == "remove" {
		delete(i.Properties, c.name)
		return nil
	}
	return property(i, c.name, c.Value)
}
