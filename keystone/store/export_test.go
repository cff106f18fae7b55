package store

import "hypernova/oslo/db/dbtest"

// Lists are the lists that can be long, by their plural.
func Lists() map[string]dbtest.Lister {
	return map[string]dbtest.Lister{"users": userList, "groups": groupList, "projects": projectList}
}
