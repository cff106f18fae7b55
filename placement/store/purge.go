package store

import "hypernova/oslo/db"

// Ends says how the rows of each table of placement end.
func Ends() []db.End {
	return []db.End{
		{Table: "providers", How: "with the service of their host, or a client deletes them"},
		{Table: "inventories", How: "with their provider"},
		{Table: "provider_traits", How: "with their provider"},
		{Table: "provider_aggregates", How: "with their provider"},
		{Table: "custom_traits", How: "a client deletes them"},
		{Table: "custom_classes", How: "a client deletes them"},
		{Table: "consumers", How: "with their last allocation"},
		{Table: "allocations", How: "with their consumer: a server that is deleted, a build that failed"},
		{Table: "shards", How: "a fixed number of rows"},
	}
}
