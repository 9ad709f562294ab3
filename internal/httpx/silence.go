package httpx

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
)

// A Silence is what it means that a request was not answered.
type Silence struct {
	Kind      string // of failure
	Transient bool   // the next attempt may fare better
	Unsettled bool   // the request may have taken effect nevertheless
	Cause     error  // what may be told, see [JudgeSilence]; nil: nothing
}

// JudgeSilence returns what it means that a request was not answered because of err.
// Of err itself it keeps what cannot hold anything that was sent or received, see
// [ConnectionCause].
func JudgeSilence(err error) Silence {
	s := Silence{Kind: KindUnavailable, Transient: true, Unsettled: true}
	var (
		network *net.OpError
		trust   *tls.CertificateVerificationError
	)
	if errors.As(err, &network) && network.Op == "dial" {
		s.Unsettled = false // nothing can have been sent
	}
	switch {
	case IsOverloaded(err):
		return Silence{Kind: KindOverloaded, Cause: errors.New("a limit of our own kept the request from being sent")}
	case errors.Is(err, ErrBodyTooLarge):
		s.Kind, s.Transient, s.Cause = KindUnusable, false, ErrBodyTooLarge
	case errors.Is(err, context.DeadlineExceeded):
		s.Kind, s.Cause = KindTimeout, context.DeadlineExceeded
	case errors.Is(err, context.Canceled):
		s.Cause = context.Canceled
	case errors.As(err, &trust):
		s.Unsettled, s.Cause = false, ConnectionCause(err)
	case network != nil:
		s.Cause = ConnectionCause(err)
	}
	return s
}
