// Package policies declares the rules of the Placement API. A rule's variable has the rule's name in Go's form, without
// placement: placement:traits:list is TraitsList.
package policies

import "hypernova/oslo/policy"

// Checks that the rules are made of.
const (
	adminOrService = "rule:admin_or_service_api"
	onlyService    = "rule:service_api"
)

var set policy.Set

// Rules lists all rules in the order of their declaration, for the enforcer and for documents.
func Rules() []*policy.Rule { return set.Rules() }

// term declares a rule that only others refer to.
func term(name, check, doc string) *policy.Rule {
	return set.Add(policy.Rule{Name: name, Check: check, Doc: doc})
}

// rule declares the rule of an operation.
func rule(name, check, doc string) *policy.Rule {
	return set.Add(policy.Rule{Name: "placement:" + name, Check: check, Doc: doc, Scopes: []string{"project"}})
}

// Rules that others refer to.
var (
	AdminAPI          = term("admin_api", "role:admin", "An administrator.")
	ServiceAPI        = term("service_api", "role:service", "A service of the cloud.")
	AdminOrServiceAPI = term("admin_or_service_api", "role:admin or role:service", "Most of placement.")
	ProjectReaderAPI  = term("project_reader_api", "role:reader and project_id:%(project_id)s",
		"A reader of the project.")
	AdminOrProjectReaderOrServiceAPI = term("admin_or_project_reader_or_service_api",
		"role:admin or rule:project_reader_api or role:service", "What a project may know of itself.")
)

// Rules of operations.
var (
	ResourceProvidersList   = rule("resource_providers:list", adminOrService, "List resource providers.")
	ResourceProvidersCreate = rule("resource_providers:create", adminOrService, "Create a resource provider.")
	ResourceProvidersShow   = rule("resource_providers:show", adminOrService, "Show a resource provider.")
	ResourceProvidersUpdate = rule("resource_providers:update", adminOrService,
		"Rename or move a resource provider.")
	ResourceProvidersDelete          = rule("resource_providers:delete", adminOrService, "Delete a resource provider.")
	ResourceProvidersInventoriesList = rule("resource_providers:inventories:list", adminOrService,
		"List a provider's inventories.")
	ResourceProvidersInventoriesCreate = rule("resource_providers:inventories:create", adminOrService, "Add an inventory.")
	ResourceProvidersInventoriesShow   = rule("resource_providers:inventories:show", adminOrService, "Show an inventory.")
	ResourceProvidersInventoriesUpdate = rule("resource_providers:inventories:update", adminOrService,
		"Change inventories.")
	ResourceProvidersInventoriesDelete = rule("resource_providers:inventories:delete", adminOrService,
		"Remove inventories.")
	ResourceProvidersAggregatesList = rule("resource_providers:aggregates:list", adminOrService,
		"List a provider's aggregates.")
	ResourceProvidersAggregatesUpdate = rule("resource_providers:aggregates:update", adminOrService,
		"Set a provider's aggregates.")
	ResourceProvidersTraitsList = rule("resource_providers:traits:list", adminOrService,
		"List a provider's traits.")
	ResourceProvidersTraitsUpdate = rule("resource_providers:traits:update", adminOrService,
		"Set a provider's traits.")
	ResourceProvidersTraitsDelete = rule("resource_providers:traits:delete", adminOrService,
		"Remove a provider's traits.")
	ResourceProvidersUsages = rule("resource_providers:usages", adminOrService,
		"List what is used of a provider.")
	ResourceProvidersAllocationsList = rule("resource_providers:allocations:list", adminOrService,
		"List what is held on a provider.")
	TraitsList            = rule("traits:list", adminOrService, "List traits.")
	TraitsShow            = rule("traits:show", adminOrService, "Look whether a trait exists.")
	TraitsUpdate          = rule("traits:update", adminOrService, "Add a trait.")
	TraitsDelete          = rule("traits:delete", adminOrService, "Delete a trait.")
	ResourceClassesList   = rule("resource_classes:list", adminOrService, "List resource classes.")
	ResourceClassesCreate = rule("resource_classes:create", adminOrService, "Add a resource class.")
	ResourceClassesShow   = rule("resource_classes:show", adminOrService, "Show a resource class.")
	ResourceClassesUpdate = rule("resource_classes:update", adminOrService, "Add or rename a resource class.")
	ResourceClassesDelete = rule("resource_classes:delete", adminOrService, "Delete a resource class.")
	AllocationsManage     = rule("allocations:manage", adminOrService,
		"Set the allocations of several consumers.")
	AllocationsList          = rule("allocations:list", adminOrService, "List a consumer's allocations.")
	AllocationsUpdate        = rule("allocations:update", adminOrService, "Set a consumer's allocations.")
	AllocationsDelete        = rule("allocations:delete", adminOrService, "Delete a consumer's allocations.")
	AllocationCandidatesList = rule("allocation_candidates:list", adminOrService,
		"Search for providers that can hold a request.")
	Usages = rule("usages", "rule:admin_or_project_reader_or_service_api",
		"List what a project uses.")
	ReshaperReshape = rule("reshaper:reshape", onlyService, "Move inventories with their allocations.")
)
