package store

import "hypernova/oslo/db"

// Custom names: the users' own traits and resource classes.
var (
	CustomTraits    = db.NewQuery[string](Statements, "SELECT name FROM custom_traits ORDER BY name")
	CustomTrait     = db.NewQuery[string](Statements, "SELECT name FROM custom_traits WHERE name = ?")
	AddCustomTrait  = db.NewExec(Statements, "INSERT INTO custom_traits (name, created) VALUES (?, ?) ON CONFLICT DO NOTHING")
	DropCustomTrait = db.NewExec(Statements, "DELETE FROM custom_traits WHERE name = ?")

	CustomClasses   = db.NewQuery[string](Statements, "SELECT name FROM custom_classes ORDER BY created, name")
	CustomClass     = db.NewQuery[string](Statements, "SELECT name FROM custom_classes WHERE name = ?")
	AddCustomClass  = db.NewExec(Statements, "INSERT INTO custom_classes (name, created) VALUES (?, ?) ON CONFLICT DO NOTHING")
	RenameClass     = db.NewExec(Statements, "UPDATE custom_classes SET name = ? WHERE name = ?")
	DropCustomClass = db.NewExec(Statements, "DELETE FROM custom_classes WHERE name = ?")
	// A class that is renamed takes its inventories and allocations along.
	RenameInventories = db.NewExec(Statements, "UPDATE inventories SET class = ? WHERE class = ?")
	RenameAllocations = db.NewExec(Statements, "UPDATE allocations SET class = ? WHERE class = ?")
	ProvidersOfClass  = db.NewQuery[string](Statements, "SELECT provider FROM inventories WHERE class = ?")
)
