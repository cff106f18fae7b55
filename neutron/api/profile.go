package api

import (
	"encoding/json"

	"hypernova/neutron"
	"hypernova/oslo/opt"
)

// ComputeKey is the member of a binding profile under which compute, when it runs apart from networking, keeps what
// it must find again: whether it made the port, the NIC's tag, the host name. Within one process the same facts go
// by the contract.
const ComputeKey = "compute"

// ownedByCompute is that member's content.
type ownedByCompute struct {
	Made    bool   `json:"made,omitempty"`
	Tag     string `json:"tag,omitempty"`
	DNSName string `json:"dns_name,omitempty"`
}

// profile splits a binding profile into compute's member and the rest as text; null is an empty profile.
func (in *portChange) profile() (own ownedByCompute, rest opt.Of[string], err error) {
	if !in.Profile.Set {
		return own, rest, nil
	}
	others := map[string]json.RawMessage{}
	for k, v := range in.Profile.Or(nil) {
		if k != ComputeKey {
			others[k] = v
			continue
		}
		if err := json.Unmarshal(v, &own); err != nil {
			return own, rest, neutron.BadInput("binding:profile.%s is not what compute writes", ComputeKey)
		}
	}
	if len(others) == 0 {
		return own, opt.Some(""), nil
	}
	b, err := json.Marshal(others)
	return own, opt.Some(string(b)), err
}

// viewProfile puts a port's binding profile together again.
func viewProfile(p neutron.Port) json.RawMessage {
	own := ownedByCompute{p.Made, p.Tag, p.DNSName}
	if own == (ownedByCompute{}) {
		if p.Profile == "" {
			return json.RawMessage("{}")
		}
		return json.RawMessage(p.Profile)
	}
	if p.Profile == "" && own == (ownedByCompute{Made: true}) { // of nearly every server's port
		return json.RawMessage(`{"` + ComputeKey + `":{"made":true}}`)
	}
	all := map[string]any{}
	if p.Profile != "" {
		var others map[string]json.RawMessage
		if json.Unmarshal([]byte(p.Profile), &others) == nil { // it was written by profile
			for k, v := range others {
				all[k] = v
			}
		}
	}
	all[ComputeKey] = own
	b, err := json.Marshal(all)
	if err != nil {
		return json.RawMessage("{}") // strings and raw messages that were read always encode
	}
	return b
}
