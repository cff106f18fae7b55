// Package flavors is the operations of the Compute API on flavors, their extra specs and access lists.
package flavors

import (
	"context"
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"hypernova/nova"
	"hypernova/nova/api/policies"
	"hypernova/nova/api/wire"
	"hypernova/nova/flavors"
	"hypernova/oslo/api"
	"hypernova/oslo/fault"
	"hypernova/oslo/opt"
	"hypernova/oslo/policy"
)

// Resources are the operations with their receivers. With nil projects, a project whose access is changed is not looked
// up.
func Resources(f *flavors.Flavors, projects wire.Projects) []api.Bound {
	loader := flavorLoader{f}
	return slices.Concat(
		api.Bind(&flavorsAPI{loader}, flavorOps),
		api.Bind(&specsAPI{loader}, specOps),
		api.Bind(&accessAPI{loader, wire.ProjectLoader{Projects: projects}}, accessOps),
	)
}

// flavorLoader is embedded in the receivers of operations on a flavor.
type flavorLoader struct{ Flavors *flavors.Flavors }

// flavor loads the flavor of the path; fault.NotFound.
func (a *flavorLoader) flavor(ctx context.Context, r *api.Request) (nova.Flavor, error) {
	return a.Flavors.Flavor(ctx, r.Param("flavor_id"))
}

// loadFor loads the flavor of the path for an operation that the rule guards: a caller whom the rule refuses gets 403
// also where there is no such flavor.
func (a *flavorLoader) loadFor(ctx context.Context, r *api.Request, rule *policy.Rule) (nova.Flavor, error) {
	if err := r.Require(rule, nil); err != nil {
		return nova.Flavor{}, err
	}
	return a.flavor(ctx, r)
}

// flavorsAPI lists, creates, shows, changes and deletes flavors.
type flavorsAPI struct{ flavorLoader }

var flavorOps = api.Resource[*flavorsAPI]{Name: "flavor", Plural: "flavors", Ops: api.Ops[*flavorsAPI]{
	api.List("GET /flavors", nil, (*flavorsAPI).list, api.StrictFrom("2.75")),
	api.List("GET /flavors/detail", nil, (*flavorsAPI).detail, api.StrictFrom("2.75")),
	api.Do("POST /flavors", policies.FlavorManageCreate, 200, (*flavorsAPI).create),
	api.On("GET /flavors/{flavor_id}", nil, 200, (*flavorsAPI).flavor, (*flavorsAPI).show),
	api.Do("PUT /flavors/{flavor_id}", policies.FlavorManageUpdate, 200, (*flavorsAPI).update, api.Span("2.55-")),
	api.Do("DELETE /flavors/{flavor_id}", policies.FlavorManageDelete, 202, (*flavorsAPI).delete),
}}

type flavorQuery struct {
	api.PageQuery
	Public  string `wire:"is_public"`
	MinRAM  string `wire:"minRam"`
	MinDisk string `wire:"minDisk"`
	Name    string `wire:"name" mv:"2.102-"`
}

type flavorBrief struct {
	ID          string      `wire:"id"`
	Name        string      `wire:"name"`
	Description *string     `wire:"description" mv:"2.55-"`
	Links       []wire.Link `wire:"links"`
}

type flavorView struct {
	flavorBrief
	RAM        int               `wire:"ram"`
	Disk       int               `wire:"disk"`
	VCPUs      int               `wire:"vcpus"`
	Swap       any               `wire:"swap"` // before 2.75 the empty text for none
	Ephemeral  int               `wire:"OS-FLV-EXT-DATA:ephemeral"`
	Disabled   bool              `wire:"OS-FLV-DISABLED:disabled" mv:"-2.101"`
	Public     bool              `wire:"os-flavor-access:is_public"`
	RxTx       float64           `wire:"rxtx_factor" mv:"-2.101"`
	ExtraSpecs map[string]string `wire:"extra_specs" mv:"2.61-" policy:"os_compute_api:os-flavor-extra-specs:index"`
}

func briefFlavor(r *api.Request, f *nova.Flavor) flavorBrief {
	return flavorBrief{f.ID, f.Name, f.Description, wire.SelfLinks(r, "/flavors/"+f.ID)}
}

func viewOfFlavor(r *api.Request, f *nova.Flavor) flavorView {
	v := flavorView{flavorBrief: briefFlavor(r, f), RAM: f.RAM, Disk: f.Disk, VCPUs: f.VCPUs, Swap: f.Swap,
		Ephemeral: f.Ephemeral,
		Disabled:  f.Disabled, Public: f.Public, RxTx: f.RxTxFactor, ExtraSpecs: f.ExtraSpecs}
	if f.Swap == 0 && !r.AtLeast(75) {
		v.Swap = ""
	}
	return v
}

var flavorSort = map[string]bool{"created_at": true, "description": true, "disabled": true, "ephemeral_gb": true,
	"flavorid": true, "id": true, "is_public": true,
	"memory_mb": true, "name": true, "root_gb": true, "rxtx_factor": true, "swap": true, "updated_at": true, "vcpus": true}

