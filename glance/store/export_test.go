package store

import "hypernova/oslo/db"

// List is the list query for tests that read its plan.
func List() *db.ListQuery[imageRow] { return listImages }

// TaskList and NamespaceList are the same for tasks and metadata definitions.
func TaskList() *db.ListQuery[taskRow] { return listTasks }

// NamespaceList is the list of namespaces.
func NamespaceList() *db.ListQuery[namespaceRow] { return listNamespaces }
