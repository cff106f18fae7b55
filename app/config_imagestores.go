package app

// ImageStore is a section named after a store in [image] enabled_backends.
type ImageStore struct {
	Description string `conf:"store_description" help:"What clients are told of the store."`
	Weight      int    `conf:"weight" default:"0" help:"An image that is in several stores is read from the heaviest."`
	Dir         string `conf:"filesystem_store_datadir" help:"file: the folder."`
	Host        string `conf:"s3_store_host" is:"url" help:"s3: the URL of the service, https://host:port."`
	Region      string `conf:"s3_store_region_name" help:"s3: the region, where the service has some."`
	AccessKey   string `conf:"s3_store_access_key" secret:"true" help:"s3: who the image service is there."`
	SecretKey   string `conf:"s3_store_secret_key" secret:"true" help:"s3: the secret that goes with it."`
	Bucket      string `conf:"s3_store_bucket" help:"s3: the bucket. One image service has it for itself."`
	Create      bool   `conf:"s3_store_create_bucket_on_put" default:"false" help:"s3: make the bucket where it is absent."`
	Lookup      string `conf:"s3_store_bucket_url_format" default:"auto" enum:"auto|path|virtual" help:"s3: whether the bucket is a part of the path or of the host's name."`
	CACert      string `conf:"s3_store_cacert" help:"s3: a file with the certificates of who signed the service's; empty for the system's."`
	Part        int64  `conf:"s3_store_large_object_chunk_size" default:"16" min:"5" max:"512" help:"s3: MiB of the parts that large images are sent in. A few parts of each upload are in memory."`
	Threads     int    `conf:"s3_store_thread_pools" default:"4" min:"1" max:"64" help:"s3: parts of an image that are sent at once."`
}

// RegionDownload is [glance_download_properties].
type RegionDownload struct {
	Properties []string `conf:"extra_properties" default:"hw_,trait:,os_distro,os_secure_boot,os_type" help:"What of an image's properties comes with it in a glance-download, by how their names begin. What begins with os_glance never does."`
}

// ImportFilter is [import_filtering_opts].
type ImportFilter struct {
	Schemes  []string `conf:"allowed_schemes" default:"http,https" help:"URI schemes that images may be imported from."`
	Ports    []int    `conf:"allowed_ports" default:"80,443" help:"Ports that images may be imported from."`
	Networks []string `conf:"allowed_networks" help:"Networks that images may be imported from although they are not on the public internet, as 192.0.2.0/24. All others of private, local and special use are refused, also after redirects and whatever a name resolves to."`
}
