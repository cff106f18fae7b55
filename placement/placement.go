// Package placement is the vocabulary of placement: types and contracts that its other packages share.
package placement

import "context"

// Standard resource classes (os-resource-classes).
const (
	VCPU     = "VCPU"
	MemoryMB = "MEMORY_MB"
	DiskGB   = "DISK_GB"
)

// Provider is something that has inventory: a compute node, a shared disk pool, a part of a node.
type Provider struct {
	ID, Name     string
	Parent, Root string // ids; Parent is empty for a root
	Generation   int64
}

// Inventory is how much of one resource class a provider offers. Capacity is (Total - Reserved) * AllocationRatio.
type Inventory struct {
	Total, Reserved, MinUnit, MaxUnit, StepSize int64
	AllocationRatio                             float64
}

// Resources is an amount per resource class.
type Resources map[string]int64

// ProviderState is a provider with all that the scheduler and the resource tracker look at. Its maps and lists are
// shared: copy before changing.
type ProviderState struct {
	Provider
	Inventories map[string]Inventory
	Used        Resources
	Traits      []string
	Aggregates  []string
}

// Changes is the providers that changed since a mark, also those that are not roots. Placement keeps its providers in
// parts; only parts with a change are listed.
type Changes struct {
	Mark  string // of the state with these changes
	Parts []ChangedPart
}

// ChangedPart is the changed providers of one part. Whole: these are all of the part's providers; others that the
// caller knows of it have been deleted.
type ChangedPart struct {
	ID        int64
	Whole     bool
	Providers []ProviderState
}

// Allocation is what one consumer holds: amounts per provider. Generation nil means "the consumer must be new"
// (placement >= 1.28).
type Allocation struct {
	Consumer, Project, User, Type string
	Generation                    *int64
	Providers                     map[string]Resources
}

// CandidatesRequest asks for combinations of providers that can hold the resources. Group "" is the unsuffixed one.
type CandidatesRequest struct {
	Groups                      map[string]RequestGroup
	GroupPolicy                 string // none | isolate
	SameSubtree                 [][]string
	RootRequired, RootForbidden []string
	Limit                       int
	// Flat leaves out ways that take from several providers of one tree, for clients that know of no trees.
	Flat bool
}

// RequestGroup is one (suffixed) group of a candidates request. Required is AND of ORs; MemberOf is AND of ORs.
type RequestGroup struct {
	Resources           Resources
	Required            [][]string
	Forbidden           []string
	MemberOf            [][]string
	ForbiddenAggregates []string
	InTree              string
}

// Candidate is one way to satisfy a request.
type Candidate struct {
	Allocations map[string]Resources // by provider id
	Mappings    map[string][]string  // group suffix -> provider ids
}

// Candidates is the answer: ways, and the state of every provider they touch.
type Candidates struct {
	Requests  []Candidate
	Providers map[string]ProviderState
}

// API is what other services ask of placement. Writes compare generations and answer fault.Conflict with code
// CodeConcurrent when somebody was faster; the caller reads again and decides anew. All are idempotent: a Claim of a
// new consumer that finds exactly these allocations there has been done before.
type API interface {
	// EnsureProvider creates the provider or returns the existing one of that id (its name is updated).
	EnsureProvider(ctx context.Context, p Provider) (Provider, error)
	// State is one provider with inventories, usages, traits and aggregates; fault.NotFound.
	State(ctx context.Context, id string) (ProviderState, error)
	// States is every root provider's state, ordered by id: the scheduler's all-hosts snapshot.
	States(ctx context.Context) ([]ProviderState, error)
	SetInventories(ctx context.Context, id string, generation int64, inv map[string]Inventory) (int64, error)
	SetTraits(ctx context.Context, id string, generation int64, traits []string) (int64, error)
	SetAggregates(ctx context.Context, id string, generation int64, aggregates []string) (int64, error)
	// DeleteProvider is fault.Conflict while anything is allocated on it; absent is no error.
	DeleteProvider(ctx context.Context, id string) error
	Candidates(ctx context.Context, r CandidatesRequest) (Candidates, error)
	// Claim writes all of a consumer's allocations at once; fault.Conflict when capacity is gone or a generation moved.
	Claim(ctx context.Context, a Allocation) error
	// Allocations of a consumer; an unknown consumer has none (and a nil Generation).
	Allocations(ctx context.Context, consumer string) (Allocation, error)
	// Release drops all that the consumer holds; nothing held is no error.
	Release(ctx context.Context, consumer string) error
	// Consumers lists consumer ids that hold something on the provider.
	Consumers(ctx context.Context, provider string) ([]string, error)
}
