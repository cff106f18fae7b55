package api

import "hypernova/oslo/policy"

const (
	metadefAdmin = "rule:metadef_admin"
	metadefRead  = admin + " or (role:reader and (project_id:%(project_id)s or 'public':%(visibility)s))"
)

var (
	policyMetadefDefault = rule("metadef_default", "@", "What old policy files refer to.")
	policyMetadefAdmin   = rule("metadef_admin", admin, "Who may change metadata definitions.")

	policyGetNamespace    = rule("get_metadef_namespace", metadefRead, "Show a namespace of metadata definitions.")
	policyGetNamespaces   = rule("get_metadef_namespaces", adminOrRead, "List namespaces of metadata definitions.")
	policyModifyNamespace = rule("modify_metadef_namespace", metadefAdmin, "Change a namespace.")
	policyAddNamespace    = rule("add_metadef_namespace", metadefAdmin, "Create a namespace.")
	policyDeleteNamespace = rule("delete_metadef_namespace", metadefAdmin, "Delete a namespace, or all objects, properties or tags of it.")

	policyGetObject    = rule("get_metadef_object", metadefRead, "Show an object of a namespace.")
	policyGetObjects   = rule("get_metadef_objects", metadefRead, "List the objects of a namespace.")
	policyModifyObject = rule("modify_metadef_object", metadefAdmin, "Change an object of a namespace.")
	policyAddObject    = rule("add_metadef_object", metadefAdmin, "Create an object in a namespace.")
	policyDeleteObject = rule("delete_metadef_object", metadefAdmin, "Delete an object of a namespace.")

	policyListResourceTypes = rule("list_metadef_resource_types", metadefRead, "List the types of resources that namespaces go with.")
	policyGetResourceType   = rule("get_metadef_resource_type", metadefRead, "Show the types of resources that a namespace goes with.")
	policyAddAssociation    = rule("add_metadef_resource_type_association", metadefAdmin, "Let a namespace go with a type of resource.")
	policyRemoveAssociation = rule("remove_metadef_resource_type_association", metadefAdmin, "Let a namespace go with a type of resource no more.")

	policyGetProperty    = rule("get_metadef_property", metadefRead, "Show a property of a namespace.")
	policyGetProperties  = rule("get_metadef_properties", metadefRead, "List the properties of a namespace.")
	policyModifyProperty = rule("modify_metadef_property", metadefAdmin, "Change a property of a namespace.")
	policyAddProperty    = rule("add_metadef_property", metadefAdmin, "Create a property in a namespace.")
	policyRemoveProperty = rule("remove_metadef_property", metadefAdmin, "Delete a property of a namespace.")

	policyGetTag     = rule("get_metadef_tag", metadefRead, "Show a tag of a namespace.")
	policyGetTags    = rule("get_metadef_tags", metadefRead, "List the tags of a namespace.")
	policyModifyTag  = rule("modify_metadef_tag", metadefAdmin, "Rename a tag of a namespace.")
	policyAddTag     = rule("add_metadef_tag", metadefAdmin, "Create a tag in a namespace.")
	policyAddTags    = rule("add_metadef_tags", metadefAdmin, "Create several tags in a namespace.")
	policyDeleteTag  = rule("delete_metadef_tag", metadefAdmin, "Delete a tag of a namespace.")
	policyDeleteTags = rule("delete_metadef_tags", metadefAdmin, "Delete all tags of a namespace.")
)

func metadefRules() []*policy.Rule {
	return []*policy.Rule{policyMetadefDefault, policyMetadefAdmin, policyGetNamespace, policyGetNamespaces, policyModifyNamespace, policyAddNamespace,
		policyDeleteNamespace, policyGetObject, policyGetObjects, policyModifyObject, policyAddObject, policyDeleteObject, policyListResourceTypes,
		policyGetResourceType, policyAddAssociation, policyRemoveAssociation, policyGetProperty, policyGetProperties, policyModifyProperty,
		policyAddProperty, policyRemoveProperty, policyGetTag, policyGetTags, policyModifyTag, policyAddTag, policyAddTags, policyDeleteTag,
		policyDeleteTags}
}
