package app

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"hypernova/glance/metadefs"
	"hypernova/oslo/fault"
	"hypernova/oslo/log"
)

// ownMetadefs is the operator's folder of metadata definitions, nil where there is none.
func (c *Config) ownMetadefs() fs.FS {
	if c.Image.Metadefs == "" {
		return nil
	}
	return os.DirFS(c.Image.Metadefs)
}

// LoadMetadefs loads a folder of metadata definitions into the image database; without one, [image]
// metadata_source_path, or else those that come with the program.
func LoadMetadefs(ctx context.Context, c Config, folder string, mode metadefs.Mode,
	each func(metadefs.Outcome)) (err error) {
	files := c.ownMetadefs()
	switch {
	case folder != "":
		files = os.DirFS(folder)
	case files == nil:
		files = metadefs.Standard()
	}
	if _, err := fs.Stat(files, "."); err != nil {
		return fault.Invalidf("the folder of metadata definitions cannot be read: %v", err)
	}
	p := newProcess(&c, Options{Log: log.From(ctx), Sync: true})
	defer func() { err = errors.Join(err, p.Close(ctx)) }()
	if _, err := p.glance.operations(ctx); err != nil {
		return err
	}
	d, err := p.databases.open(ctx, "glance")
	if err != nil {
		return err
	}
	done, err := metadefs.New(d, p.now).Files.Load(ctx, files, mode)
	for _, o := range done {
		each(o)
	}
	return err
}
