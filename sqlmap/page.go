package sqlmap

import "iter"

// pages yields the pages that next reads, one after another. It is given the last
// of the page before, or the zero T; an empty page is the end.
func pages[T any](next func(last T) ([]T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var last T
		for {
			page, err := next(last)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			if len(page) == 0 {
				return
			}
			for _, last = range page {
				if !yield(last, nil) {
					return
				}
			}
		}
	}
}
