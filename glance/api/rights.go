package api

import (
	"hypernova/glance/api/policies"
	"hypernova/glance/images"
	"hypernova/glance/properties"
	"hypernova/oslo/api"
	"hypernova/oslo/auth"
	"hypernova/oslo/fault"
	"hypernova/oslo/policy"
)

// Rights applies the image policy to requests that compute makes in a user's name; see images.Rights.
type Rights struct {
	Policy    *policy.Enforcer
	Protected *properties.Rules
}

var _ images.Rights = Rights{}

// See applies the rule of GET /images/{image_id} and removes the properties that the caller may not read.
func (g Rights) See(c *auth.Caller, i images.Image) (images.Image, error) {
	if api.Decides(g.Policy, policies.GetImage, c, i.PolicyTarget()) != nil {
		return images.Image{}, fault.NotFoundf("No image found with ID %s", i.ID)
	}
	i.Properties = g.Protected.Visible(i.Properties, c)
	return i, nil
}

// Create applies the rule of POST /images, and those of protected properties.
func (g Rights) Create(c *auth.Caller, i images.Image) error {
	for name := range i.Properties {
		if !g.Protected.Allowed(name, properties.Create, c) {
			return properties.Refused(name)
		}
	}
	return api.Decides(g.Policy, policies.AddImage, c, i.PolicyTarget())
}

// Upload applies the rule of PUT /images/{image_id}/file.
func (g Rights) Upload(c *auth.Caller, i images.Image) error {
	return api.Decides(g.Policy, policies.UploadImage, c, i.PolicyTarget())
}

// Delete applies the rule of DELETE /images/{image_id}.
func (g Rights) Delete(c *auth.Caller, i images.Image) error {
	return api.Decides(g.Policy, policies.DeleteImage, c, i.PolicyTarget())
}

// Download applies the rule of GET /images/{image_id}/file.
func (g Rights) Download(c *auth.Caller, i images.Image) error {
	return api.Decides(g.Policy, policies.DownloadImage, c, i.PolicyTarget())
}
