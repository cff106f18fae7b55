// Package store is the database access of the image service.
package store

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"

	"hypernova/glance"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations are the image service's numbered migrations.
func Migrations() fs.FS {
	sub, err := fs.Sub(migrations, "migrations")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	return sub
}

// Statements is the registry that tests prepare on every dialect.
var Statements = db.NewSet("glance")

// Record is an image and where its data is.
// Invariant: Key is set iff the status is saving, active or deactivated, or an import has begun to store; what it names is this record's alone.
type Record struct {
	glance.Image
	Generation   int64
	Store, Key   string            // of the data
	Metadata     map[string]string // what a client said of that place
	More         []Copy            // places of the same data beside the first
	Staged       string            // key of data that waits for an import
	Plan         Plan
	Worker       string // who uploads, stages or imports
	ImportMethod string
	ImportURI    string
}

type imageRow struct {
	ID              string  `db:"id"`
	Name            string  `db:"name"`
	Owner           string  `db:"owner"`
	Status          string  `db:"status"`
	Visibility      string  `db:"visibility"`
	DiskFormat      string  `db:"disk_format"`
	ContainerFormat string  `db:"container_format"`
	Checksum        string  `db:"checksum"`
	HashAlgo        string  `db:"hash_algo"`
	HashValue       string  `db:"hash_value"`
	Size            int64   `db:"size"`
	VirtualSize     int64   `db:"virtual_size"`
	MinDisk         int64   `db:"min_disk"`
	MinRAM          int64   `db:"min_ram"`
	Protected       bool    `db:"protected"`
	Hidden          bool    `db:"hidden"`
	Tags            string  `db:"tags"`
	Properties      string  `db:"properties"`
	Created         db.Time `db:"created_at"`
	Updated         db.Time `db:"updated_at"`
	Generation      int64   `db:"generation"`
	Store           string  `db:"store"`
	Key             string  `db:"data_key"`
	Staged          string  `db:"staged_key"`
	Worker          string  `db:"worker"`
	ImportMethod    string  `db:"import_method"`
	ImportURI       string  `db:"import_uri"`
	Copies          string  `db:"copies"`
	Plan            string  `db:"import_plan"`
}

const imageColumns = `id, name, owner, status, visibility, disk_format, container_format, checksum, hash_algo, hash_value, size, virtual_size,
	min_disk, min_ram, protected, hidden, tags, properties, created_at, updated_at, generation, store, data_key, staged_key, worker,
	import_method, import_uri, copies, import_plan`

var (
	imageByID   = db.NewQuery[imageRow](Statements, `SELECT `+imageColumns+` FROM images WHERE id = ?`)
	imageInsert = db.NewInsert[imageRow](Statements, "images")
	imageUpdate = db.NewExec(Statements, `UPDATE images
		SET name = ?, owner = ?, status = ?, visibility = ?, disk_format = ?, container_format = ?, checksum = ?, hash_algo = ?, hash_value = ?,
			size = ?, virtual_size = ?, min_disk = ?, min_ram = ?, protected = ?, hidden = ?, tags = ?, properties = ?, updated_at = ?,
			generation = generation + 1, store = ?, data_key = ?, staged_key = ?, worker = ?, import_method = ?, import_uri = ?,
			copies = ?, import_plan = ?
		WHERE id = ? AND generation = ?`)
	imageDelete = db.NewExec(Statements, `DELETE FROM images WHERE id = ? AND generation = ?`)
	// images_worker serves it.
	imagesOf = db.NewQuery[imageRow](Statements, `SELECT `+imageColumns+` FROM images
		WHERE worker = ? AND (status IN ('saving', 'uploading', 'importing') OR import_method <> '')
		ORDER BY created_at, id`)
	// images_owner serves it.
	bytesOf = db.NewQuery[int64](Statements, `SELECT COALESCE(SUM(size), 0) FROM images WHERE owner = ? AND size > 0`)
	allKeys = db.NewQuery[keyRow](Statements, `SELECT data_key, staged_key, copies FROM images WHERE data_key <> '' OR staged_key <> '' OR copies <> ''`)
	// images_created serves the default order, images_name the order by name; other orders sort what the filters leave.
	imageList = db.NewList[imageRow](Statements, `SELECT `+imageColumns+` FROM images`, map[string]string{
		"id": "id NOT NULL", "name": "name NOT NULL", "owner": "owner NOT NULL", "status": "status NOT NULL", "visibility": "visibility NOT NULL",
		"disk_format": "disk_format NOT NULL", "container_format": "container_format NOT NULL", "checksum": "checksum NOT NULL",
		"os_hash_value": "hash_value NOT NULL", "os_hash_algo": "hash_algo NOT NULL", "size": "size NOT NULL", "virtual_size": "virtual_size NOT NULL",
		"min_disk": "min_disk NOT NULL", "min_ram": "min_ram NOT NULL", "protected": "protected NOT NULL", "os_hidden": "hidden NOT NULL",
		"tags": "tags NOT NULL", "properties": "properties NOT NULL", "created_at": "created_at NOT NULL", "updated_at": "updated_at NOT NULL",
	}, "id").Sound(func(r *imageRow) error { _, err := fromRow(*r); return err })

	trashInsert = db.NewInsert[trashRow](Statements, "image_trash")
	trashDelete = db.NewExec(Statements, `DELETE FROM image_trash WHERE store = ? AND data_key = ?`)
	trashAll    = db.NewQuery[trashRow](Statements, `SELECT store, data_key FROM image_trash ORDER BY store, data_key`)
)

