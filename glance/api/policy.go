package api

import "hypernova/oslo/policy"

const (
	admin  = "rule:context_is_admin"
	member = "role:member and project_id:%(project_id)s"
	reader = "role:reader and project_id:%(project_id)s"
	// known is what of an image lets others than its project read it; membership was looked at when it was loaded.
	known        = "project_id:%(project_id)s or project_id:%(member_id)s or 'community':%(visibility)s or 'public':%(visibility)s or 'shared':%(visibility)s"
	adminOrOwner = admin + " or (" + member + ")"
	adminOrRead  = admin + " or (" + reader + ")"
	sharedRead   = admin + " or role:reader and (project_id:%(project_id)s or project_id:%(member_id)s)"
)

func rule(name, check, doc string) *policy.Rule {
	return &policy.Rule{Name: name, Check: check, Doc: doc, Scopes: []string{"project"}}
}

var (
	policyDefault = rule("default", "@", "What old policy files refer to.")
	policyAdmin   = rule("context_is_admin", "role:admin", "Who is an administrator.")
	policyService = rule("service_api", "role:service or role:admin", "What other services may do.")

	policyAddImage      = rule("add_image", admin+" or ("+member+" and project_id:%(owner)s)", "Create an image.")
	policyDeleteImage   = rule("delete_image", adminOrOwner, "Delete an image.")
	policyGetImage      = rule("get_image", admin+" or (role:reader and ("+known+"))", "Show an image.")
	policyGetImages     = rule("get_images", adminOrRead, "List images.")
	policyModifyImage   = rule("modify_image", adminOrOwner, "Change an image.")
	policyPublicize     = rule("publicize_image", admin, "Make an image public.")
	policyCommunitize   = rule("communitize_image", adminOrOwner, "Make an image a community image.")
	policyDownloadImage = rule("download_image", admin+" or (role:member and ("+known+"))", "Read an image's data.")
	policyUploadImage   = rule("upload_image", adminOrOwner, "Write an image's data.")

	policyAddMember    = rule("add_member", adminOrOwner, "Share an image with a project.")
	policyDeleteMember = rule("delete_member", adminOrOwner, "Share an image no more with a project.")
	policyGetMember    = rule("get_member", sharedRead, "Show a member.")
	policyGetMembers   = rule("get_members", sharedRead, "List members.")
	policyModifyMember = rule("modify_member", admin+" or (role:member and project_id:%(member_id)s)", "Accept or reject a shared image.")

	policyDeactivate = rule("deactivate", adminOrOwner, "Keep others from reading an image's data.")
	policyReactivate = rule("reactivate", adminOrOwner, "Let others read an image's data again.")

	policyCopyImage    = rule("copy_image", admin, "Copy an image to more stores.")
	policyDownloadFrom = rule("download_from_store", admin+" or (role:member and ("+known+"))", "Choose the stores that an image's data is read from.")

	policyStoresDetail = rule("stores_info_detail", admin+" or rule:service_api", "Show details of the stores.")
)

// Rules are the image service's declared rules.
func Rules() []*policy.Rule {
	return append([]*policy.Rule{policyDefault, policyAdmin, policyService, policyAddImage, policyDeleteImage, policyGetImage, policyGetImages, policyModifyImage,
		policyPublicize, policyCommunitize, policyDownloadImage, policyUploadImage, policyAddMember, policyDeleteMember, policyGetMember,
		policyGetMembers, policyModifyMember, policyDeactivate, policyReactivate, policyCopyImage, policyDownloadFrom, policyAddLocation, policyFetchLocations,
		policyGetLocation, policySetLocation, policyDeleteLocation, policyCacheImage, policyCacheList, policyCacheDelete, policyCacheClean, policyCachePrune,
		policyCacheNodes, policyStoresDetail, policyTasks}, metadefRules()...)
}
