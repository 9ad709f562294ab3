package graphmap

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	abstractions "github.com/microsoft/kiota-abstractions-go"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/httpx"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/syntax"
)

// An operation is one call of a Mapper's method: a token of the user, and the
// requests that carry it. It serves one goroutine.
type operation struct {
	m         *Mapper
	name      string
	user      acsauth.User
	keys      *keyring // the same from beginning to end
	requestID string   // the same for all requests
	token     string
	renewed   bool   // whether a token was refused, and another was asked for
	challenge string // the claims challenge that was answered with it, "" if none was
}

// noDemands are claims for a token that must be another one, and nothing else.
const noDemands = "{}"

// begin starts an operation with a token for Graph.
func (m *Mapper) begin(ctx context.Context, name string, u acsauth.User) (*operation, error) {
	if !syntax.IsVisible(u.TenantID) || !syntax.IsVisible(u.ObjectID) {
		return nil, fmt.Errorf("graphmap: %s: the user has no tenant id or no object id", name)
	}
	keys, err := m.keys()
	if err != nil {
		return nil, fmt.Errorf("graphmap: %s: %w", name, err)
	}
	op := &operation{m: m, name: name, user: u, keys: keys, requestID: httpx.NewRequestID()}
	return op, op.authenticate(ctx, "")
}

func (op *operation) authenticate(ctx context.Context, claims string) error {
	token, err := op.m.tokens.Token(ctx, op.user.TenantID, op.user.Assertion.Reveal(), claims)
	if err != nil {
		return fmt.Errorf("graphmap: %s: getting a token for Microsoft Graph: %w", op.name, err)
	}
	if !syntax.IsVisible(token) {
		return fmt.Errorf("graphmap: %s: the TokenSource returned an empty or malformed token", op.name)
	}
	op.token = token
	return nil
}

// do sends a request, again if that promises success. unsettled tells whether an
// attempt may have taken effect although it failed.
func (op *operation) do(ctx context.Context, req request) (r response, unsettled bool, err error) {
	for n := 0; ; n++ {
		r, err = op.attempt(ctx, req)
		var failure *Error
		if err == nil || !errors.As(err, &failure) {
			return r, unsettled, err
		}
		unsettled = unsettled || failure.unsettled
		wait, again := httpx.DefaultRetry.Delay(n, r.header, op.m.graph.now())
		if !again || !failure.transient || ctx.Err() != nil || httpx.Sleep(ctx, wait) != nil {
			return r, unsettled, err
		}
	}
}

// attempt sends a request once, and once more with another token if Graph refuses
// the first: with a claims challenge, or because of something that the token or its
// user has met since it was exchanged. The error is nil, an *Error, or one of the
// TokenSource.
func (op *operation) attempt(ctx context.Context, req request) (response, error) {
	r, err := op.send(ctx, req)
	if err != nil || r.ok(req.method) {
		return r, err
	}
	claims := r.claims()
	if (claims == "" && r.status != http.StatusUnauthorized) || op.renewed {
		return r, op.refusal(r)
	}
	refused := op.token
	op.renewed, op.challenge = true, claims
	if err := op.authenticate(ctx, cmp.Or(claims, noDemands)); err != nil {
		return r, err
	}
	if op.token == refused { // which would be refused again
		return r, op.refusal(r)
	}
	if r, err = op.send(ctx, req); err != nil || r.ok(req.method) {
		return r, err
	}
	return r, op.refusal(r)
}

func (op *operation) send(ctx context.Context, req request) (response, error) {
	if err := ctx.Err(); err != nil {
		e := op.silence(err)
		e.unsettled = false
		return response{}, e
	}
	r, err := op.m.graph.send(ctx, req, op.token, op.requestID)
	if err != nil {
		return r, op.silence(err)
	}
	return r, nil
}

// lookup returns the extension from the user's profile, nil if there is none.
func (op *operation) lookup(ctx context.Context) (*extension, error) {
	r, _, err := op.do(ctx, request{method: abstractions.GET, query: "$select=id&$expand=extensions"})
	if err != nil {
		return nil, err
	}
	p, err := decode[*profile](r.body, newProfile)
	if err != nil {
		return nil, op.nonsense(r, err)
	}
	if !strings.EqualFold(p.id, op.user.ObjectID) {
		return nil, op.nonsense(r, errors.New("it is about another user than the token was requested for"))
	}
	found, complete := p.find(op.m.extensionName)
	if found == nil && !complete {
		return op.get(ctx)
	}
	return found, nil
}

// get returns the extension read by its name, nil if there is none.
func (op *operation) get(ctx context.Context) (*extension, error) {
	r, _, err := op.do(ctx, op.named(abstractions.GET, nil))
	if isAbsent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	e, err := decode[*extension](r.body, newExtension)
	if err != nil {
		return nil, op.nonsense(r, err)
	}
	if !e.is(op.m.extensionName) {
		return nil, op.nonsense(r, errors.New("it is not about the extension that was asked for"))
	}
	return e, nil
}

// named returns a request to the extension itself.
func (op *operation) named(method abstractions.HttpMethod, body []byte) request {
	return request{method: method, path: []string{"extensions", op.m.extensionName}, body: body}
}

// isAbsent reports whether err says that the user has no such extension. That
// there is no such user is another matter.
func isAbsent(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.absent
}
