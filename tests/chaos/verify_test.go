package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"hypernova/cloudtest/scenario"
)

// verify compares a server with the answers that its client got. The cloud is idle.
func (c *client) verify(ctx context.Context, v *server) error {
	if v.id == "" {
		return nil // its creation had no answer
	}
	a, err := c.cloud.Do(ctx, "demo", scenario.Request{Method: http.MethodGet, Service: "compute",
		Path: "/servers/" + v.id})
	if err != nil {
		return err
	}
	switch {
	case a.Status == http.StatusNotFound && !v.removed && !v.perhaps:
		return fmt.Errorf("it was promised and never deleted, but it is gone")
	case a.Status == http.StatusNotFound:
		return nil
	case a.Status != http.StatusOK:
		return fmt.Errorf("show: %d %s", a.Status, a.Body)
	case v.removed:
		return fmt.Errorf("its deletion was accepted, but it is there: %s", a.Body)
	}
	var doc struct {
		Server struct {
			Status string
			Fault  *struct{ Message string }
		}
	}
	if err := json.Unmarshal(a.Body, &doc); err != nil {
		return err
	}
	if doc.Server.Status == "ERROR" {
		if doc.Server.Fault == nil || doc.Server.Fault.Message == "" {
			return fmt.Errorf("it is in ERROR without a reason")
		}
		c.failed = append(c.failed, doc.Server.Fault.Message)
	}
	return c.actions(ctx, v)
}

// actions checks that every accepted action is recorded.
func (c *client) actions(ctx context.Context, v *server) error {
	a, err := c.cloud.Do(ctx, "demo", scenario.Request{Method: http.MethodGet, Service: "compute",
		Path: "/servers/" + v.id + "/os-instance-actions"})
	if err != nil || a.Status != http.StatusOK {
		return fmt.Errorf("actions: %d %v", a.Status, err)
	}
	var doc struct {
		Actions []struct {
			Request string `json:"request_id"`
		} `json:"instanceActions"`
	}
	if err := json.Unmarshal(a.Body, &doc); err != nil {
		return err
	}
	var known []string
	for _, x := range doc.Actions {
		known = append(known, x.Request)
	}
	for _, id := range v.accepted {
		if !slices.Contains(known, id) {
			return fmt.Errorf("action %s was accepted, but is not on record", id)
		}
	}
	return nil
}

// list returns the ids of the existing servers by name.
func (c *client) list(ctx context.Context) (map[string]string, error) {
	a, err := c.cloud.Do(ctx, "demo", scenario.Request{Method: http.MethodGet, Service: "compute",
		Path: "/servers?limit=1000"})
	if err != nil || a.Status != http.StatusOK {
		return nil, fmt.Errorf("list: %d %v", a.Status, err)
	}
	var doc struct{ Servers []struct{ ID, Name string } }
	out := map[string]string{}
	err = json.Unmarshal(a.Body, &doc)
	for _, s := range doc.Servers {
		out[s.Name] = s.ID
	}
	return out, err
}

// removeAll deletes all existing servers of the client, also those whose creation had no answer.
func (c *client) removeAll(ctx context.Context) error {
	there, err := c.list(ctx)
	if err != nil {
		return err
	}
	for _, v := range c.servers {
		id, ok := there[v.name]
		if !ok {
			continue
		}
		if v.id != "" && v.id != id {
			return fmt.Errorf("there are two servers %s: %s and %s", v.name, v.id, id)
		}
		v.id = id
		if status, a := c.ask(ctx, "last delete", v, scenario.Request{Method: http.MethodDelete, Service: "compute",
			Path: "/servers/" + id}); status != http.StatusNoContent && status != http.StatusNotFound {
			return fmt.Errorf("server %s cannot be deleted: %d %s", id, status, a.Body)
		}
	}
	return nil
}
