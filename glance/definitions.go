package glance

import (
	"encoding/json"
	"time"
)

// Namespace is a named set of metadata definitions: what keys mean, and which values they take, on the resources it
// goes with. An owner of "" is nobody.
type Namespace struct {
	ID, Name, DisplayName, Description string
	Visibility                         string // Public or Private
	Protected                          bool
	Owner                              string
	Created, Updated                   time.Time
}

// Object is a group of definitions that belong together.
type Object struct {
	ID, Name, Description string
	Required              []string
	Properties            map[string]Property
	Created, Updated      time.Time
}

// Property defines one key. It is kept, and read from files, in this form.
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

// Items defines the elements of a property that is an array.
type Items = struct {
	Type string   `json:"type"`
	Enum []string `json:"enum,omitempty"`
}

// Tag is a word that may be put on resources.
type Tag struct {
	ID, Name         string
	Created, Updated time.Time
}

// Association says that a namespace's definitions go with a type of resource, their keys behind a prefix.
type Association struct {
	ResourceType, Prefix, Target string
	Created, Updated             time.Time
}

// ResourceType is a type of resource that definitions may go with.
type ResourceType struct {
	Name             string
	Protected        bool
	Created, Updated time.Time
}

// Task is long work on images as clients see it.
type Task struct {
	ID, Type, Status                  string
	Owner, UserID, RequestID, ImageID string
	Input, Result                     json.RawMessage // null or an object
	Message                           string
	Created, Updated, Expires         time.Time // Expires is zero before the end
}

// Types and states of tasks.
const (
	TaskImport      = "import"           // a client's task: an image is made and filled from a URI
	TaskImageImport = "api_image_import" // an import into an image
	TaskLocation    = "location_import"  // data outside is looked at and hashed

	TaskPending    = "pending"
	TaskProcessing = "processing"
	TaskSuccess    = "success"
	TaskFailure    = "failure"
)
