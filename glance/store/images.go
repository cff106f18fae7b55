package store

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"hypernova/glance"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

// Record is an image with the places of its data.
//
// Invariant: Key is set iff the status is saving, active or deactivated, or an import has begun to store data. Keys are
// never shared between records.
type Record struct {
	glance.Image
	Generation   int64             // raised by each update
	Store, Key   string            // of the data
	Metadata     map[string]string // a client's metadata of that location
	More         []Copy            // copies of the data besides the first
	Staged       string            // key of data that waits for an import
	StagedIn     string            // its store
	Worker       string            // the worker that uploads or stages data
	ImportMethod string            // set while an import runs
	Fence        int64             // of the attempt of the import that owns the record
	Former       FormerImport      // an import that a process of an earlier release began
}

// FormerImport is the stored plan of an import by a process of an earlier release, whose imports had no tasks.
type FormerImport struct {
	URI      string
	Stores   []string
	Must     bool
	Failed   []string
	Location FormerLocation
}

// FormerLocation is the location of data in a FormerImport.
type FormerLocation struct {
	Store, Key          string
	Metadata            map[string]string
	HashAlgo, HashValue string
	Checksum            string
	Unread              bool
}

type imageRow struct {
	ID              string  `db:"id" list:"id"`
	Name            string  `db:"name" list:"name"`
	Owner           string  `db:"owner" list:"owner"`
	Status          string  `db:"status" list:"status"`
	Visibility      string  `db:"visibility" list:"visibility"`
	DiskFormat      string  `db:"disk_format" list:"disk_format"`
	ContainerFormat string  `db:"container_format" list:"container_format"`
	Checksum        string  `db:"checksum" list:"checksum"`
	HashAlgo        string  `db:"hash_algo" list:"os_hash_algo"`
	HashValue       string  `db:"hash_value" list:"os_hash_value"`
	Size            int64   `db:"size" list:"size"`
	VirtualSize     int64   `db:"virtual_size" list:"virtual_size"`
	MinDisk         int64   `db:"min_disk" list:"min_disk"`
	MinRAM          int64   `db:"min_ram" list:"min_ram"`
	Protected       bool    `db:"protected" list:"protected"`
	Hidden          bool    `db:"hidden" list:"os_hidden"`
	Tags            string  `db:"tags" list:"tags"`
	Properties      string  `db:"properties" list:"properties"`
	Created         db.Time `db:"created_at,once,set" list:"created_at"`
	Updated         db.Time `db:"updated_at,set" list:"updated_at"`
	Generation      int64   `db:"generation"`
	Store           string  `db:"store"`
	Key             string  `db:"data_key"`
	Staged          string  `db:"staged_key"`
	Worker          string  `db:"worker"`
	ImportMethod    string  `db:"import_method"`
	ImportURI       string  `db:"import_uri"`  // unused by this release
	Copies          string  `db:"copies"`      // placesJSON
	Plan            string  `db:"import_plan"` // planJSON
}

// images_created serves the default order of the list, images_named the order by name; indexes of migration 2 serve
// those by size, status and time of change. Other orders sort the filtered rows.
var (
	images      = db.NewTable[imageRow](stmts, "images", "id")
	updateImage = images.Update("generation = ?")
	deleteImage = images.Delete("generation = ?")
	listImages  = images.List().Sound(func(r *imageRow) error { _, err := r.record(); return err })
	// images_worker serves both.
	uploadsOf = images.Query(`worker = ? AND status IN ('saving', 'uploading') AND import_method = ''
ORDER BY created_at, id`)
	formerImportsOf = images.Query(`worker = ? AND import_method <> ''
ORDER BY created_at, id`)
	// images_owner serves it.
	bytesOf = db.NewQuery[int64](stmts, `SELECT COALESCE(SUM(size), 0) FROM images WHERE owner = ? AND size > 0`)
	allKeys = db.NewQuery[keyRow](stmts, `SELECT data_key, staged_key, copies FROM images
WHERE data_key <> '' OR staged_key <> '' OR copies <> ''`)
)

type keyRow struct {
	Key    string `db:"data_key"`
	Staged string `db:"staged_key"`
	Copies string `db:"copies"`
}

// Tags and properties are stored one a line, quoted as JSON, so that a filter can search for a line.
func lines(items []string) string {
	if len(items) == 0 {
		return ""
	}
	return "\n" + strings.Join(items, "\n") + "\n"
}

func quote(s string) string {
	b, _ := json.Marshal(s) // a string always marshals
	return string(b)
}

func tagLines(tags []string) string {
	var items []string
	for _, t := range tags {
		items = append(items, quote(t))
	}
	return lines(items)
}

func propertyLine(name, value string) string { return quote(name) + ":" + quote(value) }

func propertyLines(props map[string]string) string {
	var items []string
	for _, k := range slices.Sorted(maps.Keys(props)) {
		items = append(items, propertyLine(k, props[k]))
	}
	return lines(items)
}

func inside(text string) string { return strings.ReplaceAll(strings.Trim(text, "\n"), "\n", ",") }

// HasTag is the condition for images with a tag.
func HasTag(tag string) db.Cond {
	return db.Cond{Column: "tags", Op: db.Regexp, Values: []any{regexp.QuoteMeta("\n" + quote(tag) + "\n")}}
}

// HasProperty is the condition for images with a property of that value.
func HasProperty(name, value string) db.Cond {
	return db.Cond{Column: "properties", Op: db.Regexp,
		Values: []any{regexp.QuoteMeta("\n" + propertyLine(name, value) + "\n")}}
}

