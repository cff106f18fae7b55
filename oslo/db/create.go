package db

import (
	"context"
	"strings"
)

// Creator is a dialect whose databases must be created before they are opened.
type Creator interface {
	// Create creates the database of a URL if it does not exist. It returns fault.Forbidden, with the statements for an
	// administrator, if the URL's role may not create it.
	Create(ctx context.Context, url string) (made bool, err error)
}

// Create creates the database of a URL if the dialect needs it. Other dialects create it in Open.
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
