package store

import (
	"encoding/json"
	"fmt"
	"sync"

	"hypernova/nova"
)

// parsed keeps decoded documents by their text. In a list of a thousand servers there are few different flavors, images and group names;
// addresses differ, but the same servers are listed again and again. Nobody may change what it answers.
type parsed struct {
	mu        sync.Mutex
	flavors   map[string]*nova.Flavor
	images    map[string]*nova.ImageMeta
	groups    map[string]*[]string // of security groups' names
	addresses map[string]*[]nova.Address
}

// parsedMax bounds each map; a full one starts over.
const parsedMax = 4096

func newParsed() *parsed {
	return &parsed{flavors: map[string]*nova.Flavor{}, images: map[string]*nova.ImageMeta{}, groups: map[string]*[]string{},
		addresses: map[string]*[]nova.Address{}}
}

func (p *parsed) flavor(text string) (*nova.Flavor, error) { return lookup(&p.mu, p.flavors, text) }

func (p *parsed) image(text string) (*nova.ImageMeta, error) { return lookup(&p.mu, p.images, text) }

func (p *parsed) names(text string) (*[]string, error) { return lookup(&p.mu, p.groups, text) }

func (p *parsed) addressesOf(text string) (*[]nova.Address, error) {
	return lookup(&p.mu, p.addresses, text)
}

// none is what documents without content are, so that they cost nothing.
func none(text string) bool { return text == "" || text == "{}" || text == "[]" || text == "null" }

func lookup[T any](mu *sync.Mutex, m map[string]*T, text string) (*T, error) {
	mu.Lock()
	defer mu.Unlock()
	if v, ok := m[text]; ok {
		return v, nil
	}
	v := new(T)
	if err := json.Unmarshal([]byte(text), v); err != nil {
		return nil, fmt.Errorf("a copy kept with a server: %w", err)
	}
	if len(m) >= parsedMax {
		clear(m)
	}
	m[text] = v
	return v, nil
}

// encode is for values that always have a JSON form.
func encode(v any) (string, error) {
	b, err := json.Marshal(v)
	return string(b), err
}

// decode reads a document; the empty text and the empty forms cost nothing.
func decode(text string, into any) error {
	if none(text) {
		return nil
	}
	return json.Unmarshal([]byte(text), into)
}
