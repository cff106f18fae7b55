// Package policies declares the rules of the Image API. A rule's variable has the rule's name in Go's form: get_image
// is GetImage.
package policies

import "hypernova/oslo/policy"

// Checks that the rules are made of.
const (
	admin  = "rule:context_is_admin"
	member = "role:member and project_id:%(project_id)s"
	reader = "role:reader and project_id:%(project_id)s"
	// known is what lets others than its project read an image; its members were read with it.
	known = "project_id:%(project_id)s or project_id:%(member_id)s or 'community':%(visibility)s or " +
		"'public':%(visibility)s or 'shared':%(visibility)s"
	adminOrOwner = admin + " or (" + member + ")"
	adminOrRead  = admin + " or (" + reader + ")"
	sharedRead   = admin + " or role:reader and (project_id:%(project_id)s or project_id:%(member_id)s)"

	metadefAdmin = "rule:metadef_admin"
	metadefRead  = admin + " or (role:reader and (project_id:%(project_id)s or 'public':%(visibility)s))"
)

var set policy.Set

// Rules lists all rules in the order of their declaration, for the enforcer and for documents.
func Rules() []*policy.Rule { return set.Rules() }

func rule(name, check, doc string) *policy.Rule {
	return set.Add(policy.Rule{Name: name, Check: check, Doc: doc, Scopes: []string{"project"}})
}

// Images, members, locations, the cache and tasks.
var (
	Default          = rule("default", "@", "What old policy files refer to.")
	ContextIsAdmin   = rule("context_is_admin", "role:admin", "Who is an administrator.")
	ServiceAPI       = rule("service_api", "role:service or role:admin", "What other services may do.")
	AddImage         = rule("add_image", admin+" or ("+member+" and project_id:%(owner)s)", "Create an image.")
	DeleteImage      = rule("delete_image", adminOrOwner, "Delete an image.")
	GetImage         = rule("get_image", admin+" or (role:reader and ("+known+"))", "Show an image.")
	GetImages        = rule("get_images", adminOrRead, "List images.")
	ModifyImage      = rule("modify_image", adminOrOwner, "Change an image.")
	PublicizeImage   = rule("publicize_image", admin, "Make an image public.")
	CommunitizeImage = rule("communitize_image", adminOrOwner, "Make an image a community image.")
	DownloadImage    = rule("download_image", admin+" or (role:member and ("+known+"))", "Read an image's data.")
	UploadImage      = rule("upload_image", adminOrOwner, "Write an image's data.")
	AddMember        = rule("add_member", adminOrOwner, "Share an image with a project.")
	DeleteMember     = rule("delete_member", adminOrOwner, "Share an image no more with a project.")
	GetMember        = rule("get_member", sharedRead, "Show a member.")
	GetMembers       = rule("get_members", sharedRead, "List members.")
	ModifyMember     = rule("modify_member", admin+" or (role:member and project_id:%(member_id)s)",
		"Accept or reject a shared image.")
	Deactivate        = rule("deactivate", adminOrOwner, "Keep others from reading an image's data.")
	Reactivate        = rule("reactivate", adminOrOwner, "Let others read an image's data again.")
	CopyImage         = rule("copy_image", admin, "Copy an image to more stores.")
	DownloadFromStore = rule("download_from_store", admin+" or (role:member and ("+known+"))",
		"Choose the stores that an image's data is read from.")
	AddImageLocation = rule("add_image_location", "rule:service_api or ("+member+" and project_id:%(owner)s)",
		"Give an image data that is at a URL.")
	FetchImageLocation  = rule("fetch_image_location", "rule:service_api", "Show all places of an image's data.")
	GetImageLocation    = rule("get_image_location", adminOrRead, "Show where an image's data is.")
	SetImageLocation    = rule("set_image_location", adminOrOwner, "Set where an image's data is.")
	DeleteImageLocation = rule("delete_image_location", admin, "Remove an image's data from one place.")
	CacheImage          = rule("cache_image", admin, "Ask for an image to be cached.")
	CacheList           = rule("cache_list", admin, "Show what is cached.")
	CacheDelete         = rule("cache_delete", admin, "Remove images from the cache.")
	CacheClean          = rule("cache_clean", admin, "Remove what is of no use from the cache.")
	CachePrune          = rule("cache_prune", admin, "Bring the cache back to its size.")
	ListCachedNodes     = rule("list_cached_nodes", admin, "List the hosts that keep a copy of an image.")
	StoresInfoDetail    = rule("stores_info_detail", admin+" or rule:service_api", "Show details of the stores.")
	TasksAPIAccess      = rule("tasks_api_access", admin, "Use the tasks API.")
)

