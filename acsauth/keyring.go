package acsauth

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"runtime/debug"
	"sync"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/httpx"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/jose"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/syntax"
)

// How long keys live. Entra's document of keys flaps: front ends disagree, and a
// key that one fetch misses is often back hours later (48 at the most, as seen).
const (
	refreshEvery = time.Hour
	staleAfter   = 24 * time.Hour  // a request waits for a fetch rather than use older keys
	unlistedLife = 24 * time.Hour  // of a key that a successful fetch stopped listing
	outageLife   = 72 * time.Hour  // of everything while fetches fail
	unknownEvery = 5 * time.Minute // fetches on behalf of unknown key ids
	reloadEvery  = time.Second     // attempts while there are no keys at all
	retryEvery   = time.Minute     // attempts while there are keys, but old ones
	keyWait      = 3 * time.Second // how long a request waits for a fetch
	fetchTimeout = 10 * time.Second
)

// A keyring holds the authority's signing keys. Readers never wait for a refresh
// while there are keys that they can use.
type keyring struct {
	source *keySource
	now    func() time.Time
	logger *slog.Logger

	mu          sync.Mutex
	keys        map[string]ringKey
	tenant      string        // the tenant id that the metadata names
	fetched     time.Time     // the last successful fetch
	attempted   time.Time     // the last fetch that ended
	failure     error         // of that fetch; nil if it succeeded
	unknownPaid time.Time     // the last fetch on behalf of an unknown key id
	flight      chan struct{} // of the fetch under way, closed at its end; nil if there is none
}

type ringKey struct {
	jose.Key
	unlisted time.Time // when a fetch first did not list it; zero: the last one did
}

func newKeyring(authority, tenant string, client *http.Client, now func() time.Time, logger *slog.Logger) *keyring {
	k := &keyring{source: &keySource{authority: authority, tenant: tenant, client: client}, now: now, logger: logger, keys: map[string]ringKey{}}
	if syntax.IsGUID(tenant) {
		k.tenant = tenant
	}
	return k
}

// tenantID returns the tenant id: as configured, or as resolved from a domain.
func (k *keyring) tenantID() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.tenant
}

// get returns the key with this id, and waits for a fetch if it must.
func (k *keyring) get(ctx context.Context, id string) (jose.Key, error) {
	k.mu.Lock()
	key, ok := k.find(id)
	flight := k.want(ctx, ok)
	k.mu.Unlock()
	if flight != nil {
		timer := time.NewTimer(keyWait)
		defer timer.Stop()
		select {
		case <-flight:
		case <-ctx.Done():
			return jose.Key{}, keysUnavailable(ctx.Err())
		case <-timer.C:
			if !ok {
				return jose.Key{}, keysUnavailable(errors.New("fetching the signing keys took too long"))
			}
		}
		k.mu.Lock()
		key, ok = k.find(id)
		k.mu.Unlock()
	}
	if !ok {
		return jose.Key{}, k.missing()
	}
	return key, nil
}

// find returns a key that may be used now. The lock is held.
func (k *keyring) find(id string) (jose.Key, bool) {
	key, ok := k.keys[id]
	return key.Key, ok && k.alive(key)
}

func (k *keyring) alive(key ringKey) bool {
	now := k.now()
	if k.failure != nil {
		return now.Sub(k.fetched) < outageLife
	}
	return key.unlisted.IsZero() || now.Sub(key.unlisted) < unlistedLife
}

// want begins a fetch if one is due, and returns its end if the request has to
// wait for it. The lock is held, so that however many requests come at once,
// they cause one fetch.
func (k *keyring) want(ctx context.Context, found bool) (wait <-chan struct{}) {
	now := k.now()
	age, sinceAttempt := now.Sub(k.fetched), now.Sub(k.attempted)
	switch {
	case found && age < refreshEvery:
		return nil
	case found:
		if sinceAttempt >= retryEvery {
			k.begin(ctx)
		}
		if age < staleAfter || k.failure != nil {
			return nil
		}
		return k.flight
	case k.flight != nil:
		return k.flight
	case age >= staleAfter:
		if sinceAttempt < reloadEvery {
			return nil
		}
	default:
		// Anybody can make up key ids, so they are metered.
		if now.Sub(k.unknownPaid) < unknownEvery {
			return nil
		}
		k.unknownPaid = now
	}
	k.begin(ctx)
	return k.flight
}

