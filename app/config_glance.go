package app

// GlanceStore is [glance_store].
type GlanceStore struct {
	Backend string `conf:"default_backend" default:"file" help:"The image backend: file, or mem for images that end with the process."`
	Dir     string `conf:"filesystem_store_datadir" default:"$state_path/images" help:"The folder of the file backend."`
}

// Image is [image].
type Image struct {
	SizeCap    int64    `conf:"image_size_cap" default:"1099511627776" min:"-1" help:"The largest image that may be uploaded, in bytes; -1 is unlimited."`
	ProjectCap int64    `conf:"user_storage_quota" default:"-1" min:"-1" help:"Bytes that all images of a project may have together; -1 is unlimited."`
	Properties int      `conf:"image_property_quota" default:"128" min:"-1" help:"Properties of an image; -1 is unlimited."`
	Tags       int      `conf:"image_tag_quota" default:"128" min:"-1" help:"Tags of an image; -1 is unlimited."`
	Members    int      `conf:"image_member_quota" default:"128" min:"-1" help:"Projects that an image is shared with; -1 is unlimited."`
	Metadefs   string   `conf:"metadata_source_path" help:"A folder of metadata definitions as JSON files, which are loaded over the built-in ones at the first start, and by hypernova metadefs load."`
	Methods    []string `conf:"enabled_import_methods" default:"glance-direct,web-download" help:"How images may be imported."`
}

// ImageTask is [task].
type ImageTask struct {
	Life int `conf:"task_time_to_live" default:"48" min:"1" max:"87600" help:"How many hours a task of the image API is kept after it has ended."`
}
