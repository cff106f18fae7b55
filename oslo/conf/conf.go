// Package conf: declared options as structs. (CONTRACT SKELETON: owner replaces bodies, keeps signatures.)
//
//	type Database struct {
//	    Connection string        `conf:"connection" default:"sqlite:///…" help:"…" secret:"url"`
//	    PoolSize   int           `conf:"max_pool_size" default:"5" min:"1" max:"1000" help:"…"`
//	    Interval   time.Duration `conf:"report_interval" default:"10" unit:"s" help:"…"`
//	}
//
// A root struct has one field per section: `section:"database"`; lists are comma separated; enum:"a|b".
package conf

import "io"

// Load fills root (a pointer to a struct of sections) from defaults, then files in order, then environment (HYPERNOVA_<SECTION>__<OPTION>), then sets ("section.option=value").
// All problems are reported together; an unknown section or option names the nearest known one.
func Load(root any, files []string, env []string, sets []string) error { panic("x") }

// Sample writes a commented configuration file with every option, its type, default and bounds. Dump writes the values in force, secrets masked.
func Sample(w io.Writer, root any) error { panic("x") }
func Dump(w io.Writer, root any) error   { panic("x") }
