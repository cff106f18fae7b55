package api

import "hypernova/oslo/policy"

// The defaults: services and administrators; what a project uses may also be read by its readers.
const (
	adminOrService = "rule:admin_or_service_api"
	onlyService    = "rule:service_api"
)

func rule(name, check, doc string) *policy.Rule {
	return &policy.Rule{Name: "placement:" + name, Check: check, Doc: doc, Scopes: []string{"project"}}
}

var (
	base = []*policy.Rule{
		{Name: "admin_api", Check: "role:admin", Doc: "An administrator."},
		{Name: "service_api", Check: "role:service", Doc: "A service of the cloud."},
		{Name: "admin_or_service_api", Check: "role:admin or role:service", Doc: "Most of placement."},
		{Name: "project_reader_api", Check: "role:reader and project_id:%(project_id)s", Doc: "A reader of the project."},
		{Name: "admin_or_project_reader_or_service_api", Check: "role:admin or rule:project_reader_api or role:service", Doc: "What a project may know of itself."},
	}

	providersList   = rule("resource_providers:list", adminOrService, "List resource providers.")
	providersCreate = rule("resource_providers:create", adminOrService, "Create a resource provider.")
	providersShow   = rule("resource_providers:show", adminOrService, "Show a resource provider.")
	providersUpdate = rule("resource_providers:update", adminOrService, "Rename or move a resource provider.")
	providersDelete = rule("resource_providers:delete", adminOrService, "Delete a resource provider.")

	inventoriesList   = rule("resource_providers:inventories:list", adminOrService, "List a provider's inventories.")
	inventoriesCreate = rule("resource_providers:inventories:create", adminOrService, "Add an inventory.")
	inventoriesShow   = rule("resource_providers:inventories:show", adminOrService, "Show an inventory.")
	inventoriesUpdate = rule("resource_providers:inventories:update", adminOrService, "Change inventories.")
	inventoriesDelete = rule("resource_providers:inventories:delete", adminOrService, "Remove inventories.")

	aggregatesList   = rule("resource_providers:aggregates:list", adminOrService, "List a provider's aggregates.")
	aggregatesUpdate = rule("resource_providers:aggregates:update", adminOrService, "Set a provider's aggregates.")
	providerTraits   = rule("resource_providers:traits:list", adminOrService, "List a provider's traits.")
	providerTraitSet = rule("resource_providers:traits:update", adminOrService, "Set a provider's traits.")
	providerTraitDel = rule("resource_providers:traits:delete", adminOrService, "Remove a provider's traits.")
	providerUsages   = rule("resource_providers:usages", adminOrService, "List what is used of a provider.")
	providerHeld     = rule("resource_providers:allocations:list", adminOrService, "List what is held on a provider.")

	traitsList   = rule("traits:list", adminOrService, "List traits.")
	traitsShow   = rule("traits:show", adminOrService, "Look whether a trait exists.")
	traitsUpdate = rule("traits:update", adminOrService, "Add a trait.")
	traitsDelete = rule("traits:delete", adminOrService, "Delete a trait.")

	classesList   = rule("resource_classes:list", adminOrService, "List resource classes.")
	classesCreate = rule("resource_classes:create", adminOrService, "Add a resource class.")
	classesShow   = rule("resource_classes:show", adminOrService, "Show a resource class.")
	classesUpdate = rule("resource_classes:update", adminOrService, "Add or rename a resource class.")
	classesDelete = rule("resource_classes:delete", adminOrService, "Delete a resource class.")

	allocationsManage = rule("allocations:manage", adminOrService, "Set the allocations of several consumers.")
	allocationsList   = rule("allocations:list", adminOrService, "List a consumer's allocations.")
	allocationsUpdate = rule("allocations:update", adminOrService, "Set a consumer's allocations.")
	allocationsDelete = rule("allocations:delete", adminOrService, "Delete a consumer's allocations.")

	candidatesList = rule("allocation_candidates:list", adminOrService, "Search for providers that can hold a request.")
	totalUsages    = rule("usages", "rule:admin_or_project_reader_or_service_api", "List what a project uses.")
	reshape        = rule("reshaper:reshape", onlyService, "Move inventories with their allocations.")
)

// Rules are placement's policy defaults.
func Rules() []*policy.Rule {
	return append(base[:len(base):len(base)], providersList, providersCreate, providersShow, providersUpdate, providersDelete,
		inventoriesList, inventoriesCreate, inventoriesShow, inventoriesUpdate, inventoriesDelete,
		aggregatesList, aggregatesUpdate, providerTraits, providerTraitSet, providerTraitDel, providerUsages, providerHeld,
		traitsList, traitsShow, traitsUpdate, traitsDelete, classesList, classesCreate, classesShow, classesUpdate, classesDelete,
		allocationsManage, allocationsList, allocationsUpdate, allocationsDelete, candidatesList, totalUsages, reshape)
}