func (a *flavorsAPI) find(ctx context.Context, r *api.Request, in *flavorQuery) ([]nova.Flavor, error) {
	q := flavors.Query{Project: r.Caller.ProjectID, Name: in.Name, Marker: in.Marker, Limit: in.Rows()}
	var err error
	if q.MinRAM, err = amount("minRam", in.MinRAM); err != nil {
		return nil, err
	}
	if q.MinGiB, err = amount("minDisk", in.MinDisk); err != nil {
		return nil, err
	}
	if !r.Caller.Admin() {
		q.Enabled = true
	} else {
		switch b, ok := api.Truth(in.Public); {
		case in.Public == "":
			q.Public = opt.Some(true)
		case ok:
			q.Public = opt.Some(b)
		case strings.EqualFold(in.Public, "none"):
			q.Public = opt.Null[bool]()
		default:
			return nil, fault.Invalidf("Invalid is_public filter [%s]", in.Public)
		}
	}
	q.Sort, err = in.OrderBy(false, func(key string) error {
		if !flavorSort[key] || key == "rxtx_factor" && r.AtLeast(102) {
			return fault.Invalidf("Invalid input for query parameters sort_key: '%s' cannot be sorted by.", key)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return a.Flavors.List(ctx, q)
}

func amount(name, text string) (int, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, fault.Invalidf("Invalid %s filter [%s]", name, text)
	}
	return n, nil
}

func flavorKey(f nova.Flavor) string { return f.ID }

func (a *flavorsAPI) list(ctx context.Context, r *api.Request, in *flavorQuery) (api.Page[flavorBrief], error) {
	fs, err := a.find(ctx, r, in)
	return api.PageOf(in.Window, fs, flavorKey, func(f nova.Flavor) flavorBrief { return briefFlavor(r, &f) }), err
}

func (a *flavorsAPI) detail(ctx context.Context, r *api.Request, in *flavorQuery) (api.Page[flavorView], error) {
	fs, err := a.find(ctx, r, in)
	return api.PageOf(in.Window, fs, flavorKey, func(f nova.Flavor) flavorView { return viewOfFlavor(r, &f) }), err
}

func (a *flavorsAPI) show(_ context.Context, r *api.Request, f nova.Flavor, _ *api.None) (flavorView, error) {
	return viewOfFlavor(r, &f), nil
}

type flavorCreate struct {
	Name        string          `wire:"name" is:"required,name,narrow"`
	ID          json.RawMessage `wire:"id"`
	RAM         int             `wire:"ram" is:"required,digits,min=1,max=2147483647"`
	VCPUs       int             `wire:"vcpus" is:"required,digits,min=1,max=2147483647"`
	Disk        int             `wire:"disk" is:"required,digits,min=0,max=2147483647"`
	Ephemeral   int             `wire:"OS-FLV-EXT-DATA:ephemeral" is:"digits,min=0,max=2147483647"`
	Swap        int             `wire:"swap" is:"digits,min=0,max=2147483647"`
	RxTx        opt.Of[float64] `wire:"rxtx_factor" mv:"-2.101" is:"digits,min=0,max=3.40282e+38"`
	Public      opt.Of[bool]    `wire:"os-flavor-access:is_public" is:"boolword"`
	Description opt.Of[string]  `wire:"description" mv:"2.55-" is:"maxlen=65535,nullable,pattern=^[^\\p{C}\\p{Zl}\\p{Zp}\\x{FFFF}-\\x{10FFFF}]*$"`
}

var flavorID = regexp.MustCompile(`^[a-zA-Z0-9._-]([a-zA-Z0-9. _-]{0,253}[a-zA-Z0-9._-])?$`)

// id reads a flavor's id, which may be a text, a number or null.
func (in *flavorCreate) id() (string, error) {
	if len(in.ID) == 0 || in.ID[0] == 'n' {
		return "", nil
	}
	text := string(in.ID)
	if text[0] == '"' {
		if err := api.Decode(in.ID, api.Version{}, &text); err != nil {
			return "", err
		}
	}
	if in.ID[0] == 't' || in.ID[0] == 'f' || !flavorID.MatchString(text) {
		return "", fault.Invalidf("Invalid input for field/attribute flavor.id: '%s' is not an id.", text)
	}
	return text, nil
}

func (a *flavorsAPI) create(ctx context.Context, r *api.Request, in *flavorCreate) (flavorView, error) {
	id, err := in.id()
	if err != nil {
		return flavorView{}, err
	}
	if in.RxTx.Has() && in.RxTx.Value <= 0 {
		return flavorView{}, fault.Invalidf(
			"Invalid input for field/attribute flavor.rxtx_factor: it must be greater than 0.")
	}
	f, err := a.Flavors.Create(ctx, nova.Flavor{ID: id, Name: in.Name, VCPUs: in.VCPUs, RAM: in.RAM, Disk: in.Disk,
		Ephemeral: in.Ephemeral,
		Swap:      in.Swap, RxTxFactor: in.RxTx.Or(1), Public: in.Public.Or(true), Description: in.Description.Ptr()})
	return viewOfFlavor(r, &f), err
}

type flavorUpdate struct {
	Description opt.Of[string] `wire:"description" is:"required,maxlen=65535,nullable,pattern=^[^\\p{C}\\p{Zl}\\p{Zp}\\x{FFFF}-\\x{10FFFF}]*$"`
}

func (a *flavorsAPI) update(ctx context.Context, r *api.Request, in *flavorUpdate) (flavorView, error) {
	f, err := a.Flavors.Describe(ctx, r.Param("flavor_id"), in.Description.Ptr())
	return viewOfFlavor(r, &f), err
}

func (a *flavorsAPI) delete(ctx context.Context, r *api.Request, _ *api.None) (api.None, error) {
	return api.None{}, a.Flavors.Delete(ctx, r.Param("flavor_id"))
}
