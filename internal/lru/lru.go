// Package lru is a cache whose entries expire, and whose size is bounded both in
// entries and in bytes: what was not used for longest makes room.
package lru

import (
	"container/list"
	"sync"
	"time"
)

// Overhead is what an entry takes in memory besides what the caller counts:
// itself, its places in map, list and heap, and their spare room. It was measured
// and rounded up.
const Overhead = 512

// A Cache remembers values until they expire or until there is no room for them.
// It is safe for concurrent use. Make one with [New].
type Cache[K comparable, V any] struct {
	maxEntries int
	maxBytes   int64
	now        func() time.Time

	mu       sync.Mutex
	bytes    int64
	entries  map[K]*entry[K, V]
	recent   list.List // of *entry[K, V], latest use first
	byExpiry expiryHeap[K, V]
}

type entry[K comparable, V any] struct {
	key      K
	value    V
	size     int64
	until    time.Time
	recent   *list.Element
	byExpiry int // index into the heap
}

// New returns an empty cache of at most maxEntries entries and maxBytes bytes,
// [Overhead] included.
func New[K comparable, V any](maxEntries int, maxBytes int64, now func() time.Time) *Cache[K, V] {
	return &Cache[K, V]{maxEntries: maxEntries, maxBytes: maxBytes, now: now, entries: make(map[K]*entry[K, V])}
}

// Get returns the value of key, unless it has expired.
func (c *Cache[K, V]) Get(key K) (value V, ok bool) {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sweep(now)
	e, ok := c.entries[key]
	if !ok {
		return value, false
	}
	c.recent.MoveToFront(e.recent)
	return e.value, true
}

// Put stores value under key until a time, in place of what was there. size is what key
// and value take in memory, in bytes, without [Overhead]. A value that alone exceeds the
// bound is not stored.
func (c *Cache[K, V]) Put(key K, value V, size int64, until time.Time) {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sweep(now)
	if old, ok := c.entries[key]; ok {
		c.remove(old)
	}
	c.insert(&entry[K, V]{key: key, value: value, size: size + Overhead, until: until}, now)
}

// Add is Put, but leaves alone what is there.
func (c *Cache[K, V]) Add(key K, value V, size int64, until time.Time) {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sweep(now)
	if _, ok := c.entries[key]; !ok {
		c.insert(&entry[K, V]{key: key, value: value, size: size + Overhead, until: until}, now)
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
	if e, ok := c.entries[key]; ok && condition(e.value) {
		c.remove(e)
	}
}

// Size returns the number of entries and their bytes.
func (c *Cache[K, V]) Size() (entries int, bytes int64) {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sweep(now)
	return len(c.entries), c.bytes
}

func (c *Cache[K, V]) insert(e *entry[K, V], now time.Time) {
	if !e.until.After(now) || e.size > c.maxBytes {
		return
	}
	e.recent = c.recent.PushFront(e)
	c.byExpiry.push(e)
	c.entries[e.key] = e
	c.bytes += e.size
	for len(c.entries) > c.maxEntries || c.bytes > c.maxBytes {
		c.remove(c.recent.Back().Value.(*entry[K, V]))
	}
}

func (c *Cache[K, V]) remove(e *entry[K, V]) {
	delete(c.entries, e.key)
	c.recent.Remove(e.recent)
	c.byExpiry.remove(e)
	c.bytes -= e.size
}

// sweep drops what has expired. Every call does so, so that nobody has to ask for
// an entry again to be rid of it.
func (c *Cache[K, V]) sweep(now time.Time) {
	for len(c.byExpiry) > 0 && !c.byExpiry[0].until.After(now) {
		c.remove(c.byExpiry[0])
	}
}
