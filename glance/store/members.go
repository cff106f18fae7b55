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
	Created db.Time `db:"created_at"`
	Updated db.Time `db:"updated_at"`
}

// The primary key serves all but memberOf, which image_members_project serves.
var (
	memberInsert = db.NewInsert[memberRow](Statements, "image_members")
	memberOne    = db.NewQuery[memberRow](Statements, `SELECT image_id, project_id, status, created_at, updated_at FROM image_members
		WHERE image_id = ? AND project_id = ?`)
	memberAll = db.NewQuery[memberRow](Statements, `SELECT image_id, project_id, status, created_at, updated_at FROM image_members
		WHERE image_id = ?
		ORDER BY created_at, project_id`)
	memberStatus = db.NewExec(Statements, `UPDATE image_members SET status = ?, updated_at = ? WHERE image_id = ? AND project_id = ?`)
	memberDelete = db.NewExec(Statements, `DELETE FROM image_members WHERE image_id = ? AND project_id = ?`)
	memberOf     = db.NewQuery[string](Statements, `SELECT image_id FROM image_members WHERE project_id = ? AND status IN (?, ?, ?)`)
)

func member(r memberRow) glance.Member {
	return glance.Member{ImageID: r.Image, ProjectID: r.Project, Status: r.Status, Created: r.Created.Time, Updated: r.Updated.Time}
}

// Members are the projects an image is shared with.
func Members(ctx context.Context, q db.Querier, image string) ([]glance.Member, error) {
	rows, err := memberAll.All(ctx, q, image)
	out := make([]glance.Member, len(rows))
	for i, r := range rows {
		out[i] = member(r)
	}
	return out, err
}

// Member finds one; fault.NotFound.
func Member(ctx context.Context, q db.Querier, image, project string) (glance.Member, error) {
	r, err := memberOne.One(ctx, q, image, project)
	if fault.Is(err, fault.NotFound) {
		return glance.Member{}, fault.NotFoundf("%s not found in the member list of the image %s.", project, image).Because(err)
	}
	return member(r), err
}

// InsertMember shares; fault.Conflict when it is shared already.
func InsertMember(ctx context.Context, tx *db.Tx, m glance.Member) error {
	return memberInsert.Do(ctx, tx, memberRow{m.ImageID, m.ProjectID, m.Status, db.At(m.Created), db.At(m.Updated)})
}

// UpdateMember writes the answer of a project.
func UpdateMember(ctx context.Context, tx *db.Tx, m glance.Member) error {
	_, err := memberStatus.Do(ctx, tx, m.Status, db.At(m.Updated), m.ImageID, m.ProjectID)
	return err
}

// DeleteMember shares no more.
func DeleteMember(ctx context.Context, tx *db.Tx, image, project string) error {
	_, err := memberDelete.Do(ctx, tx, image, project)
	return err
}

// SharedWith are the ids of images shared with a project, by its answer; "all" is any answer.
func SharedWith(ctx context.Context, q db.Querier, project, status string) ([]string, error) {
	if status == "all" {
		return memberOf.All(ctx, q, project, glance.Pending, glance.Accepted, glance.Rejected)
	}
	return memberOf.All(ctx, q, project, status, status, status)
}
