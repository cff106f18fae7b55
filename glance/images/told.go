package images

import (
	"context"
	"encoding/json"

	"hypernova/glance"
	"hypernova/glance/store"
	"hypernova/glance/tasks"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

// Reachable checks a URI as web-download does before it begins: fault.Invalid for one that may not be fetched.
func (s *Service) Reachable(ctx context.Context, uri string) error { return s.web.allowed(ctx, uri) }

// told is an import as its task shows it.
type told struct {
	Image   string   `json:"image_id"`
	Request asked    `json:"import_req"`
	Stores  []string `json:"backend"`
}

type asked struct {
	Method struct {
		Name      string `json:"name"`
		URI       string `json:"uri,omitempty"`
		Region    string `json:"glance_region,omitempty"`
		Image     string `json:"glance_image_id,omitempty"`
		Interface string `json:"glance_service_interface,omitempty"`
	} `json:"method"`
}

// startTask begins the log of an import in the transaction that begins the import, and answers the task's id.
func (s *Service) startTask(ctx context.Context, tx *db.Tx, r store.Record, in Import, stores ...string) (string, error) {
	doc := told{Image: r.ID, Stores: stores}
	m := &doc.Request.Method
	m.Name, m.URI = in.Method, in.URI
	if in.Method == GlanceDownload {
		m.URI, m.Region, m.Image, m.Interface = "", in.From.Region, in.From.Image, in.From.Interface
	}
	b, err := json.Marshal(doc)
	if err != nil {
		return "", err
	}
	kind := glance.TaskImageImport
	if in.Method == byLocation {
		kind = glance.TaskLocation
	}
	return s.tasks.Start(ctx, tx, tasks.Begin{ID: in.Task, Type: kind, Image: r.ID, Input: b})
}

// nothingToDo begins and ends an import at once, so that clients who look for its end find one.
func (s *Service) nothingToDo(ctx context.Context, tx *db.Tx, r store.Record, in Import) error {
	if _, err := s.startTask(ctx, tx, r, in); err != nil {
		return err
	}
	r.ImportMethod = in.Method
	if err := s.endTask(ctx, tx, r, nil); err != nil {
		return err
	}
	ended(&r, nil)
	r.Updated = s.now()
	return store.Update(ctx, tx, r)
}

// noteTask says what an import is doing. A log that cannot be written must not end the import.
func (s *Service) noteTask(ctx context.Context, image, message string) {
	if err := s.db.Tx(ctx, func(tx *db.Tx) error { return s.tasks.Progress(ctx, tx, image, message) }); err != nil && ctx.Err() == nil {
		s.log.WarnContext(ctx, "cannot update the task record of an image", "image", image, "error", err.Error())
	}
}

// endTask ends the log of an import in the transaction that ends the import; why is nil for a good end.
func (s *Service) endTask(ctx context.Context, tx *db.Tx, r store.Record, why error) error {
	image := r.ID
	if r.ImportMethod == "" {
		return nil // an upload
	}
	if why != nil {
		message := fault.Message(why)
		if fault.Of(why) == nil {
			message = "The import failed." // the cause is in the log, not for clients
		}
		return s.tasks.Fail(ctx, tx, image, message)
	}
	b, err := json.Marshal(map[string]string{"image_id": image})
	if err != nil {
		return err
	}
	return s.tasks.Done(ctx, tx, image, b)
}
