package servers

import (
	"hypernova/nova"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
)

// deliverable returns fault.Invalid for properties of flavor and image that no server of this cloud can have, and
// applies those that change the request.
func (r *resolved) deliverable(a *CreateArgs) error {
	ask, err := r.flavor.Ask()
	if err != nil {
		return err
	}
	if err := r.flavor.Deliverable(); err != nil {
		return err
	}
	if _, err := ask.With(&r.image); err != nil {
		return err
	}
	wishes, err := r.image.Deliverable()
	if err != nil {
		return err
	}
	if _, err := nova.CPUs(&r.flavor, wishes); err != nil {
		return err
	}
	if wishes["img_config_drive"] == "mandatory" {
		a.ConfigDrive = true
	}
	return nil
}

// checkHints returns fault.Invalid for a hint that names something that does not exist. As in OpenStack, hints that
// no filter reads are kept without effect.
func checkHints(hints map[string][]string) error {
	if groups := hints["group"]; len(groups) > 0 {
		g := groups[0]
		if !ids.IsUUID(g) {
			return fault.Invalidf("Invalid input for field/attribute group. Value: %s. '%s' is not a 'uuid'", g, g)
		}
	}
	for _, hint := range []string{"same_host", "different_host"} {
		for _, id := range hints[hint] {
			if !ids.IsUUID(id) {
				return fault.Invalidf("Invalid input for field/attribute %s. Value: %s. '%s' is not a 'uuid'", hint,
					id, id)
			}
		}
	}
	return nil
}
