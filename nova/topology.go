package nova

import (
	"strconv"

	"hypernova/oslo/fault"
)

// Topology is how a server's CPUs look to it.
type Topology struct{ Sockets, Cores, Threads int }

// CPUs is the topology that a flavor's extra specs and an image's properties ask for. What is left open becomes
// sockets. The flavor's bounds hold for the image; of single wishes the image's counts. fault.Invalid where nothing
// fits the number of CPUs.
func CPUs(f *Flavor, wishes map[string]string) (Topology, error) {
	number := func(spec, property string) (int, error) {
		want := 0
		if v := f.ExtraSpecs[spec]; v != "" {
			n, err := strconv.Atoi(v)
			if err != nil || n < 0 {
				return 0, fault.Invalidf("Flavor %s has the extra spec %s=%s, which is not a number.", f.Name, spec, v)
			}
			want = n
		}
		if v := wishes[property]; v != "" {
			n, err := strconv.Atoi(v)
			if err != nil || n < 0 {
				return 0, fault.Invalidf("Image property %s=%s is not a number of CPUs.", property, v)
			}
			want = n
		}
		return want, nil
	}
	bound := func(spec, property string) (int, error) {
		most, err := number(spec, "")
		if err != nil {
			return 0, err
		}
		n, err := number("", property)
		switch {
		case err != nil:
			return 0, err
		case n > 0 && most > 0 && n > most:
			return 0, fault.Invalidf("Image property %s=%d is more than the flavor's %s=%d.", property, n, spec, most)
		case n > 0:
			most = n
		case most == 0:
			most = 1 << 16
		}
		return most, nil
	}
	var want, most [3]int
	for i, part := range []string{"sockets", "cores", "threads"} {
		var err error
		if want[i], err = number("hw:cpu_"+part, "hw_cpu_"+part); err != nil {
			return Topology{}, err
		}
		if most[i], err = bound("hw:cpu_max_"+part, "hw_cpu_max_"+part); err != nil {
			return Topology{}, err
		}
		if want[i] > most[i] {
			return Topology{}, fault.Invalidf("Image vCPU topology is impossible: %d %s are asked for, %d allowed.",
				want[i], part, most[i])
		}
	}
	// Of all that make the number of CPUs: with as many of the wishes as can be, then with most sockets, then with
	// most cores.
	best, score := Topology{}, -1
	for s := min(f.VCPUs, most[0]); s > 0; s-- {
		for c := min(f.VCPUs/s, most[1]); c > 0; c-- {
			t := f.VCPUs / s / c
			if s*c*t != f.VCPUs || t > most[2] {
				continue
			}
			n := 0
			for i, have := range []int{s, c, t} {
				if want[i] == have {
					n++
				}
			}
			if n > score {
				best, score = Topology{s, c, t}, n
			}
		}
	}
	if score < 0 {
		return best, fault.Invalidf("Image vCPU topology is impossible: "+
			"no number of sockets, cores and threads within the bounds makes %d CPUs.", f.VCPUs)
	}
	return best, nil
}
