package acsauth

import (
	"context"
	"errors"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsidentity"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/httpx"
)

// settling is how often, and how far apart, the store is asked again while it
// contradicts itself or nobody knows what it did.
var settling = httpx.Retry{Max: 6, Base: 200 * time.Millisecond, MaxDelay: 2 * time.Second}

// cleanupTimeout bounds each of the three steps of undoing a creation that failed, so
// that none keeps the others from being tried.
const cleanupTimeout = CleanupTime / 3

// Create returns the user's ACS identity, and creates it if there is none: any
// number of calls, on any number of processes, end in one identity. created tells
// whether it was this call that created it.
//
// An identity that cannot be mapped is deleted again before Create returns; a
// call that failed can be repeated. The error wraps [ErrMappingInvalid] if what is
// stored cannot be trusted.
func (s *Service) Create(ctx context.Context, u User) (acsID string, created bool, err error) {
	if err := u.check(); err != nil {
		return "", false, err
	}
	made := false // written by the run that this call leads, read after its end
	acsID, led, err := s.flights.do(ctx, u, "create", func(ctx context.Context) (string, error) {
		id, token, err := s.ensure(ctx, u, false)
		made = token != nil
		return id, err
	})
	return acsID, led && err == nil && made, inWords(err)
}

// ensure returns the mapped identity of u, or creates one. token is nil if the
// identity existed, and empty unless withToken. Without it the identity is alive, as
// far as anybody knows.
func (s *Service) ensure(ctx context.Context, u User, withToken bool) (acsID string, token *acsidentity.AccessToken, err error) {
	unrepaired := s.repair(ctx, u, !withToken)
	acsID, err = s.store.lookupRenew(ctx, u)
	switch {
	case err == nil && s.isDead(acsID), errors.Is(err, ErrNotMapped):
		return s.create(ctx, u, withToken)
	case err != nil:
		return "", nil, err
	case s.isForeign(acsID):
		if !s.cfg.ReplaceForeign {
			return "", nil, errForeign
		}
		if err := s.letGo(ctx, u, acsID, "foreign"); err != nil {
			return "", nil, err
		}
		return s.create(ctx, u, withToken)
	case withToken || !s.isDoubtful(acsID): // when asked for a token, ACS tells whether it is alive
		return acsID, nil, nil
	}
	err = unrepaired[acsID] // it was tried just now, and its entry is open
	if err == nil {
		_, err = s.deleteBoth(ctx, u, acsID)
	}
	if err != nil {
		return "", nil, err
	}
	return s.create(ctx, u, withToken)
}

// letGo removes a mapping without touching its identity. That an identity is gone is
// recorded once, however many callers find that out at once, and even if the store
// shows for a while what it was. After that the store may show a mapping to another
// identity, if somebody else has mapped the user anew.
func (s *Service) letGo(ctx context.Context, u User, acsID, reason string) error {
	s.forget(u)
	if err := s.store.catchUp(ctx); err != nil {
		return err
	}
	if err := s.store.delete(ctx, u, acsID); err != nil {
		return err
	}
	if reason != "gone" || s.note(acsID, unmapped) {
		s.audit(ctx, "mapping_removed_"+reason, u, acsID)
	}
	return nil
}

// create creates an identity and maps it. The store is the arbiter: whoever comes
// second deletes what they created and takes the winner's.
func (s *Service) create(ctx context.Context, u User, withToken bool) (string, *acsidentity.AccessToken, error) {
	acsID, token, report, err := s.newIdentity(ctx, u, withToken)
	if err != nil {
		return "", nil, err
	}
	settled := false
	defer func() {
		if !settled { // the store has panicked, or ended this goroutine
			report.leave(ctx, errEnded)
		}
	}()
	winner, err := s.settle(ctx, u, acsID)
	settled = true
	if err == nil && winner == acsID {
		report.close(ctx, "mapped")
		s.audit(ctx, "identity_created", u, acsID)
		s.remember(u, acsID)
		return acsID, token, nil
	}
	s.discard(ctx, u, acsID, report)
	return winner, nil, err
}

// newIdentity creates an identity that is not mapped yet, as the open report says.
func (s *Service) newIdentity(ctx context.Context, u User, withToken bool) (acsID string, token *acsidentity.AccessToken, r report, err error) {
	r, err = s.openReport(ctx, u, EntryCreate, "")
	if err != nil {
		return "", nil, r, err
	}
	token = new(acsidentity.AccessToken)
	if withToken {
		acsID, *token, err = s.cfg.Identities.CreateIdentityWithToken(ctx, s.cfg.Tokens)
	} else {
		acsID, err = s.cfg.Identities.CreateIdentity(ctx)
	}
	if acsID != "" {
		r.identify(ctx, acsID)
	}
	if err == nil {
		err = s.learnFromNew(acsID)
	}
	switch {
	case err == nil:
		return acsID, token, r, nil
	case acsID != "": // created, but the token that came with it is unusable, or it is none of ours
		s.discard(ctx, u, acsID, r)
	case errors.Is(err, acsidentity.ErrOutcomeUnknown):
		r.leave(ctx, err)
	default:
		r.close(ctx, "not created")
	}
	return "", nil, r, err
}

