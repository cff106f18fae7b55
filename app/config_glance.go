package app

// GlanceStore is [glance_store].
type GlanceStore struct {
	Backend string `conf:"default_backend" default:"file" help:"The image backend: file, or mem for images that end with the process."`
	Dir     string `conf:"filesystem_store_datadir" default:"$state_path/images" help:"The folder of the file backend."`
}

// Image is [image].
type Image struct {
	SizeCap int64 `conf:"image_size_cap" default:"1099511627776" min:"1" help:"The largest image that may be uploaded, in bytes."`
}
