package keystone

import "encoding/json"

// IdentityProvider is a party that this cloud lets prove who somebody is.
type IdentityProvider struct {
	ID, DomainID string
	Enabled      bool
	Description  *string
	RemoteIDs    []string
	TTL          *int64 // minutes that memberships last; nil: not at all
}

// Mapping turns what a provider says of somebody into users, groups and projects here.
type Mapping struct {
	ID, Schema string
	Rules      json.RawMessage
}

// Protocol is a way in which a provider talks, and the mapping of what it says.
type Protocol struct{ ID, ProviderID, MappingID, RemoteIDAttribute string }

// ServiceProvider is another cloud that takes this one's word for who somebody is.
type ServiceProvider struct {
	ID                       string
	Enabled                  bool
	Description              *string
	AuthURL, URL, RelayState string
}

// FederatedID is what a user of this cloud is known by at an identity provider.
type FederatedID struct{ ProviderID, ProtocolID, UniqueID, UserID string }

// MaxTokenGroups is how many groups a token can carry by a provider's word.
const MaxTokenGroups = 255
