package images

import (
	"slices"
	"time"
)

// DefaultStore is section [glance_store].
type DefaultStore struct {
	Backend string `conf:"default_backend" default:"file" help:"The store for images whose client names none: one of [image] enabled_backends. Without those it is the only store: file, or mem for images that end with the process."`
	Dir     string `conf:"filesystem_store_datadir" default:"$state_path/images" help:"The folder of the store where it is the only one."`
}

// Options are section [image].
type Options struct {
	SizeCap          int64    `conf:"image_size_cap" default:"1099511627776" min:"-1" help:"The largest image that may be uploaded, in bytes; -1 is unlimited."`
	ProjectCap       int64    `conf:"user_storage_quota" default:"-1" min:"-1" help:"Bytes that all images of a project may have together; -1 is unlimited."`
	Properties       int      `conf:"image_property_quota" default:"128" min:"-1" help:"Properties of an image; -1 is unlimited."`
	Tags             int      `conf:"image_tag_quota" default:"128" min:"-1" help:"Tags of an image; -1 is unlimited."`
	Members          int      `conf:"image_member_quota" default:"128" min:"-1" help:"Projects that an image is shared with; -1 is unlimited."`
	Places           int      `conf:"image_location_quota" default:"10" min:"-1" help:"Places of an image's data that clients may name; -1 is unlimited."`
	Metadefs         string   `conf:"metadata_source_path" help:"A folder of metadata definitions as JSON files, which are loaded over the built-in ones at the first start, and by hypernova metadefs load."`
	DiskFormats      []string `conf:"disk_formats" default:"ami,ari,aki,vhd,vhdx,vmdk,raw,qcow2,vdi,iso,ploop" help:"The disk formats that images may have."`
	ContainerFormats []string `conf:"container_formats" default:"ami,ari,aki,bare,ovf,ova,docker,compressed" help:"The container formats that images may have."`
	UnifiedLimits    bool     `conf:"use_keystone_limits" default:"false" help:"Bound what projects have of images by the limits that identity keeps: image_size_total, image_stage_total (MiB), image_count_total and image_count_uploading. What nobody registered a limit of is then not to be had."`
	Certificates     string   `conf:"trusted_certificates_dir" help:"A folder of certificates, <identifier>.pem, by which signatures of images are checked when data is uploaded. Without one, data of signed images is refused."`
	Protections      string   `conf:"property_protection_file" help:"A file that says who may create, read, update and delete which properties of images, as Glance reads it."`
	ProtectionForm   string   `conf:"property_protection_rule_format" default:"roles" enum:"roles|policies" help:"Whether the options of that file name roles or policies."`
	Methods          []string `conf:"enabled_import_methods" default:"glance-direct,web-download,copy-image" enum:"glance-direct|web-download|copy-image|glance-download" help:"How images may be imported. glance-download takes an image of another region, by the catalog and the token of who asks."`
	Hashing          string   `conf:"hashing_algorithm" default:"sha512" enum:"sha256|sha512" help:"The hash of an image that clients are shown as os_hash_value. sha256 is several times as fast on processors that have instructions for it."`

	Backends  map[string]string `conf:"enabled_backends" help:"The stores that keep image data, as name:type,name:type. Types are file, s3, http (read only: images that stay on web servers) and mem. Each is described in a section of its name. Empty for one store, [glance_store] default_backend."`
	Locations bool              `conf:"show_multiple_locations" default:"false" help:"Show where an image's data is, and let clients set places on the web, by the images themselves."`
	DirectURL bool              `conf:"show_image_direct_url" default:"false" help:"Show where an image's data is read from."`
	Hash      bool              `conf:"do_secure_hash" default:"true" help:"Read the data of places that clients add, to compute and compare its checksums, before the image is usable."`

	CacheDir   string        `conf:"image_cache_dir" help:"A folder for copies of images whose stores are remote; empty for none."`
	CacheSize  int64         `conf:"image_cache_max_size" default:"10737418240" min:"1" help:"Bytes that those copies have together."`
	CacheWait  time.Duration `conf:"cache_prefetcher_interval" default:"0" min:"0" help:"How long images that were asked for by the cache's API stay in its queue; 0 copies them at once."`
	CacheStall time.Duration `conf:"image_cache_stall_time" default:"86400" min:"60" help:"When a copy that was begun is given up."`
}

// ImportFilter is section [import_filtering_opts].
type ImportFilter struct {
	Schemes  []string `conf:"allowed_schemes" default:"http,https" help:"URI schemes that images may be imported from."`
	Ports    []int    `conf:"allowed_ports" default:"80,443" help:"Ports that images may be imported from."`
	Networks []string `conf:"allowed_networks" help:"Networks that images may be imported from although they are not on the public internet, as 192.0.2.0/24. All others of private, local and special use are refused, also after redirects and whatever a name resolves to."`
}

// RegionDownload is section [glance_download_properties].
type RegionDownload struct {
	Properties []string `conf:"extra_properties" default:"hw_,trait:,os_distro,os_secure_boot,os_type" help:"What of an image's properties comes with it in a glance-download, by how their names begin. What begins with os_glance never does."`
}

// StoreOptions are a section named after a store in [image] enabled_backends.
type StoreOptions struct {
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

// FormatOptions are section [image_format].
type FormatOptions struct {
	Match    bool     `conf:"require_image_format_match" default:"true" help:"Refuse image data that is not of the disk_format of its image. Data that could make a hypervisor read files of the host is refused anyway."`
	Nonfatal []string `conf:"gpt_safety_checks_nonfatal" enum:"mbr|gptmbr" help:"Which checks of a disk's partition table are not held against it: mbr for all of them."`
}

// Partitions reports that odd partition tables are taken.
func (f FormatOptions) Partitions() bool { return slices.Contains(f.Nonfatal, "mbr") }
