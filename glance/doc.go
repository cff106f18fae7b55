// Package glance is the vocabulary of the image service: types and contracts that its other packages share.
//
// Packages:
//
//	api         the HTTP API: images and JSON patches, data, members, locations, imports, tasks, metadata definitions,
//	            schema documents
//	images      records and their data: uploads, imports, copies, members, limits, the cache; its Service runs imports
//	            and the sweep in the background
//	metadefs    the catalogue of metadata definitions, and its loading from files
//	tasks       the Tasks API's records, written in the transactions of the work that they describe
//	properties  property protections
//	signature   image signatures (img_signature properties)
//	backend     the contract of stores, and a driver each in its subfolders
//	store       the database access; a record names all data that is complete or being written
//	client      the contract over HTTP, for compute in another process
//
// An upload: the api loads the image for the caller. Data.Upload checks the quota, claims the record (queued to saving)
// and writes the key of the data into it, streams the data into a backend while it is inspected, hashed and, if it is
// signed, verified, and makes the record active in one transaction. After any failure the record is queued and the data
// is on the trash list.
//
// An import: Imports.Begin marks the record (importing) and enqueues a task in the same transaction. The task's steps
// store, copy and activate; its last transaction ends the record's import, the client's task and the queue's task
// together. After a crash any process resumes it with the step that was running.
//
// An image that the caller may not see does not exist for the caller (404) in every operation. An operation that the
// caller may not do on a visible image is forbidden (403).
package glance
