package api

import (
	"net/url"
	"reflect"
	"slices"
)

// Page is one page of a list. Next is the marker of the following page, empty at the end. Links are written in the
// service's form.
type Page[V any] struct {
	Items []V
	Next  string
	Prev  string // marker of the page before, where the service links back (neutron)
	// NextBare and PrevBare link to the neighbours without a marker, as networking does from an empty page.
	NextBare, PrevBare bool
	Extra              map[string]any // further top-level members, e.g. totals
}

// LinkStyle is how lists write links to their neighbours.
type LinkStyle int

const (
	LinksList   LinkStyle = iota // "servers_links": [{"rel":"next","href":…}], of compute
	LinksBoth                    // the same with "previous", of networking
	LinksObject                  // "links": {"self","previous","next"}, of identity
	LinksFlat                    // "first","next", of images
	LinksNone
)

// neighbours are the pages around one: whether they are there, and their markers.
type neighbours struct {
	hasNext, hasPrev bool
	next, prev       string
}

func (p *Page[V]) neighbours() neighbours {
	return neighbours{hasNext: p.Next != "" || p.NextBare, hasPrev: p.Prev != "" || p.PrevBare, next: p.Next, prev: p.Prev}
}

// replyPage writes a list document.
func (c *call) replyPage(items reflect.Value, around neighbours, extra map[string]any) error {
	d := c.op.def
	name := d.plural
	if d.envOutSet {
		name = d.envOut
	}
	e := c.view()
	defer c.release(e)
	if name != "" {
		e.buf = append(e.buf, '{')
		e.buf = appendString(e.buf, name)
		e.buf = append(e.buf, ':')
	}
	write := c.s.views.of(items.Type().Elem(), c.r.Version)
	e.buf = append(e.buf, '[')
	keep := c.selection()
	from := len(e.buf)
	for i := range items.Len() {
		if i == 1 { // the others are about as long as the first
			e.buf = slices.Grow(e.buf, (len(e.buf)-from)*items.Len()*9/8)
		}
		if i > 0 {
			e.buf = append(e.buf, ',')
		}
		e.keep = keep
		write(e, items.Index(i))
	}
	e.keep = nil
	e.buf = append(e.buf, ']')
	if name == "" {
		return c.send(e)
	}
	c.links(e, name, around)
	if len(extra) > 0 {
		e.members(reflect.ValueOf(extra), writeAny, true)
	}
	e.buf = append(e.buf, '}')
	return c.send(e)
}

// selection is the parameter fields=a&fields=b of a request, where the API supports it.
func (c *call) selection() map[string]bool {
	if !c.s.c.FieldSelection {
		return nil
	}
	var keep map[string]bool
	for _, f := range c.r.HTTP.URL.Query()["fields"] {
		if f == "" {
			continue
		}
		if keep == nil {
			keep = map[string]bool{}
		}
		keep[f] = true
	}
	return keep
}

func (c *call) links(e *view, name string, around neighbours) {
	next, prev := around.next, around.prev
	add := func(key string) {
		e.buf = append(e.buf, ',')
		e.buf = appendString(e.buf, key)
		e.buf = append(e.buf, ':')
	}
	switch c.s.c.Links {
	case LinksList, LinksBoth:
		if !around.hasNext && !around.hasPrev {
			return
		}
		add(name + "_links")
		e.buf = append(e.buf, '[')
		if around.hasNext {
			e.link("next", c.here(true, "marker", next, "page_reverse", ""))
		}
		if around.hasPrev {
			if around.hasNext {
				e.buf = append(e.buf, ',')
			}
			e.link("previous", c.here(true, "marker", prev, "page_reverse", "True"))
		}
		e.buf = append(e.buf, ']')
	case LinksObject:
		add("links")
		e.buf = append(e.buf, `{"self":`...)
		e.buf = appendString(e.buf, c.here(true))
		e.buf = append(e.buf, `,"previous":null,"next":`...)
		if next == "" {
			e.null()
		} else {
			e.buf = appendString(e.buf, c.here(true, "marker", next))
		}
		e.buf = append(e.buf, '}')
	case LinksFlat:
		if next != "" {
			add("next")
			e.buf = appendString(e.buf, c.here(false, "marker", next))
		}
		add("first")
		e.buf = appendString(e.buf, c.here(false, "marker", ""))
	}
}

func (e *view) link(rel, href string) {
	e.buf = append(e.buf, `{"rel":`...)
	e.buf = appendString(e.buf, rel)
	e.buf = append(e.buf, `,"href":`...)
	e.buf = appendString(e.buf, href)
	e.buf = append(e.buf, '}')
}

// here is the request's URL with query parameters changed; an empty value removes one.
func (c *call) here(absolute bool, changes ...string) string {
	u := c.r.HTTP.URL
	q := u.RawQuery
	if len(changes) > 0 {
		values, _ := url.ParseQuery(q)
		for i := 0; i < len(changes); i += 2 {
			if changes[i+1] == "" {
				values.Del(changes[i])
			} else {
				values.Set(changes[i], changes[i+1])
			}
		}
		q = values.Encode()
	}
	path := u.EscapedPath()
	if absolute {
		path = c.s.base(c.r.HTTP) + path
	}
	if q != "" {
		path += "?" + q
	}
	return path
}
