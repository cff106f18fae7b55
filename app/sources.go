package app

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"hypernova/app/audit"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

// serversTable has a row for each server; one that cannot be read is left out of all findings.
const serversTable = "nova.servers"

// sources are the databases, before anything is concluded from them.
type sources struct {
	unsound map[string]bool // by service: nothing may be concluded from it
	servers []string        // whose rows cannot be read
	found   []audit.Finding
}

// examine looks whether the databases themselves are as they must be.
func (k *checker) examine(ctx context.Context) sources {
	s := sources{unsound: map[string]bool{}}
	for _, row := range services() {
		if err := k.examineOne(ctx, &row, &s); err != nil {
			s.unsound[row.name] = true
			s.found = append(s.found, unseen("the database of "+row.name, err))
		}
	}
	return s
}

func (k *checker) examineOne(ctx context.Context, row *serviceRow, s *sources) error {
	if err := k.p.c.mustExist(row.name); err != nil {
		return err
	}
	d, err := k.p.databases.ready(ctx, row.name)
	if err != nil {
		return err
	}
	damage, err := d.Damage(ctx)
	if err != nil {
		return err
	}
	for i, text := range damage {
		s.unsound[row.name] = true
		s.found = append(s.found, audit.Finding{Rule: "database-damaged",
			Subject: fmt.Sprintf("database of %s, %d", row.name, i+1), Text: text,
			Person: "what was lost only a backup knows: stop the services and put one back, as \"Backup and restore\" in " +
				"docs/operating.md says"})
	}
	if len(damage) > 0 {
		return nil
	}
	for _, set := range row.lists {
		rows, err := set.Unreadable(ctx, d)
		if err != nil {
			return err
		}
		for _, u := range rows {
			if slices.Contains(row.essential, u.Table) {
				s.unsound[row.name] = true
			}
			if row.name+"."+u.Table == serversTable {
				s.servers = append(s.servers, u.ID)
			}
			s.found = append(s.found, unreadable(row.name, u))
		}
	}
	return nil
}

func unreadable(service string, u *db.Unreadable) audit.Finding {
	return audit.Finding{Rule: "row-unreadable", Subject: fmt.Sprintf("row %s of table %s of %s", u.ID, u.Table, service),
		Text: u.Err.Error(),
		Person: fmt.Sprintf("what it said only a backup knows: put it right in the database of %s, or delete it there: "+
			"DELETE FROM %s WHERE id = '%s'",
			service, u.Table, strings.ReplaceAll(u.ID, "'", "''"))}
}

// unseen is a place where nobody could look, and why; the error names the cure.
func unseen(what string, err error) audit.Finding {
	text := err.Error()
	if f := fault.Of(err); f != nil && f.Kind != fault.Internal {
		text = f.Msg
	}
	return audit.Finding{Rule: "not-looked", Subject: what, Text: "could not be looked at: " + text, Blind: true,
		Person: "cure that, then check again (a damaged file: put back a backup, see \"Backup and restore\" in " +
			"docs/operating.md); nothing that " +
			"depends on it was judged"}
}