// settle maps u to acsID, and returns what u is mapped to in the end: acsID, or
// what somebody else mapped u to first. After an error the caller must delete
// acsID: settle has removed its mapping, as far as the store could be asked.
func (s *Service) settle(ctx context.Context, u User, acsID string) (winner string, err error) {
	unknown := false // whether some attempt may have, or may yet, come through
	began := time.Now()
	for attempt := 0; ; attempt++ {
		err = s.store.create(ctx, u, acsID)
		switch {
		case err == nil:
			return acsID, nil
		case errors.Is(err, ErrAlreadyMapped):
			winner, err = s.winner(ctx, u, acsID, time.Since(began) >= s.store.lag)
			if err == nil {
				return winner, nil
			}
			if !errors.Is(err, ErrNotMapped) {
				return "", s.unmap(ctx, u, acsID, unknown, err)
			}
			// The store says in one breath that there is a mapping and
			// that there is none: a deletion, or a copy that lags behind.
		case errors.Is(err, ErrNotStored) && !unknown:
			return "", err
		case !errors.Is(err, ErrNotStored):
			unknown = true
		}
		pause, ok := settling.Delay(attempt, nil, s.cfg.Now())
		if !ok || httpx.Sleep(ctx, pause) != nil {
			return "", s.unmap(ctx, u, acsID, unknown, err)
		}
	}
}

// winner returns the mapping that won against acsID. The error wraps ErrNotMapped
// if there is none to be seen, or none but to an identity that is dead. That mapping is
// removed once the store has had the time to show another.
func (s *Service) winner(ctx context.Context, u User, acsID string, caughtUp bool) (string, error) {
	winner, err := s.store.lookupRenew(ctx, u)
	switch {
	case err != nil:
		return "", err
	case winner != acsID && s.isDead(winner) && !caughtUp:
		return "", ErrNotMapped
	case winner != acsID && s.isDead(winner):
		// We know that it is dead, so its mapping is what a deletion left.
		if err := s.letGo(ctx, u, winner, "gone"); err != nil {
			return "", err
		}
		return "", ErrNotMapped
	case s.isForeign(winner):
		return "", errForeign
	case winner != acsID && s.isDoubtful(winner):
		if _, err := s.deleteBoth(ctx, u, winner); err != nil {
			return "", err
		}
		return "", ErrNotMapped
	}
	return winner, nil
}

// unmap gives up storing a mapping. It removes what may have been written, since the
// identity is about to be deleted, and returns the error to report, which is never
// identity_not_mapped: that would tell the caller to create one.
func (s *Service) unmap(ctx context.Context, u User, acsID string, unknown bool, cause error) error {
	if unknown {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
		defer cancel()
		// If this fails too, the mapping may stay and name a dead identity:
		// the next token request finds out and removes it.
		if err := s.store.delete(ctx, u, acsID); err != nil {
			cause = errors.Join(cause, err)
		}
	}
	var said *Error
	var failure Failure
	switch {
	case errors.As(cause, &said): // what won is another resource's, which repeating does not change
	case unknown, errors.Is(cause, ErrNotMapped), !errors.As(cause, &failure) && !errors.Is(cause, ErrMappingInvalid):
		return standard("upstream_unavailable", cause)
	}
	return cause
}

// discard deletes an identity that was created but not mapped. It does so even if
// the time of the operation is up, and leaves the report open if it fails.
func (s *Service) discard(ctx context.Context, u User, acsID string, report report) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	s.note(acsID, doubtful) // should the store show it all the same
	err := s.cfg.Identities.DeleteIdentity(ctx, acsID)
	// A limit of our own makes callers go away, but not those who clean up.
	for attempt := 0; httpx.IsOverloaded(err); attempt++ {
		pause, ok := settling.Delay(attempt, nil, s.cfg.Now())
		if !ok || httpx.Sleep(ctx, pause) != nil {
			break
		}
		err = s.cfg.Identities.DeleteIdentity(ctx, acsID)
	}
	if err != nil && s.judge(acsID, err) == accepted {
		report.leave(ctx, err)
		return
	}
	s.note(acsID, dead)
	report.close(ctx, "deleted")
	s.audit(ctx, "identity_discarded", u, acsID)
}
