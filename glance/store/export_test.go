package store

import "hypernova/oslo/db"

// List is the list query for tests that read its plan.
func List() *db.ListQuery[imageRow] { return imageList }
