package resources

import (
	"context"
	"encoding/base64"
	"encoding/binary"

	"hypernova/placement"
	"hypernova/placement/store"
)

// markVersion is the first byte of a mark. Marks of another version are not understood.
const markVersion = 1

// Changes returns the providers that changed since a mark that it returned before. Without a mark, and for one that it
// does not understand, it returns all. It needs one SELECT if nothing has changed.
//
// A mark has the counters of all shards. Counters become visible in their order, so that no change of a concurrent
// writer is missed; see package store. One that is ahead of the database, which has been restored from a backup, makes
// its shard whole.
func (p *Providers) Changes(ctx context.Context, mark string) (placement.Changes, error) {
	snap, err := p.snapshot(ctx)
	if err != nil {
		return placement.Changes{}, err
	}
	known, understood := parseMark(mark)
	out := placement.Changes{Mark: snap.mark()}
	for id := range snap.shards {
		now, had := &snap.shards[id], known[id]
		if understood && had.Counter == now.Counter && had.Epoch == now.Epoch {
			continue
		}
		part := placement.ChangedPart{ID: int64(id),
			Whole: !understood || had.Epoch != now.Epoch || had.Counter > now.Counter}
		for _, v := range now.byID {
			if part.Whole || v.Counter > had.Counter {
				part.Providers = append(part.Providers, v.ProviderState)
			}
		}
		out.Parts = append(out.Parts, part)
	}
	return out, nil
}

// mark is the counters of the shards, as text for URLs.
func (s *snapshot) mark() string {
	b := []byte{markVersion}
	for i := range s.shards {
		b = binary.AppendUvarint(b, uint64(s.shards[i].Counter))
		b = binary.AppendUvarint(b, uint64(s.shards[i].Epoch))
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// parseMark reads the counters of a mark; ok is false for a text that is none.
func parseMark(text string) (counters [store.ShardCount]store.Shard, ok bool) {
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(b) == 0 || b[0] != markVersion {
		return counters, false
	}
	b = b[1:]
	next := func() int64 {
		v, n := binary.Uvarint(b)
		if ok = n > 0; ok {
			b = b[n:]
		}
		return int64(v)
	}
	for i := range counters {
		if counters[i].Counter = next(); !ok {
			return counters, false
		}
		if counters[i].Epoch = next(); !ok {
			return counters, false
		}
	}
	return counters, len(b) == 0
}
