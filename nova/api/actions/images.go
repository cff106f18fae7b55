package actions

import (
	"context"

	"hypernova/nova"
	"hypernova/nova/servers"
	"hypernova/oslo/api"
	"hypernova/oslo/opt"
)

type imageBody struct {
	Name     string            `wire:"name" is:"required,name"`
	Metadata map[string]string `wire:"metadata" is:"keys(pattern=^[a-zA-Z0-9-_:. ]{1,255}$),each(maxlen=255)"`
}

type backupBody struct {
	imageBody
	Kind     string      `wire:"backup_type" is:"required"`
	Rotation opt.Of[int] `wire:"rotation" is:"required,digits,min=0"`
}

type imageMade struct {
	Image opt.Of[string] `wire:"image_id" mv:"2.45-"`
}

func (a *actionsAPI) createImage(ctx context.Context, r *api.Request, v *nova.Server, in *imageBody) (imageMade,
	error) {
	return a.made(ctx, r, v, in.Metadata, true, func(s servers.Snapshots) (string, error) {
		return s.CreateImage(ctx, v.ID, servers.SnapshotArgs{Name: in.Name, Metadata: in.Metadata})
	})
}

func (a *actionsAPI) createBackup(ctx context.Context, r *api.Request, v *nova.Server,
	in *backupBody) (imageMade, error) {
	return a.made(ctx, r, v, in.Metadata, !r.AtLeast(39), func(s servers.Snapshots) (string, error) {
		return s.Backup(ctx, v.ID, servers.SnapshotArgs{Name: in.Name, Metadata: in.Metadata, Kind: in.Kind,
			Rotation: in.Rotation.Value})
	})
}

// made makes an image and tells its ID: in a header before 2.45, in the body since.
func (a *actionsAPI) made(ctx context.Context, r *api.Request, v *nova.Server, metadata map[string]string, count bool,
	do func(servers.Snapshots) (string, error)) (imageMade, error) {
	s := servers.Snapshots{Servers: a.Servers}
	if count {
		if err := s.CheckMetadata(ctx, v.Project, metadata); err != nil {
			return imageMade{}, err
		}
	}
	image, err := do(s)
	if err != nil {
		return imageMade{}, err
	}
	if r.AtLeast(45) {
		return imageMade{opt.Some(image)}, nil
	}
	r.SetHeader("Location", r.URL("/images/"+image))
	return imageMade{}, nil
}
