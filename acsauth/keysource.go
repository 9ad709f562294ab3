package acsauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/httpx"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/jose"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/syntax"
)

// A keySource is where the authority publishes its signing keys: an OpenID
// Connect discovery document, which names a JSON Web Key Set.
type keySource struct {
	authority string
	tenant    string // tenant id, verified domain or "common"
	client    *http.Client
}

type keyDocument struct {
	tenantID string // of the metadata; empty for "common"
	keys     []jose.Key
}

// load fetches both documents anew, for the place of the keys may change.
func (s *keySource) load(ctx context.Context) (keyDocument, error) {
	var metadata struct {
		Issuer  string `json:"issuer"`
		JWKSURI string `json:"jwks_uri"`
	}
	body, err := s.get(ctx, s.authority+"/"+s.tenant+"/v2.0/.well-known/openid-configuration")
	if err != nil {
		return keyDocument{}, fmt.Errorf("OpenID Connect metadata: %w", err)
	}
	if err := json.Unmarshal(body, &metadata); err != nil {
		return keyDocument{}, errors.New("OpenID Connect metadata: not the JSON document that was expected")
	}
	tenantID, err := s.metadataTenant(metadata.Issuer)
	if err != nil {
		return keyDocument{}, fmt.Errorf("OpenID Connect metadata: %w", err)
	}
	// The query of the address matters: it may name an app-specific key set.
	address, query, _ := strings.Cut(metadata.JWKSURI, "?")
	keysURL, err := httpx.ParseBaseURL(address)
	if err != nil {
		return keyDocument{}, fmt.Errorf("OpenID Connect metadata: jwks_uri %w", err)
	}
	keysURL.RawQuery = query
	if body, err = s.get(ctx, keysURL.String()); err != nil {
		return keyDocument{}, fmt.Errorf("signing keys: %w", err)
	}
	keys, err := jose.ParseKeySet(body)
	if err != nil {
		return keyDocument{}, fmt.Errorf("signing keys: %w", err)
	}
	return keyDocument{tenantID, keys}, nil
}

// metadataTenant returns the tenant id in the metadata's issuer, and checks that
// the metadata is of the authority and tenant that were asked for.
func (s *keySource) metadataTenant(issuer string) (string, error) {
	rest, ofAuthority := strings.CutPrefix(issuer, s.authority+"/")
	tenant, ofV2 := strings.CutSuffix(rest, "/v2.0")
	if !ofAuthority || !ofV2 {
		return "", fmt.Errorf("the issuer is not %s/<tenant id>/v2.0", s.authority)
	}
	switch {
	case s.tenant == "common":
		return "", nil
	case !syntax.IsGUID(tenant):
		return "", errors.New("the issuer names no tenant id")
	case syntax.IsGUID(s.tenant) && !strings.EqualFold(tenant, s.tenant):
		return "", errors.New("the issuer names another tenant than was asked for")
	}
	return strings.ToLower(tenant), nil
}

func (s *keySource) get(ctx context.Context, url string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, errors.New("the address makes no request")
	}
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", httpx.UserAgent())
	answer, err := s.client.Do(r)
	if err != nil {
		return nil, unanswered(r, err)
	}
	defer httpx.Drain(answer.Body)
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answered with status %d", r.URL.Host, answer.StatusCode)
	}
	body, err := httpx.ReadBody(answer, httpx.MaxBody)
	if err != nil {
		return nil, unanswered(r, err)
	}
	return body, nil
}

// unanswered says of a request that it got no complete answer. err itself can repeat
// what whoever is in between, a proxy say, has answered.
func unanswered(r *http.Request, err error) error {
	return fmt.Errorf("no answer of %s: %w", r.URL.Host, httpx.ConnectionCause(err))
}
