package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/httpx"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/syntax"
)

const (
	// minLeft is how long a token must still be good: whoever gets it has to use it.
	minLeft = time.Minute
	// renewPause is the least time between two attempts to renew a good token.
	renewPause = 30 * time.Second
	// longestRefusal is the most time for which a refusal that says when to ask again
	// is taken for an answer.
	longestRefusal = 10 * time.Minute
)

// An appToken is an access token of the app, or of a managed identity.
type appToken struct {
	text    string
	expires time.Time
	refresh time.Time // when whoever issued it wants it to be renewed; zero: they did not say
}

// appTokens gets access tokens for one resource, and keeps the last one. It is
// renewed while it is still good, and as long as it is, no caller waits for that or
// hears of a failure.
type appTokens struct {
	of      string // whose they are, for the log
	acquire func(context.Context) (appToken, error)
	timeout time.Duration // of acquire
	logger  *slog.Logger
	flight  singleflight.Group

	mu      sync.Mutex
	held    appToken
	renew   time.Time    // when to
	refusal *signInError // the last one that said when to ask again
	until   time.Time    // which is then
}

// token returns an access token. However many callers want one, it is asked for
// once, and none of them can spoil it for the others by going away.
func (a *appTokens) token(ctx context.Context) (string, error) {
	held, good, due := a.known()
	if good && !due {
		return held.text, nil
	}
	if err := a.refused(); err != nil {
		if good {
			return held.text, nil
		}
		return "", err
	}
	ch := a.flight.DoChan("", func() (token any, err error) {
		defer func() { // package singleflight would end the process, and print the value
			if p := recover(); p != nil {
				a.logger.ErrorContext(ctx, "getting a token has panicked", "panic", httpx.PanicText(p), "stack", string(debug.Stack()))
				err = &signInError{kind: httpx.KindUnusable, text: "getting a token of " + a.of + " panicked"}
			}
		}()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.timeout)
		defer cancel()
		return a.update(ctx)
	})
	if good {
		return held.text, nil
	}
	select {
	case result := <-ch:
		token, _ := result.Val.(string)
		return token, result.Err
	case <-ctx.Done():
		return "", fmt.Errorf("waiting for a token of %s: %w", a.of, context.Cause(ctx))
	}
}

// known returns the last token, and whether it can be used and should be renewed.
func (a *appTokens) known() (held appToken, good, due bool) {
	now := time.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.held, now.Before(a.held.expires.Add(-minLeft)), !now.Before(a.renew)
}

// refused returns the last refusal as long as it says that nobody should ask, but for
// ten minutes at most.
func (a *appTokens) refused() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	left := time.Until(a.until)
	if a.refusal == nil || left <= max(0, a.refusal.retryAfter-longestRefusal) {
		return nil
	}
	still := *a.refusal
	still.retryAfter = left
	return &still
}

// update asks for a token, unless somebody else just has.
func (a *appTokens) update(ctx context.Context) (string, error) {
	held, good, due := a.known()
	if good && !due {
		return held.text, nil
	}
	if err := a.refused(); err != nil {
		return "", err
	}
	token, err := a.acquire(ctx)
	if err == nil {
		err = checkToken(a.of, token.text)
	}
	now := time.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.renew = now.Add(renewPause)
	if errors.As(err, &a.refusal) {
		a.until = now.Add(a.refusal.retryAfter)
	}
	if err != nil {
		if good {
			a.logger.WarnContext(ctx, "a token could not be renewed, and is used until it expires", "of", a.of, "expires", held.expires, "error", err)
		}
		return "", err
	}
	a.held = token
	refresh := token.refresh
	if refresh.IsZero() {
		refresh = token.expires.Add(-token.expires.Sub(now) / 4)
	}
	if refresh.After(a.renew) {
		a.renew = refresh
	}
	return token.text, nil
}

// checkToken refuses what nobody could send in a header, before it is held until it
// expires.
func checkToken(of, token string) error {
	if !syntax.IsVisible(token) {
		return &signInError{kind: httpx.KindUnusable, text: "the token of " + of + " is empty or holds characters that no token has"}
	}
	return nil
}
