package store

import (
	"context"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"

	"hypernova/oslo/db"
)

// shardRow counts the changes of the providers of one shard. The first migration inserted the rows.
type shardRow struct {
	ID      int64 `db:"id"`
	Counter int64 `db:"counter"`
	Epoch   int64 `db:"epoch"`
}

var (
	shards = db.NewTable[shardRow](Statements, "shards", "id")
	// One row, because the rows of the shards cost more to read than what they say.
	shardsAll = db.NewQuery[string](Statements, `
SELECT COALESCE(STRING_AGG(id || ':' || counter || ':' || epoch, ',' ORDER BY id), '')
FROM shards`)
	shardNext    = db.NewQuery[int64](Statements, "UPDATE shards SET counter = counter + 1 WHERE id = ? RETURNING counter")
	shardReset   = shards.Update("", "epoch = epoch + 1")
	providerSeen = db.NewExec(Statements, "UPDATE providers SET touched = ? WHERE id = ?")
)

// ShardCount is the number of shards.
const ShardCount = 64

// Shard is the state of one shard. Counter grows with each change of a provider of the shard. Epoch grows when one is
// deleted: readers then read the whole shard.
type Shard struct{ ID, Counter, Epoch int64 }

// ShardOf returns the shard of a provider.
func ShardOf(provider string) int64 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(provider)) // a hash does not fail
	return int64(h.Sum32() % ShardCount)
}

// Shards returns all shards, ordered by id.
func Shards(ctx context.Context, on db.Querier) ([]Shard, error) {
	text, err := shardsAll.One(ctx, on)
	if err != nil {
		return nil, err
	}
	out := make([]Shard, 0, ShardCount)
	for one := range strings.SplitSeq(text, ",") {
		var s Shard
		for _, into := range []*int64{&s.ID, &s.Counter, &s.Epoch} {
			var number string
			number, one, _ = strings.Cut(one, ":")
			if *into, err = strconv.ParseInt(number, 10, 64); err != nil {
				return nil, err
			}
		}
		out = append(out, s)
	}
	return out, nil
}

// Touch marks providers as changed. The caller runs it in the transaction of the change. Shards are locked in the order
// of their ids, so that two writers do not wait for each other.
func Touch(ctx context.Context, tx *db.Tx, ids ...string) error {
	slices.SortFunc(ids, func(a, b string) int { return int(ShardOf(a) - ShardOf(b)) })
	last, counter := int64(-1), int64(0)
	for _, id := range ids {
		if shard := ShardOf(id); shard != last {
			n, err := shardNext.One(ctx, tx, shard)
			if err != nil {
				return err
			}
			last, counter = shard, n
		}
		if _, err := providerSeen.Do(ctx, tx, counter, id); err != nil {
			return err
		}
	}
	return nil
}
