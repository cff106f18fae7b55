package keystone

import "hypernova/oslo/policy"

// RegisteredLimit is what every project may use of a service's resource unless a Limit says otherwise.
type RegisteredLimit struct {
	ID, ServiceID, RegionID, Resource, Description string
	Default                                        int64
}

// Limit is what one project or domain may use of a resource. Exactly one of ProjectID and DomainID is set; there is a
// registered limit of the same service, region and resource.
type Limit struct {
	ID, ProjectID, DomainID       string
	ServiceID, RegionID, Resource string
	Description                   string
	Value                         int64
	ProjectDomainID               string // of ProjectID; read only
}

// PolicyTarget names whose limit it is as keystone's policies do.
func (l Limit) PolicyTarget() policy.Target {
	return policy.Target{"target.limit.project_id": l.ProjectID, "target.limit.domain.id": l.DomainID,
		"target.limit.project.domain_id": l.ProjectDomainID}
}

// EndpointGroup is the endpoints that have what Filters name: service_id, region_id, interface.
type EndpointGroup struct {
	ID, Name, Description string
	Filters               map[string]string
}

// Policy is a document of another service's rules that this one keeps for it.
type Policy struct {
	ID, Type, Blob string
	Extra          Extra
}

// PolicyLink says for which endpoints a policy is: one, those of a service, or those of a service in a region.
type PolicyLink struct{ PolicyID, EndpointID, ServiceID, RegionID string }
