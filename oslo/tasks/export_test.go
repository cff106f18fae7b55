package tasks

// Statements lets the tests prepare them on every dialect.
var Statements = stmts