func imageRowOf(r *Record) imageRow {
	i := &r.Image
	return imageRow{
		ID: i.ID, Name: i.Name, Owner: i.Owner, Status: i.Status, Visibility: i.Visibility, DiskFormat: i.DiskFormat,
		ContainerFormat: i.ContainerFormat, Checksum: i.Checksum, HashAlgo: i.HashAlgo, HashValue: i.HashValue, Size: i.Size,
		VirtualSize: i.VirtualSize, MinDisk: i.MinDisk, MinRAM: i.MinRAM, Protected: i.Protected, Hidden: i.Hidden,
		Tags: tagLines(i.Tags), Properties: propertyLines(i.Properties), Created: db.At(i.Created), Updated: db.At(i.Updated),
		Generation: r.Generation, Store: r.Store, Key: r.Key, Staged: r.Staged, Worker: r.Worker,
		ImportMethod: r.ImportMethod,
		ImportURI:    r.Former.URI, Copies: encode(placesJSONOf(r)), Plan: encode(planJSONOf(r)),
	}
}

func (r *imageRow) record() (Record, error) {
	out := Record{Image: glance.Image{
		ID: r.ID, Name: r.Name, Owner: r.Owner, Status: r.Status, Visibility: r.Visibility, DiskFormat: r.DiskFormat,
		ContainerFormat: r.ContainerFormat, Checksum: r.Checksum, HashAlgo: r.HashAlgo, HashValue: r.HashValue, Size: r.Size,
		VirtualSize: r.VirtualSize, MinDisk: r.MinDisk, MinRAM: r.MinRAM, Protected: r.Protected, Hidden: r.Hidden,
		Created: r.Created.Time, Updated: r.Updated.Time,
	}, Generation: r.Generation, Store: r.Store, Key: r.Key, Staged: r.Staged, Worker: r.Worker,
		ImportMethod: r.ImportMethod}
	var places placesJSON
	if err := decode(r.Copies, &places); err != nil {
		return out, fmt.Errorf("copies of image %s: %w", r.ID, err)
	}
	places.on(&out)
	var plan planJSON
	if err := decode(r.Plan, &plan); err != nil {
		return out, fmt.Errorf("import of image %s: %w", r.ID, err)
	}
	plan.on(&out)
	out.Former.URI = r.ImportURI
	out.Tags, out.Properties = []string{}, map[string]string{}
	if r.Tags != "" {
		if err := json.Unmarshal([]byte("["+inside(r.Tags)+"]"), &out.Tags); err != nil {
			return out, fmt.Errorf("tags of image %s: %w", r.ID, err)
		}
	}
	if r.Properties != "" {
		if err := json.Unmarshal([]byte("{"+inside(r.Properties)+"}"), &out.Properties); err != nil {
			return out, fmt.Errorf("properties of image %s: %w", r.ID, err)
		}
	}
	return out, nil
}

func records(rows []imageRow, err error) ([]Record, error) {
	if err != nil {
		return nil, err
	}
	out := make([]Record, len(rows))
	for i := range rows {
		if out[i], err = rows[i].record(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Image returns a record. fault.NotFound.
func Image(ctx context.Context, on db.Querier, id string) (Record, error) {
	r, err := images.Get(ctx, on, id)
	if fault.Is(err, fault.NotFound) {
		return Record{}, fault.NotFoundf("No image found with ID %s", id).Because(err)
	}
	if err != nil {
		return Record{}, err
	}
	return r.record()
}

// Images returns a page of records.
func Images(ctx context.Context, on db.Querier, a db.ListArgs) ([]Record, error) {
	return db.PageOf(ctx, listImages, on, a, (*imageRow).record)
}

// InsertImage inserts a record. fault.Conflict for a used id.
func InsertImage(ctx context.Context, tx *db.Tx, r Record) error {
	return images.Insert(ctx, tx, imageRowOf(&r))
}

// UpdateImage writes a record that was read before and raises its generation. fault.Conflict if it was changed since.
func UpdateImage(ctx context.Context, tx *db.Tx, r Record) error {
	row := imageRowOf(&r)
	row.Generation++
	n, err := updateImage.Do(ctx, tx, row, r.Generation)
	return changed(n, err, r.ID)
}

// DeleteImage deletes a record that was read before, with its members, and puts its data on the trash list.
// fault.Conflict if the record was changed since.
func DeleteImage(ctx context.Context, tx *db.Tx, r Record) error {
	for _, p := range r.Pieces() {
		if err := Discard(ctx, tx, p.Store, p.Key); err != nil {
			return err
		}
	}
	n, err := deleteImage.Do(ctx, tx, r.ID, r.Generation)
	return changed(n, err, r.ID)
}

// UploadsOf returns the records to which a worker uploads or stages data, or for which it has staged data.
func UploadsOf(ctx context.Context, on db.Querier, worker string) ([]Record, error) {
	return records(uploadsOf.All(ctx, on, worker))
}

// FormerImportsOf returns the records into which a worker imports with a process of an earlier release.
func FormerImportsOf(ctx context.Context, on db.Querier, worker string) ([]Record, error) {
	return records(formerImportsOf.All(ctx, on, worker))
}

// BytesOf returns the total size of a project's images.
func BytesOf(ctx context.Context, on db.Querier, project string) (int64, error) {
	return bytesOf.One(ctx, on, project)
}

// Keys returns all keys that records name.
func Keys(ctx context.Context, on db.Querier) (map[string]bool, error) {
	rows, err := allKeys.All(ctx, on)
	out := map[string]bool{}
	for _, r := range rows {
		out[r.Key], out[r.Staged] = true, true
		var p placesJSON
		if err := decode(r.Copies, &p); err != nil {
			return nil, err // an incomplete set would let the sweep delete data
		}
		for _, c := range p.More {
			out[c.Key] = true
		}
	}
	delete(out, "")
	return out, err
}
