package glance

import (
	"encoding/json"
	"time"
)

// Namespace is a named set of metadata definitions: the keys that its resource types may have, and their values. The
// Owner may be empty.
type Namespace struct {
	ID, Name, DisplayName, Description string
	Visibility                         string // Public or Private
	Protected                          bool
	Owner                              string
	Created, Updated                   time.Time
}

// Object is a named group of property definitions.
type Object struct {
	ID, Name, Description string
	Required              []string
	Properties            map[string]Property
	Created, Updated      time.Time
}

// Property defines one key. The JSON form is that of definition files.
type Property struct {
	Name            string          `json:"name,omitempty"`
	Type            string          `json:"type"`
	Title           string          `json:"title"`
	Description     string          `json:"description,omitempty"`
	Operators       []string        `json:"operators,omitempty"`
	Default         json.RawMessage `json:"default,omitempty"`
	Required        []string        `json:"required,omitempty"`
	Readonly        *bool           `json:"readonly,omitempty"`
	Confidential    *bool           `json:"confidential,omitempty"`
	Minimum         *int64          `json:"minimum,omitempty"`
	Maximum         *int64          `json:"maximum,omitempty"`
	Enum            []string        `json:"enum,omitempty"`
	Pattern         string          `json:"pattern,omitempty"`
	MinLength       *int64          `json:"minLength,omitempty"`
	MaxLength       *int64          `json:"maxLength,omitempty"`
	Items           *Items          `json:"items,omitempty"`
	UniqueItems     *bool           `json:"uniqueItems,omitempty"`
	MinItems        *int64          `json:"minItems,omitempty"`
	MaxItems        *int64          `json:"maxItems,omitempty"`
	AdditionalItems *bool           `json:"additionalItems,omitempty"`
}

// Items defines the elements of an array property.
type Items = struct {
	Type string   `json:"type"`
	Enum []string `json:"enum,omitempty"`
}

// Tag is a tag that may be put on resources.
type Tag struct {
	ID, Name         string
	Created, Updated time.Time
}

// Association associates a namespace with a resource type. The namespace's keys get the prefix there.
type Association struct {
	ResourceType, Prefix, Target string
	Created, Updated             time.Time
}

// ResourceType is a type of resource that namespaces may be associated with.
type ResourceType struct {
	Name             string
	Protected        bool
	Created, Updated time.Time
}

// Task is a record of the Tasks API: asynchronous work on an image.
type Task struct {
	ID, Type, Status                  string
	Owner, UserID, RequestID, ImageID string
	Input, Result                     json.RawMessage // null or an object
	Message                           string
	Created, Updated, Expires         time.Time // Expires is zero until the task has ended
}

// Types and statuses of tasks.
const (
	TaskImport      = "import"           // a client's task that creates an image from a URI
	TaskImageImport = "api_image_import" // an import into an image
	TaskLocation    = "location_import"  // data at a location is inspected and hashed

	TaskPending    = "pending"
	TaskProcessing = "processing"
	TaskSuccess    = "success"
	TaskFailure    = "failure"
)
