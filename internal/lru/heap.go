package lru

import "container/heap"

// An expiryHeap has the entry that expires first at index 0.
type expiryHeap[K comparable, V any] []*entry[K, V]

func (h *expiryHeap[K, V]) push(e *entry[K, V])   { heap.Push(h, e) }
func (h *expiryHeap[K, V]) remove(e *entry[K, V]) { heap.Remove(h, e.byExpiry) }

// Len implements [heap.Interface].
func (h expiryHeap[K, V]) Len() int { return len(h) }

// Less implements [heap.Interface].
func (h expiryHeap[K, V]) Less(i, j int) bool { return h[i].until.Before(h[j].until) }

// Swap implements [heap.Interface].
func (h expiryHeap[K, V]) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].byExpiry, h[j].byExpiry = i, j
}

// Push implements [heap.Interface].
func (h *expiryHeap[K, V]) Push(x any) {
	e := x.(*entry[K, V])
	e.byExpiry = len(*h)
	*h = append(*h, e)
}

// Pop implements [heap.Interface].
func (h *expiryHeap[K, V]) Pop() any {
	last := len(*h) - 1
	e := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return e
}
