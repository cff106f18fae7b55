package store

import (
	"context"

	"hypernova/glance"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

type memberRow struct {
	Image   string  `db:"image_id"`
	Project string  `db:"project_id"`
	Status  string  `db:"status"`
	Created db.Time `db:"created_at,once,set"`
	Updated db.Time `db:"updated_at,set"`
}

// The primary key serves all but imagesOfMember, which image_members_project serves.
var (
	members        = db.NewTable[memberRow](stmts, "image_members", "image_id", "project_id")
	membersOf      = members.Query("image_id = ?\nORDER BY created_at, project_id")
	updateMember   = members.Update("", "status", "updated_at")
	deleteMember   = members.Delete("")
	imagesOfMember = db.NewQuery[string](stmts,
		`SELECT image_id FROM image_members WHERE project_id = ? AND status IN (?, ?, ?)`)
)

func (r memberRow) member() glance.Member {
	return glance.Member{ImageID: r.Image, ProjectID: r.Project, Status: r.Status, Created: r.Created.Time,
		Updated: r.Updated.Time}
}

// Members returns the members of an image.
func Members(ctx context.Context, on db.Querier, image string) ([]glance.Member, error) {
	rows, err := membersOf.All(ctx, on, image)
	return each(rows, err, memberRow.member)
}

// Member returns one member. fault.NotFound.
func Member(ctx context.Context, on db.Querier, image, project string) (glance.Member, error) {
	r, err := members.Get(ctx, on, image, project)
	if fault.Is(err, fault.NotFound) {
		return glance.Member{}, fault.NotFoundf("%s not found in the member list of the image %s.", project,
			image).Because(err)
	}
	return r.member(), err
}

// InsertMember inserts a member. fault.Conflict if the project is one already.
func InsertMember(ctx context.Context, tx *db.Tx, m glance.Member) error {
	return members.Insert(ctx, tx, memberRow{Image: m.ImageID, Project: m.ProjectID, Status: m.Status,
		Created: db.At(m.Created), Updated: db.At(m.Updated)})
}

// UpdateMember writes a member's status.
func UpdateMember(ctx context.Context, tx *db.Tx, m glance.Member) error {
	_, err := updateMember.Do(ctx, tx, memberRow{Image: m.ImageID, Project: m.ProjectID, Status: m.Status,
		Updated: db.At(m.Updated)})
	return err
}

// DeleteMember deletes a member.
func DeleteMember(ctx context.Context, tx *db.Tx, image, project string) error {
	_, err := deleteMember.Do(ctx, tx, image, project)
	return err
}

// SharedWith returns the ids of the images shared with a project, by the member's status; "all" is any.
func SharedWith(ctx context.Context, on db.Querier, project, status string) ([]string, error) {
	if status == "all" {
		return imagesOfMember.All(ctx, on, project, glance.Pending, glance.Accepted, glance.Rejected)
	}
	return imagesOfMember.All(ctx, on, project, status, status, status)
}
