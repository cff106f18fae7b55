package api

// Paged cuts a list that was read with one element more than the page may hold; next is the marker of the page behind it, empty at the end.
func Paged[T any](all []T, limit int, marker func(T) string) (page []T, next string) {
	if len(all) <= limit {
		return all, ""
	}
	if page = all[:limit]; limit > 0 {
		next = marker(page[limit-1])
	}
	return page, next
}
