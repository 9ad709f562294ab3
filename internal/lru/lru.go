// Package lru is a least-recently-used cache whose entries expire and whose size
// is bounded both in entries and in bytes.
package lru

import (
	"container/list"
	"sync"
	"time"
)

// entryOverhead is about what one entry costs besides what the caller counts:
// list element, map cell and the entry itself.
const entryOverhead = 200

// A Cache remembers values until they expire or until there is no room for them.
// It is safe for concurrent use. Make one with [New].
type Cache[K comparable, V any] struct {
	maxEntries int
	maxBytes   int64
	now        func() time.Time

	mu    sync.Mutex
	order *list.List // of *entry[K, V]; the most recently used in front
	index map[K]*list.Element
	bytes int64
}

type entry[K comparable, V any] struct {
	key   K
	value V
	bytes int64
	until time.Time
}

// New returns an empty cache of at most maxEntries entries and maxBytes bytes.
func New[K comparable, V any](maxEntries int, maxBytes int64, now func() time.Time) *Cache[K, V] {
	return &Cache[K, V]{maxEntries: maxEntries, maxBytes: maxBytes, now: now, order: list.New(), index: make(map[K]*list.Element)}
}

// Get returns the value of key, unless it has expired.
func (c *Cache[K, V]) Get(key K) (value V, ok bool) {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	element, ok := c.index[key]
	if !ok {
		return value, false
	}
	e := element.Value.(*entry[K, V])
	if !now.Before(e.until) {
		c.remove(element)
		return value, false
	}
	c.order.MoveToFront(element)
	return e.value, true
}

// Put remembers value, which takes size bytes, until then. It replaces what was
// remembered for key, and drops the entries that were not used for longest if
// there is no room. A value that alone is too large is not remembered.
func (c *Cache[K, V]) Put(key K, value V, size int64, until time.Time) {
	size += entryOverhead
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if element, ok := c.index[key]; ok {
		c.remove(element)
	}
	if size > c.maxBytes || !now.Before(until) {
		return
	}
	c.index[key] = c.order.PushFront(&entry[K, V]{key, value, size, until})
	c.bytes += size
	// Two steps of a sweep with every insertion: what has expired unused
	// leaves before the cache can fill up with it.
	for range 2 {
		if last := c.order.Back(); last != nil && !now.Before(last.Value.(*entry[K, V]).until) {
			c.remove(last)
		}
	}
	for c.order.Len() > c.maxEntries || c.bytes > c.maxBytes {
		c.remove(c.order.Back())
	}
}

// Delete forgets key.
func (c *Cache[K, V]) Delete(key K) {
	c.DeleteIf(key, func(V) bool { return true })
}

// DeleteIf forgets key if its value satisfies the condition.
func (c *Cache[K, V]) DeleteIf(key K, condition func(V) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if element, ok := c.index[key]; ok && condition(element.Value.(*entry[K, V]).value) {
		c.remove(element)
	}
}

// Sweep drops everything that has expired.
func (c *Cache[K, V]) Sweep() {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	for element := c.order.Front(); element != nil; {
		next := element.Next()
		if !now.Before(element.Value.(*entry[K, V]).until) {
			c.remove(element)
		}
		element = next
	}
}

// Size returns the number of entries, expired ones included, and their bytes.
func (c *Cache[K, V]) Size() (entries int, bytes int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.order.Len(), c.bytes
}

func (c *Cache[K, V]) remove(element *list.Element) {
	e := element.Value.(*entry[K, V])
	c.order.Remove(element)
	delete(c.index, e.key)
	c.bytes -= e.bytes
}