// begin begins a fetch unless one is under way. The fetch is detached from the
// request that happens to cause it, whose end must not hurt the others. The lock
// is held.
func (k *keyring) begin(ctx context.Context) {
	if k.flight != nil {
		return
	}
	flight := make(chan struct{})
	k.flight = flight
	go func() {
		defer close(flight)
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTimeout)
		defer cancel()
		k.fetch(ctx)
	}()
}

// fetch loads the keys. However that ends, it lands: the transport may be the
// application's own, and panic or end its goroutine.
func (k *keyring) fetch(ctx context.Context) {
	var document keyDocument
	err := error(detail{errors.New("fetching the signing keys ended without a result")})
	defer func() {
		if p := recover(); p != nil {
			k.logger.ErrorContext(ctx, "fetching the signing keys has panicked", "panic", httpx.PanicText(p), "stack", string(debug.Stack()))
			err = detail{errors.New("fetching the signing keys panicked")}
		}
		k.land(ctx, document, err)
	}()
	document, err = k.source.load(ctx)
}

// land takes in the outcome of a fetch.
func (k *keyring) land(ctx context.Context, document keyDocument, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.now()
	// An outage must not bring back what had died before it.
	maps.DeleteFunc(k.keys, func(_ string, key ringKey) bool { return !k.alive(key) })
	k.flight, k.attempted, k.failure = nil, now, err
	if err != nil {
		level := slog.LevelError // no token can be checked
		if k.usable() > 0 {
			level = slog.LevelWarn
		}
		k.logger.Log(ctx, level, "signing keys could not be loaded", "error", err)
		return
	}
	k.fetched, k.tenant = now, document.tenantID
	if added := k.merge(document.keys, now); added > 0 {
		k.logger.InfoContext(ctx, "signing keys loaded", "keys", len(k.keys), "new", added)
	}
}

// merge takes in what a fetch listed, and drops what has not been listed for too
// long. It returns the number of new keys.
func (k *keyring) merge(listed []jose.Key, now time.Time) (added int) {
	seen := make(map[string]bool, len(listed))
	for _, key := range listed {
		seen[key.ID] = true
		if _, known := k.keys[key.ID]; !known {
			added++
		}
		k.keys[key.ID] = ringKey{Key: key}
	}
	for id, key := range k.keys {
		switch {
		case seen[id]:
		case key.unlisted.IsZero():
			key.unlisted = now
			k.keys[id] = key
		case now.Sub(key.unlisted) >= unlistedLife:
			delete(k.keys, id)
		}
	}
	return added
}

// missing says what it means that a key is not there.
func (k *keyring) missing() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.failure != nil:
		return keysUnavailable(k.failure)
	case k.fetched.IsZero():
		return keysUnavailable(errors.New("no signing keys have been loaded yet"))
	}
	return invalid("The access token is signed with a key that the authority does not publish.")
}

func keysUnavailable(cause error) error {
	return standard("keys_unavailable", detail{cause})
}

// state returns how many keys may be used, and when they were last fetched; zero:
// never.
func (k *keyring) state() (usable int, fetched time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.usable(), k.fetched
}

// ready returns nil if there are keys that may be used.
func (k *keyring) ready() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.usable() > 0:
		return nil
	case k.failure != nil:
		return k.failure
	}
	return errors.New("the signing keys have not been loaded yet")
}

// usable returns how many keys may be used. The lock is held.
func (k *keyring) usable() (n int) {
	for _, key := range k.keys {
		if k.alive(key) {
			n++
		}
	}
	return n
}

// run keeps the keys fresh until ctx ends.
func (k *keyring) run(ctx context.Context) error {
	retry := httpx.Retry{Max: 1 << 30, Base: time.Second, MaxDelay: 30 * time.Second}
	for failed := 0; ; failed++ {
		k.mu.Lock()
		k.begin(ctx)
		flight := k.flight
		k.mu.Unlock()
		select {
		case <-flight:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		pause, _ := retry.Delay(min(failed, 10), nil, k.now()) // bounded, for it doubles
		k.mu.Lock()
		if k.failure == nil {
			failed = -1
			pause = time.Duration(float64(refreshEvery) * (0.9 + 0.2*rand.Float64()))
		}
		k.mu.Unlock()
		if err := httpx.Sleep(ctx, pause); err != nil {
			return err
		}
	}
}
