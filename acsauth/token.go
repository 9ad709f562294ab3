package acsauth

import (
	"context"
	"errors"
	"log/slog"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsidentity"
)

// Token issues an ACS token for the user's identity, and returns both. The error
// wraps [ErrNotMapped] if there is none; with AutoProvision it is created instead.
//
// Token is the only operation that uses a remembered mapping: one that was removed
// from the store by other means than this package is honoured for at most
// MappingTTL. One whose identity was deleted is not honoured at all, since ACS
// refuses it, whoever deleted it. A mapping whose identity turns out to be gone is
// removed.
func (s *Service) Token(ctx context.Context, u User) (token acsidentity.AccessToken, acsID string, err error) {
	if err := u.check(); err != nil {
		return acsidentity.AccessToken{}, "", err
	}
	token, acsID, err = s.token(ctx, u)
	return token, acsID, inWords(err)
}

func (s *Service) token(ctx context.Context, u User) (token acsidentity.AccessToken, acsID string, err error) {
	acsID, ok := s.remembered.Get(u.key())
	s.metrics.lookup(ctx, ok)
	if ok {
		token, err := s.issue(ctx, u, acsID)
		if err == nil || s.judge(acsID, err) == accepted {
			return token, acsID, err
		}
		s.remembered.DeleteIf(u.key(), func(id string) bool { return id == acsID })
	}
	acsID, fresh, err := s.resolve(ctx, u)
	if err != nil {
		return acsidentity.AccessToken{}, "", err
	}
	if fresh != nil {
		s.auditToken(ctx, u, acsID, *fresh)
		return *fresh, acsID, nil
	}
	token, err = s.issue(ctx, u, acsID)
	if err == nil {
		return token, acsID, nil
	}
	if err := s.confirmInTurn(ctx, u, acsID, err); err != nil {
		return acsidentity.AccessToken{}, "", err
	}
	switch s.judge(acsID, err) {
	case gone:
		return s.replaceGone(ctx, u, acsID, "gone")
	case foreign:
		if !s.cfg.ReplaceForeign {
			s.forget(u)
			return acsidentity.AccessToken{}, "", errForeign
		}
		return s.replaceGone(ctx, u, acsID, "foreign")
	}
	return acsidentity.AccessToken{}, "", err
}

// resolve asks the store which identity to issue a token for. With AutoProvision
// it creates a missing one, along with a token for the call that did so: callers
// share an identity, but never a token.
func (s *Service) resolve(ctx context.Context, u User) (acsID string, fresh *acsidentity.AccessToken, err error) {
	var made *acsidentity.AccessToken
	acsID, led, err := s.flights.do(ctx, u, "resolve", func(ctx context.Context) (id string, err error) {
		if s.cfg.AutoProvision {
			id, made, err = s.ensure(ctx, u, true)
		} else {
			s.repair(ctx, u, false)
			id, err = s.mapped(ctx, u)
		}
		if err == nil {
			s.remember(u, id)
		}
		return id, err
	})
	if !led || err != nil {
		return acsID, nil, err
	}
	return acsID, made, nil
}

// mapped returns the identity in the store, if a token may be issued for it.
func (s *Service) mapped(ctx context.Context, u User) (string, error) {
	for again := false; ; again = true {
		acsID, err := s.store.lookupRenew(ctx, u)
		switch {
		case err != nil:
			return "", err
		case s.isDead(acsID) && again:
			return "", ErrNotMapped
		case s.isDead(acsID):
			if err := s.letGo(ctx, u, acsID, "gone"); err != nil || s.store.lag <= 0 {
				return "", errors.Join(ErrNotMapped, err)
			}
			continue // whoever deleted it may have created another, which shows only now
		case s.isForeign(acsID) && s.cfg.ReplaceForeign:
			return "", errors.Join(ErrNotMapped, s.letGo(ctx, u, acsID, "foreign"))
		case s.isForeign(acsID):
			return "", errForeign
		}
		return acsID, nil
	}
}

// replaceGone removes the mapping to an identity that ACS refuses, and issues a token
// for the one that somebody else has created instead, if the store shows one now. An
// identity is not replaced behind the user's back, unless AutoProvision asks for just
// that.
func (s *Service) replaceGone(ctx context.Context, u User, acsID, reason string) (acsidentity.AccessToken, string, error) {
	_, _, err := s.flights.do(ctx, u, "remove "+acsID, func(ctx context.Context) (string, error) {
		if reason == "gone" {
			s.note(acsID, dead)
		}
		return "", s.letGo(ctx, u, acsID, reason)
	})
	if err != nil {
		return acsidentity.AccessToken{}, "", err
	}
	if !s.cfg.AutoProvision && s.store.lag <= 0 {
		return acsidentity.AccessToken{}, "", ErrNotMapped
	}
	replacement, fresh, err := s.resolve(ctx, u)
	if err == nil && replacement == acsID { // the store still shows what was removed
		err = ErrNotMapped
	}
	if err != nil {
		return acsidentity.AccessToken{}, "", err
	}
	if fresh != nil {
		s.auditToken(ctx, u, replacement, *fresh)
		return *fresh, replacement, nil
	}
	token, err := s.issue(ctx, u, replacement)
	return token, replacement, err
}

func (s *Service) issue(ctx context.Context, u User, acsID string) (acsidentity.AccessToken, error) {
	token, err := s.cfg.Identities.IssueToken(ctx, acsID, s.cfg.Tokens)
	if err != nil {
		return acsidentity.AccessToken{}, err
	}
	s.learn(acsID)
	s.auditToken(ctx, u, acsID, token)
	return token, nil
}

func (s *Service) auditToken(ctx context.Context, u User, acsID string, token acsidentity.AccessToken) {
	s.audit(ctx, "token_issued", u, acsID, slog.Time("expires", token.ExpiresOn))
}