// Metadata definitions.
var (
	MetadefDefault      = rule("metadef_default", "@", "What old policy files refer to.")
	MetadefAdmin        = rule("metadef_admin", admin, "Who may change metadata definitions.")
	GetMetadefNamespace = rule("get_metadef_namespace", metadefRead,
		"Show a namespace of metadata definitions.")
	GetMetadefNamespaces = rule("get_metadef_namespaces", adminOrRead,
		"List namespaces of metadata definitions.")
	ModifyMetadefNamespace = rule("modify_metadef_namespace", metadefAdmin, "Change a namespace.")
	AddMetadefNamespace    = rule("add_metadef_namespace", metadefAdmin, "Create a namespace.")
	DeleteMetadefNamespace = rule("delete_metadef_namespace", metadefAdmin,
		"Delete a namespace, or all objects, properties or tags of it.")
	GetMetadefObject         = rule("get_metadef_object", metadefRead, "Show an object of a namespace.")
	GetMetadefObjects        = rule("get_metadef_objects", metadefRead, "List the objects of a namespace.")
	ModifyMetadefObject      = rule("modify_metadef_object", metadefAdmin, "Change an object of a namespace.")
	AddMetadefObject         = rule("add_metadef_object", metadefAdmin, "Create an object in a namespace.")
	DeleteMetadefObject      = rule("delete_metadef_object", metadefAdmin, "Delete an object of a namespace.")
	ListMetadefResourceTypes = rule("list_metadef_resource_types", metadefRead,
		"List the types of resources that namespaces go with.")
	GetMetadefResourceType = rule("get_metadef_resource_type", metadefRead,
		"Show the types of resources that a namespace goes with.")
	AddMetadefResourceTypeAssociation = rule("add_metadef_resource_type_association", metadefAdmin,
		"Let a namespace go with a type of resource.")
	RemoveMetadefResourceTypeAssociation = rule("remove_metadef_resource_type_association", metadefAdmin,
		"Let a namespace go with a type of resource no more.")
	GetMetadefProperty   = rule("get_metadef_property", metadefRead, "Show a property of a namespace.")
	GetMetadefProperties = rule("get_metadef_properties", metadefRead,
		"List the properties of a namespace.")
	ModifyMetadefProperty = rule("modify_metadef_property", metadefAdmin,
		"Change a property of a namespace.")
	AddMetadefProperty    = rule("add_metadef_property", metadefAdmin, "Create a property in a namespace.")
	RemoveMetadefProperty = rule("remove_metadef_property", metadefAdmin,
		"Delete a property of a namespace.")
	GetMetadefTag     = rule("get_metadef_tag", metadefRead, "Show a tag of a namespace.")
	GetMetadefTags    = rule("get_metadef_tags", metadefRead, "List the tags of a namespace.")
	ModifyMetadefTag  = rule("modify_metadef_tag", metadefAdmin, "Rename a tag of a namespace.")
	AddMetadefTag     = rule("add_metadef_tag", metadefAdmin, "Create a tag in a namespace.")
	AddMetadefTags    = rule("add_metadef_tags", metadefAdmin, "Create several tags in a namespace.")
	DeleteMetadefTag  = rule("delete_metadef_tag", metadefAdmin, "Delete a tag of a namespace.")
	DeleteMetadefTags = rule("delete_metadef_tags", metadefAdmin, "Delete all tags of a namespace.")
)
