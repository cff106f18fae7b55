// Package openstack reads the configuration and policy files of OpenStack's services and maps their options and rules
// to this program's.
//
//	options.txt, rules.txt   names, as OpenStack's own releases declare them
//	options.go               which service a file belongs to, and which options are OpenStack's
//	meaning.go, values.go    options that this cloud has by another name, or in other words
//	rules.go                 policy rules
package openstack

import (
	_ "embed"
	"strings"
)

// The services, by the names of their files.
const (
	Nova      = "nova"
	Neutron   = "neutron"
	Glance    = "glance"
	Keystone  = "keystone"
	Placement = "placement"
)

// Services are all of them.
func Services() []string { return []string{Keystone, Placement, Glance, Neutron, Nova} }

//go:embed options.txt
var optionsText string

//go:embed rules.txt
var rulesText string

// lines are a list's lines without its comments.
func lines(text string) []string {
	var out []string
	for l := range strings.Lines(text) {
		if l = strings.TrimRight(l, "\n"); l != "" && l[0] != '#' {
			out = append(out, l)
		}
	}
	return out
}
