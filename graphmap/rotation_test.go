package graphmap_test

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/graphmap"
)

// Keys change as Config.Keys says to, while the Mapper is at work, and nothing is
// refused.
func TestCurrentKeys(t *testing.T) {
	t.Parallel()
	var keys atomic.Pointer[[][]byte]
	set := func(to ...[]byte) { keys.Store(&to) }
	set(key1)
	g := newGraph(t)
	m := overTLS(t, g, func(cfg *graphmap.Config) {
		cfg.Keys, cfg.CurrentKeys = nil, func() [][]byte { return *keys.Load() }
	})
	const users = 4
	for n := range users {
		if err := m.Create(t.Context(), user(n), acsID(n)); err != nil {
			t.Fatal(err)
		}
	}
	everybody := func() {
		t.Helper()
		var calls sync.WaitGroup
		for n := range users {
			calls.Go(func() {
				if got, err := m.LookupRenew(t.Context(), user(n)); got != acsID(n) || err != nil {
					t.Errorf("LookupRenew = %q, %v", got, err)
				}
			})
		}
		calls.Wait()
	}
	everybody()
	set(key1, key2) // on every replica
	everybody()
	set(key2, key1) // on every replica; now mappings are signed anew
	everybody()
	set(key2)
	everybody()
	signature := g.stored(user(1))["acsUserIdentitySignature"]
	if text, _ := signature.(string); !strings.HasPrefix(text, "v1.e3e16780.") {
		t.Errorf("the mapping is not signed with the new key: %v", signature)
	}
	set(key1) // a mistake, for which nobody can say who wrote what is stored
	if _, err := m.Lookup(t.Context(), user(1)); !errors.Is(err, acsauth.ErrMappingInvalid) {
		t.Errorf("Lookup: %v, want ErrMappingInvalid", err)
	}
}

// Keys that New would refuse fail an operation before anything is sent.
func TestCurrentKeysAreChecked(t *testing.T) {
	t.Parallel()
	for want, bad := range map[string][][]byte{
		"there are no Keys":       nil,
		"Keys[1] has 31 bytes":    {key1, key2[:31]},
		"Keys[1] repeats Keys[0]": {key1, key1},
	} {
		keys := [][]byte{key1}
		g := newGraph(t)
		m := overTLS(t, g, func(cfg *graphmap.Config) {
			cfg.Keys, cfg.CurrentKeys = nil, func() [][]byte { return keys }
		})
		if err := graphmap.CheckKeys(bad); err == nil || !strings.Contains(err.Error(), want) || graphmap.CheckKeys(keys) != nil {
			t.Errorf("CheckKeys: %v, want: %s", err, want)
		}
		keys = bad
		_, lookup := m.Lookup(t.Context(), user(1))
		create := m.Create(t.Context(), user(1), acsID(1))
		for _, err := range []error{lookup, create, m.Delete(t.Context(), user(1), acsID(1))} {
			var failure acsauth.Failure
			if !errors.As(err, &failure) || failure.FailureKind() != "misconfigured" || !strings.Contains(err.Error(), want) {
				t.Errorf("error %v, want one of kind misconfigured that says: %s", err, want)
			}
		}
		if !errors.Is(create, acsauth.ErrNotStored) {
			t.Errorf("Create: %v, want ErrNotStored", create)
		}
		if n := len(g.seen()); n > 0 {
			t.Errorf("%d requests were sent", n)
		}
	}
}
