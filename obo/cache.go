package obo

import (
	"container/heap"
	"container/list"
	"crypto/sha256"
	"sync"
	"time"
)

type cacheKey [sha256.Size]byte

// An item is what is remembered: a token, or why there is none.
type item struct {
	token   string
	failure *Error
	expires time.Time
}

// entryOverhead is what an entry takes in memory besides its texts: itself, its
// places in the map, the list and the heap, and their spare room. It was
// measured (BenchmarkMemoryPerEntry) and rounded up.
const entryOverhead = 512

func (i item) size() int64 {
	size := entryOverhead + len(i.token)
	if i.failure != nil {
		size += entryOverhead + len(i.failure.Claims)
	}
	return int64(size)
}

// A cache is bounded by entries and by bytes. What has been used least recently
// makes room; what has expired goes at the next call.
type cache struct {
	maxEntries int
	maxBytes   int64

	mu       sync.Mutex
	bytes    int64
	entries  map[cacheKey]*entry
	recent   list.List // of *entry, latest use first
	byExpiry expiryHeap
}

type entry struct {
	item
	key      cacheKey
	recent   *list.Element
	byExpiry int // index into the heap
}

func newCache(maxEntries int, maxBytes int64) *cache {
	return &cache{maxEntries: maxEntries, maxBytes: maxBytes, entries: make(map[cacheKey]*entry)}
}

// get returns what is remembered under key.
func (c *cache) get(key cacheKey, now time.Time) (item, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sweep(now)
	e, ok := c.entries[key]
	if !ok {
		return item{}, false
	}
	c.recent.MoveToFront(e.recent)
	return e.item, true
}

// put remembers i in place of whatever was there.
func (c *cache) put(key cacheKey, i item, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sweep(now)
	if old, ok := c.entries[key]; ok {
		c.remove(old)
	}
	c.insert(key, i, now)
}

// add remembers i unless something is there.
func (c *cache) add(key cacheKey, i item, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sweep(now)
	if _, ok := c.entries[key]; !ok {
		c.insert(key, i, now)
	}
}

// drop forgets what is remembered under key.
func (c *cache) drop(key cacheKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.entries[key]; ok {
		c.remove(e)
	}
}

func (c *cache) insert(key cacheKey, i item, now time.Time) {
	if !i.expires.After(now) || i.size() > c.maxBytes {
		return
	}
	e := &entry{item: i, key: key}
	e.recent = c.recent.PushFront(e)
	heap.Push(&c.byExpiry, e)
	c.entries[key] = e
	c.bytes += e.size()
	for len(c.entries) > c.maxEntries || c.bytes > c.maxBytes {
		c.remove(c.recent.Back().Value.(*entry))
	}
}

func (c *cache) remove(e *entry) {
	delete(c.entries, e.key)
	c.recent.Remove(e.recent)
	heap.Remove(&c.byExpiry, e.byExpiry)
	c.bytes -= e.size()
}

func (c *cache) sweep(now time.Time) {
	for len(c.byExpiry) > 0 && !c.byExpiry[0].expires.After(now) {
		c.remove(c.byExpiry[0])
	}
}

// An expiryHeap has the entry that expires first at index 0.
type expiryHeap []*entry

var _ heap.Interface = (*expiryHeap)(nil)

func (h expiryHeap) Len() int           { return len(h) }
func (h expiryHeap) Less(i, j int) bool { return h[i].expires.Before(h[j].expires) }

func (h expiryHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].byExpiry, h[j].byExpiry = i, j
}

func (h *expiryHeap) Push(x any) {
	e := x.(*entry)
	e.byExpiry = len(*h)
	*h = append(*h, e)
}

func (h *expiryHeap) Pop() any {
	last := len(*h) - 1
	e := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return e
}
