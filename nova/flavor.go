package nova

import (
	"strconv"
	"strings"

	"hypernova/oslo/fault"
	"hypernova/placement"
)

// Ask is what a server of a flavor wants of a host.
type Ask struct {
	Resources placement.Resources
	Required  []string // traits
	Forbidden []string
	Specs     map[string]string // the other extra specs, for capability filters
}

// Ask reads a flavor's sizes and its extra specs "resources:CLASS=n" (which replace a size, 0 removes it) and
// "trait:NAME=required|forbidden". A spec that makes no sense is fault.Invalid.
func (f *Flavor) Ask() (Ask, error) {
	a := Ask{Resources: placement.Resources{}, Specs: map[string]string{}}
	disk := int64(f.Disk) + int64(f.Ephemeral) + (int64(f.Swap)+1023)/1024
	for class, n := range map[string]int64{placement.VCPU: int64(f.VCPUs), placement.MemoryMB: int64(f.RAM), placement.DiskGB: disk} {
		if n > 0 {
			a.Resources[class] = n
		}
	}
	for k, v := range f.ExtraSpecs {
		if class, ok := strings.CutPrefix(k, "resources:"); ok {
			n, err := strconv.ParseInt(v, 10, 64)
			if err != nil || n < 0 {
				return a, fault.Invalidf("Flavor %s has the extra spec %s=%s, which is not an amount.", f.Name, k, v)
			}
			if n == 0 {
				delete(a.Resources, class)
				continue
			}
			a.Resources[class] = n
			continue
		}
		if trait, ok := strings.CutPrefix(k, "trait:"); ok {
			switch v {
			case "required":
				a.Required = append(a.Required, trait)
			case "forbidden":
				a.Forbidden = append(a.Forbidden, trait)
			default:
				return a, fault.Invalidf("Flavor %s has the extra spec %s=%s; it must be required or forbidden.", f.Name, k, v)
			}
			continue
		}
		a.Specs[k] = v
	}
	return a, nil
}
