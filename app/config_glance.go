package app

// GlanceStore is [glance_store].
type GlanceStore struct {
	Backend string `conf:"default_backend" default:"file" help:"The image backend: file, or mem for images that end with the process."`
	Dir     string `conf:"filesystem_store_datadir" default:"$state_path/images" help:"The folder of the file backend."`
}

// Image is [image].
type Image struct {
	SizeCap        int64    `conf:"image_size_cap" default:"1099511627776" min:"-1" help:"The largest image that may be uploaded, in bytes; -1 is unlimited."`
	ProjectCap     int64    `conf:"user_storage_quota" default:"-1" min:"-1" help:"Bytes that all images of a project may have together; -1 is unlimited."`
	Properties     int      `conf:"image_property_quota" default:"128" min:"-1" help:"Properties of an image; -1 is unlimited."`
	Tags           int      `conf:"image_tag_quota" default:"128" min:"-1" help:"Tags of an image; -1 is unlimited."`
	Members        int      `conf:"image_member_quota" default:"128" min:"-1" help:"Projects that an image is shared with; -1 is unlimited."`
	Metadefs       string   `conf:"metadata_source_path" help:"A folder of metadata definitions as JSON files, which are loaded over the built-in ones at the first start, and by hypernova metadefs load."`
	UnifiedLimits  bool     `conf:"use_keystone_limits" default:"false" help:"Bound what projects have of images by the limits that identity keeps: image_size_total, image_stage_total (MiB), image_count_total and image_count_uploading. What nobody registered a limit of is then not to be had."`
	Certificates   string   `conf:"trusted_certificates_dir" help:"A folder of certificates, <identifier>.pem, by which signatures of images are checked when data is uploaded. Without one, data of signed images is refused."`
	Protections    string   `conf:"property_protection_file" help:"A file that says who may create, read, update and delete which properties of images, as Glance reads it."`
	ProtectionForm string   `conf:"property_protection_rule_format" default:"roles" enum:"roles|policies" help:"Whether the options of that file name roles or policies."`
	Methods        []string `conf:"enabled_import_methods" default:"glance-direct,web-download" help:"How images may be imported."`
}

// ImageTask is [task].
type ImageTask struct {
	Life int `conf:"task_time_to_live" default:"48" min:"1" max:"87600" help:"How many hours a task of the image API is kept after it has ended."`
}
