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

// Rights are the rules of images for verbs of the same process that act for a user.
type Rights struct {
	Policy    *policy.Enforcer
	Protected *properties.Rules
}

var _ images.Rights = Rights{}

// See is the rule of GET /images/{image_id}, with the properties that it would show.
func (g Rights) See(c *auth.Caller, i images.Image) (images.Image, error) {
	if api.Decides(g.Policy, policies.GetImage, c, i.PolicyTarget()) != nil {
		return images.Image{}, fault.NotFoundf("No image found with ID %s", i.ID)
	}
	i.Properties = g.Protected.Visible(i.Properties, c)
	return i, nil
}

// Download is the rule of GET /images/{image_id}/file.
func (g Rights) Download(c *auth.Caller, i images.Image) error {
	return api.Decides(g.Policy, policies.DownloadImage, c, i.PolicyTarget())
}
