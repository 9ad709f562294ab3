package acsauth

import (
	"context"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsidentity"
)

// confirm makes sure, before an identity of our own that ACS refuses counts as gone,
// that ACS speaks for our resource. A configured id says which one is ours, and not
// which one the credentials are of: those of another would make all of our identities
// look as if they were gone. Only an identity that ACS accepts or creates shows that.
// If there has been none yet, one is created and deleted, once in the life of a process.
//
// It runs in the user's turn. After an error nothing can be said of the identity.
func (s *Service) confirm(ctx context.Context, u User, acsID string, refusal error) error {
	if !s.mustConfirm(acsID, refusal) {
		return nil
	}
	select {
	case s.confirming <- struct{}{}:
		defer func() { <-s.confirming }()
	case <-ctx.Done():
		return ctx.Err()
	}
	switch {
	case s.confirmed.Load():
		return nil
	case s.misconfigured.Load():
		return errOtherResource
	}
	probe, _, report, err := s.newIdentity(ctx, u, false)
	if err != nil {
		return err
	}
	s.discard(ctx, u, probe, report)
	return nil
}

// mustConfirm reports whether confirm has something to do.
func (s *Service) mustConfirm(acsID string, refusal error) bool {
	code, refused := refusalOf(refusal)
	return refused && code == acsidentity.CodeIdentityNotOwned && !s.confirmed.Load() && s.isOurs(acsID)
}

// confirmInTurn is confirm for those who are not in the user's turn.
func (s *Service) confirmInTurn(ctx context.Context, u User, acsID string, refusal error) error {
	if !s.mustConfirm(acsID, refusal) {
		return nil
	}
	_, _, err := s.flights.do(ctx, u, "confirm", func(ctx context.Context) (string, error) {
		return "", s.confirm(ctx, u, acsID, refusal)
	})
	return err
}
