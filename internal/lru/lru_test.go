package lru_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/lru"
)

type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

func held(c *lru.Cache[string, int], keys ...string) map[string]int {
	got := map[string]int{}
	for _, key := range keys {
		if value, ok := c.Get(key); ok {
			got[key] = value
		}
	}
	return got
}

func TestBoundedInEntries(t *testing.T) {
	t.Parallel()
	at := &clock{time.Unix(1000, 0)}
	c := lru.New[string, int](2, 1<<20, at.now)
	later := at.t.Add(time.Hour)
	c.Put("a", 1, 10, later)
	c.Put("b", 2, 10, later)
	c.Get("a")
	c.Put("c", 3, 10, later)
	if diff := cmp.Diff(map[string]int{"a": 1, "c": 3}, held(c, "a", "b", "c")); diff != "" {
		t.Errorf("b was not used for longest and must be gone: %s", diff)
	}
}

func TestBoundedInBytes(t *testing.T) {
	t.Parallel()
	at := &clock{time.Unix(1000, 0)}
	c := lru.New[string, int](100, 2*(1000+lru.Overhead), at.now)
	later := at.t.Add(time.Hour)
	for i, key := range []string{"a", "b", "c"} {
		c.Put(key, i, 1000, later)
	}
	c.Put("huge", 9, 5000, later)
	if diff := cmp.Diff(map[string]int{"b": 1, "c": 2}, held(c, "a", "b", "c", "huge")); diff != "" {
		t.Error(diff)
	}
	if entries, bytes := c.Size(); entries != 2 || bytes != 2*(1000+lru.Overhead) {
		t.Errorf("%d entries, %d bytes", entries, bytes)
	}
}

func TestExpiry(t *testing.T) {
	t.Parallel()
	at := &clock{time.Unix(1000, 0)}
	c := lru.New[string, int](100, 1<<20, at.now)
	c.Put("short", 1, 10, at.t.Add(time.Minute))
	c.Put("long", 2, 10, at.t.Add(time.Hour))
	c.Put("expired", 3, 10, at.t)
	at.t = at.t.Add(time.Minute)
	if diff := cmp.Diff(map[string]int{"long": 2}, held(c, "short", "long", "expired")); diff != "" {
		t.Error(diff)
	}
	at.t = at.t.Add(time.Hour)
	if entries, bytes := c.Size(); entries != 0 || bytes != 0 {
		t.Errorf("%d entries, %d bytes are left", entries, bytes)
	}
}

// Entries that nobody asks for again must not pile up until the cache is full.
func TestExpiredEntriesLeaveUnasked(t *testing.T) {
	t.Parallel()
	at := &clock{time.Unix(1000, 0)}
	c := lru.New[int, int](1<<20, 1<<30, at.now)
	for i := range 10_000 {
		c.Put(i, i, 10, at.t.Add(time.Minute))
		at.t = at.t.Add(time.Second)
	}
	if entries, _ := c.Size(); entries > 61 {
		t.Errorf("%d entries are left, of which 60 can be alive", entries)
	}
}

func TestAddAndDelete(t *testing.T) {
	t.Parallel()
	at := &clock{time.Unix(1000, 0)}
	c := lru.New[string, int](100, 1<<20, at.now)
	for i, key := range []string{"a", "b", "c"} {
		c.Put(key, i, 10, at.t.Add(time.Hour))
	}
	c.Add("a", 7, 10, at.t.Add(time.Hour))
	c.Add("d", 3, 10, at.t.Add(time.Hour))
	if diff := cmp.Diff(map[string]int{"a": 0, "d": 3}, held(c, "a", "d")); diff != "" {
		t.Errorf("Add must leave alone what is there: %s", diff)
	}
	c.Delete("a")
	c.DeleteIf("b", func(v int) bool { return v == 7 })
	c.DeleteIf("c", func(v int) bool { return v == 2 })
	c.Delete("never there")
	if diff := cmp.Diff(map[string]int{"b": 1}, held(c, "a", "b", "c")); diff != "" {
		t.Error(diff)
	}
}
