package layout

import (
	"hypernova/app"
	"hypernova/oslo/db/dbtest"
)

// startDatabase starts a PostgreSQL server with a database for each service.
func (c *Cloud) startDatabase() {
	c.pg = dbtest.NewServer(c.t)
	for _, s := range app.Services() {
		c.must(c.pg.Create("hypernova_" + s.Name))
	}
}

// RestartDatabase ends the database server as a crash does, waits until meanwhile returns, and starts it again on its
// files.
func (c *Cloud) RestartDatabase(meanwhile func()) error {
	if err := c.pg.Crash(); err != nil {
		return err
	}
	meanwhile()
	return c.pg.Start()
}
