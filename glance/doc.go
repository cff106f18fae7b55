// Package glance is the vocabulary of the image service: types and contracts that its other packages share.
//
// Rooms:
//
//	api         the wire: images and JSON patches, data, members, locations, imports, tasks, metadata definitions, schema documents
//	images      the verbs on records and their data: uploads, imports, copies, members, limits; its Run carries imports and sweeps
//	metadefs    the catalogue of metadata definitions, and its loading from files
//	tasks       the log of long work, written in the transactions of what it tells of
//	properties  an operator's rules of who may touch which free properties
//	signature   data against the signature that its publisher put among the properties
//	backend     the contract of stores, and a driver each below it
//	store       the SQL; a record names all data that is whole or being written
//	client      the contract over HTTP, for compute in another process
//
// The way of an upload: api.load finds the image for the caller, or says that it is not there; images.Upload asks for room, claims the
// record (queued to saving) and names the data in it, streams into a backend while the data is looked at, hashed and, if it is signed,
// verified, and makes the record active in one transaction. Whatever ends it before leaves the record queued and the data on the trash list.
//
// What a client may not know of is not there (404) in every operation; what it may show but not do is refused (403).
package glance
