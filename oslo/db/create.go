package db

import (
	"context"
	"strings"
)

// Creator is a dialect whose databases have to be made before they are opened.
type Creator interface {
	// Create makes the database that a URL names, unless it is there. fault.Forbidden, with what an administrator has to run, where the
	// URL's role may not.
	Create(ctx context.Context, url string) (made bool, err error)
}

// Create makes the database of a URL where that is needed; the others come with the first Open.
func Create(ctx context.Context, url string, dialects ...Dialect) (made bool, err error) {
	scheme, _, _ := strings.Cut(url, "://")
	name, _, _ := strings.Cut(scheme, "+")
	for _, d := range dialects {
		for _, s := range d.Schemes() {
			if c, ok := d.(Creator); ok && s == name {
				made, err := c.Create(ctx, name+url[len(scheme):])
				if err != nil {
					err = opening(d, err)
				}
				return made, err
			}
		}
	}
	return false, nil
}
