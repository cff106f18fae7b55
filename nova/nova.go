package nova

import (
	"time"
)

// Flavor is a size. A server keeps its own copy.
type Flavor struct {
	ID          string            `json:"flavorid"` // the API's id; any string
	Name        string            `json:"name"`
	VCPUs       int               `json:"vcpus"`
	RAM         int               `json:"ram"`       // MiB
	Disk        int               `json:"disk"`      // GiB; 0: as large as the image
	Ephemeral   int               `json:"ephemeral"` // GiB
	Swap        int               `json:"swap"`      // MiB
	RxTxFactor  float64           `json:"rxtx_factor"`
	Public      bool              `json:"public"`
	Disabled    bool              `json:"disabled"`
	Description *string           `json:"description"`
	ExtraSpecs  map[string]string `json:"extra_specs"`
	Projects    []string          `json:"projects,omitempty"` // access list of a private flavor
}

// ImageMeta is what compute keeps of an image.
type ImageMeta struct {
	ID, Name, DiskFormat, ContainerFormat, Checksum string
	HashAlgo, HashValue                             string
	Size, MinDisk, MinRAM                           int64
	Properties                                      map[string]string
}

// Fault is what a server in ERROR shows.
type Fault struct {
	Code    int
	Message string
	Details string
	Created time.Time
}

// File is a personality file.
type File struct {
	Path     string
	Contents []byte
}

// Spec is everything a host must know to build a server: it travels with the message, the host asks no database.
type Spec struct {
	ID                 string
	Name, Hostname     string
	Project, User      string
	Flavor             Flavor
	Image              ImageMeta // ID empty: boot from volume
	Ports              []NIC
	KeyName, PublicKey string
	UserData           string // base64, as given
	Metadata           map[string]string
	Files              []File
	ConfigDrive        bool
	AdminPass          string
	AZ, Host, Node     string
	LaunchIndex        int
	ReservationID      string
	Created            time.Time
	SecurityGroups     []string // names of its ports' groups
	BlockDevices       []BlockDevice
}

// ExternalEvent is a notification by another service about a server. It may be repeated or lost.
type ExternalEvent struct {
	Name   string // network-vif-plugged, network-vif-unplugged, network-changed, …
	Server string
	Tag    string // port id
	Status string // completed | failed
}
