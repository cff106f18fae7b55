package neutron

// TagChange says what becomes of a thing's tags. It is asked in the transaction of the change, with the tags as they
// are then, so that of two changes at once none is lost. A nil TagChange leaves them as they are.
type TagChange func(tags []string) ([]string, error)

// Of is what the tags become.
func (c TagChange) Of(tags []string) ([]string, error) {
	if c == nil {
		return tags, nil
	}
	return c(tags)
}