type keyRow struct {
	Key    string `db:"data_key"`
	Staged string `db:"staged_key"`
	Copies string `db:"copies"`
}

type trashRow struct {
	Store string `db:"store"`
	Key   string `db:"data_key"`
}

// tags and properties are kept a line each, quoted as JSON, so that one can be looked for as a part of the text.
func lines(items []string) string {
	if len(items) == 0 {
		return ""
	}
	return "\n" + strings.Join(items, "\n") + "\n"
}

func quote(s string) string {
	b, _ := json.Marshal(s) // a string always encodes
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

// HasTag asks for images with a tag.
func HasTag(tag string) db.Cond {
	return db.Cond{Column: "tags", Op: db.Regexp, Values: []any{regexp.QuoteMeta("\n" + quote(tag) + "\n")}}
}

// HasProperty asks for images with a property of that value.
func HasProperty(name, value string) db.Cond {
	return db.Cond{Column: "properties", Op: db.Regexp, Values: []any{regexp.QuoteMeta("\n" + propertyLine(name, value) + "\n")}}
}

func toRow(r Record) imageRow {
	i := r.Image
	return imageRow{i.ID, i.Name, i.Owner, i.Status, i.Visibility, i.DiskFormat, i.ContainerFormat, i.Checksum, i.HashAlgo, i.HashValue, i.Size,
		i.VirtualSize, i.MinDisk, i.MinRAM, i.Protected, i.Hidden, tagLines(i.Tags), propertyLines(i.Properties), db.At(i.Created), db.At(i.Updated),
		r.Generation, r.Store, r.Key, r.Staged, r.Worker, r.ImportMethod, r.ImportURI, encode(places{r.Metadata, r.More}), encode(r.Plan)}
}

func fromRow(r imageRow) (Record, error) {
	out := Record{Image: glance.Image{ID: r.ID, Name: r.Name, Owner: r.Owner, Status: r.Status, Visibility: r.Visibility, DiskFormat: r.DiskFormat,
		ContainerFormat: r.ContainerFormat, Checksum: r.Checksum, HashAlgo: r.HashAlgo, HashValue: r.HashValue, Size: r.Size, VirtualSize: r.VirtualSize,
		MinDisk: r.MinDisk, MinRAM: r.MinRAM, Protected: r.Protected, Hidden: r.Hidden, Created: r.Created.Time, Updated: r.Updated.Time},
		Generation: r.Generation, Store: r.Store, Key: r.Key, Staged: r.Staged, Worker: r.Worker, ImportMethod: r.ImportMethod, ImportURI: r.ImportURI}
	var p places
	if err := decode(r.Copies, &p); err != nil {
		return out, fmt.Errorf("copies of image %s: %w", r.ID, err)
	}
	out.Metadata, out.More = p.Metadata, p.More
	if err := decode(r.Plan, &out.Plan); err != nil {
		return out, fmt.Errorf("import of image %s: %w", r.ID, err)
	}
	if err := json.Unmarshal([]byte("["+inside(r.Tags)+"]"), &out.Tags); err != nil {
		return out, fmt.Errorf("tags of image %s: %w", r.ID, err)
	}
	if err := json.Unmarshal([]byte("{"+inside(r.Properties)+"}"), &out.Properties); err != nil {
		return out, fmt.Errorf("properties of image %s: %w", r.ID, err)
	}
	return out, nil
}

func fromRows(rows []imageRow) ([]Record, error) {
	out := make([]Record, len(rows))
	for i, r := range rows {
		var err error
		if out[i], err = fromRow(r); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Image finds a record; fault.NotFound.
func Image(ctx context.Context, q db.Querier, id string) (Record, error) {
	r, err := imageByID.One(ctx, q, id)
	if fault.Is(err, fault.NotFound) {
		return Record{}, fault.NotFoundf("No image found with ID %s", id).Because(err)
	}
	if err != nil {
		return Record{}, err
	}
	return fromRow(r)
}

// Images lists one page.
func Images(ctx context.Context, q db.Querier, a db.ListArgs) ([]Record, error) {
	return db.PageOf(ctx, imageList, q, a, func(r *imageRow) (Record, error) { return fromRow(*r) })
}

// Insert writes a new record; fault.Conflict for a taken id.
func Insert(ctx context.Context, tx *db.Tx, r Record) error { return imageInsert.Do(ctx, tx, toRow(r)) }

// Update writes a record that was read before; fault.Conflict when somebody changed it since.
func Update(ctx context.Context, tx *db.Tx, r Record) error {
	w := toRow(r)
	n, err := imageUpdate.Do(ctx, tx, w.Name, w.Owner, w.Status, w.Visibility, w.DiskFormat, w.ContainerFormat, w.Checksum, w.HashAlgo, w.HashValue,
		w.Size, w.VirtualSize, w.MinDisk, w.MinRAM, w.Protected, w.Hidden, w.Tags, w.Properties, w.Updated, w.Store, w.Key, w.Staged, w.Worker,
		w.ImportMethod, w.ImportURI, w.Copies, w.Plan, w.ID, w.Generation)
	return changed(n, err, r.ID)
}

// Delete removes a record that was read before, with its members, and puts its data on the list of what must be removed.
func Delete(ctx context.Context, tx *db.Tx, r Record) error {
	for _, p := range r.Pieces() {
		if err := Discard(ctx, tx, p.Store, p.Key); err != nil {
			return err
		}
	}
	n, err := imageDelete.Do(ctx, tx, r.ID, r.Generation)
	return changed(n, err, r.ID)
}

func changed(n int64, err error, id string) error {
	if err == nil && n == 0 {
		return fault.Conflictf("Image %s was changed by another request.", id)
	}
	return err
}

// Discard puts data on the list of what must be removed; an empty key is no data.
func Discard(ctx context.Context, tx *db.Tx, store, key string) error {
	if key == "" {
		return nil
	}
	return trashInsert.Do(ctx, tx, trashRow{store, key})
}

// Piece is data in a store.
type Piece struct{ Store, Key string }

// Trash is the list of what must be removed.
func Trash(ctx context.Context, q db.Querier) ([]Piece, error) {
	rows, err := trashAll.All(ctx, q)
	var out []Piece
	for _, r := range rows {
		out = append(out, Piece(r))
	}
	return out, err
}

// Removed takes data off that list.
func Removed(ctx context.Context, q db.Querier, p Piece) error {
	_, err := trashDelete.Do(ctx, q, p.Store, p.Key)
	return err
}

// UnfinishedOf are the records that a worker was busy with.
func UnfinishedOf(ctx context.Context, q db.Querier, worker string) ([]Record, error) {
	rows, err := imagesOf.All(ctx, q, worker)
	if err != nil {
		return nil, err
	}
	return fromRows(rows)
}

// BytesOf is how much a project's images hold.
func BytesOf(ctx context.Context, q db.Querier, project string) (int64, error) {
	return bytesOf.One(ctx, q, project)
}

// Keys are all keys that records name.
func Keys(ctx context.Context, q db.Querier) (map[string]bool, error) {
	rows, err := allKeys.All(ctx, q)
	out := map[string]bool{}
	for _, r := range rows {
		out[r.Key], out[r.Staged] = true, true
		var p places
		if err := decode(r.Copies, &p); err != nil {
			return nil, err // better no names than too few: what has no name is removed
		}
		for _, c := range p.More {
			out[c.Key] = true
		}
	}
	delete(out, "")
	return out, err
}
