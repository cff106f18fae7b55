package app

import (
	"context"
	"slices"

	"hypernova/app/audit"
	"hypernova/nova"
	"hypernova/nova/store"
	"hypernova/oslo/db"
	"hypernova/oslo/tasks"
)

// serverFacts are compute's servers, services and nodes. The tasks are those before: taskFacts asks for them again
// when all else is known, because a job that ended or began in between owned its server all the while.
func serverFacts(ctx context.Context, k *checker, f *audit.Facts) error {
	n, err := k.p.nova.base(ctx)
	if err != nil {
		return err
	}
	f.Now = n.now() // the clock of heartbeats and leases, whatever this machine's clock says
	if f.Tasks, err = n.queue.List(ctx, tasks.ListArgs{}); err != nil {
		return err
	}
	if f.Servers, err = store.Servers(ctx, n.db, db.ListArgs{Where: []db.Cond{db.EqTo("deleted",
		false)}}); err != nil {
		return err
	}
	f.Shelved = map[string]string{}
	for i := range f.Servers {
		if v := &f.Servers[i]; v.VM == nova.Shelved || v.VM == nova.ShelvedOffloaded {
			if f.Shelved[v.ID], err = store.ShelvedImage(ctx, n.db, v.ID); err != nil {
				return err
			}
		}
	}
	var spoilt map[string]error
	if f.Held, spoilt, err = store.PortIDs(ctx, n.db); err != nil {
		return err
	}
	for id, why := range spoilt {
		f.Unreadable[id] = true
		f.Found = append(f.Found, unreadable("nova", &db.Unreadable{Table: "servers", ID: id, Err: why}))
	}
	if f.Services, err = store.Services(ctx, n.db, "", ""); err != nil {
		return err
	}
	f.Nodes, err = store.Nodes(ctx, n.db, db.ListArgs{})
	return err
}

// taskFacts adds the tasks of now to those that serverFacts found. A task that is done meanwhile counts as due now.
func taskFacts(ctx context.Context, k *checker, f *audit.Facts) error {
	before := f.Tasks
	n, err := k.p.nova.base(ctx)
	if err != nil {
		return err
	}
	if f.Tasks, err = n.queue.List(ctx, tasks.ListArgs{}); err != nil {
		return err
	}
	after := f.Tasks
	for _, t := range before {
		if !slices.ContainsFunc(after, func(a tasks.Info) bool { return a.ID == t.ID }) {
			t.Due = f.Now
			f.Tasks = append(f.Tasks, t)
		}
	}
	return nil
}

// computeQuotas are the quotas of projects in compute.
func computeQuotas() *quotas {
	return &quotas{
		projects: func(ctx context.Context, p *Process) ([]string, error) {
			n, err := p.nova.base(ctx)
			if err != nil {
				return nil, err
			}
			return store.QuotaProjects(ctx, n.db)
		},
		drop: func(ctx context.Context, p *Process, project string) error {
			n, err := p.nova.base(ctx)
			if err != nil {
				return err
			}
			return store.DeleteQuotas(ctx, n.db, project, "")
		},
	}
}
