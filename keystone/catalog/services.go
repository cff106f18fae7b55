package catalog

import (
	"context"

	"hypernova/keystone"
	"hypernova/keystone/store"
	"hypernova/oslo/db"
	"hypernova/oslo/ids"
)

// Services is the operations on services.
type Services struct{ base }

// Get returns a service; fault.NotFound.
func (s *Services) Get(ctx context.Context, id string) (keystone.Service, error) {
	v, err := store.Service(ctx, s.db, id)
	return v, store.Missing(err, "service", id)
}

// List returns all services.
func (s *Services) List(ctx context.Context) ([]keystone.Service, error) {
	return store.Services(ctx, s.db)
}

// Create inserts a service with a new id.
func (s *Services) Create(ctx context.Context, v keystone.Service) (keystone.Service, error) {
	v.ID = ids.Hex()
	return v, s.write(ctx, func(tx *db.Tx) error { return store.InsertService(ctx, tx, v) })
}

// Update writes what change returns for the current service; change may run more than once. fault.NotFound.
func (s *Services) Update(
	ctx context.Context, id string, change func(keystone.Service) keystone.Service,
) (keystone.Service, error) {
	var v keystone.Service
	err := s.write(ctx, func(tx *db.Tx) error {
		var err error
		if v, err = store.Service(ctx, tx, id); err != nil {
			return store.Missing(err, "service", id)
		}
		v = change(v)
		return store.UpdateService(ctx, tx, v)
	})
	return v, err
}

// Delete removes a service with its endpoints; fault.NotFound.
func (s *Services) Delete(ctx context.Context, id string) error {
	return s.write(ctx, func(tx *db.Tx) error { return store.Missing(store.DeleteService(ctx, tx, id), "service", id) })
}
