package obo_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/obo"
)

const challenge = `{"access_token":{"capolids":{"essential":true,"values":["c1"]}}}`

// The meaning of every answer that is known, one line each.
func TestKinds(t *testing.T) {
	t.Parallel()
	const once, twice = 1, 2 // requests: with and without a retry
	tests := []struct {
		kind     string
		requests int
		status   int
		code     string
		suberror string
		number   int
		claims   string
	}{
		// A challenge wins over every other reading.
		{"claims_challenge", once, 400, "interaction_required", "basic_action", 50076, challenge},
		{"claims_challenge", once, 400, "interaction_required", "", 50079, challenge},
		{"claims_challenge", once, 400, "invalid_grant", "", 53003, challenge},
		{"claims_challenge", once, 400, "invalid_grant", "consent_required", 65001, challenge},
		{"claims_challenge", once, 401, "invalid_client", "", 7000215, challenge},
		{"claims_challenge", once, 503, "temporarily_unavailable", "", 90033, challenge},
		{"claims_challenge", once, 400, "interaction_required", "", 50076, " { \"access_token\" : { } } "},

		// A challenge that cannot be relayed helps nobody.
		{"unusable", once, 400, "interaction_required", "", 50076, "not JSON"},
		{"unusable", once, 400, "interaction_required", "", 50076, `["access_token"]`},
		{"unusable", once, 400, "interaction_required", "", 50076, `{"a":"` + strings.Repeat("x", 8<<10) + `"}`},

		// Interaction is needed, but nobody says which.
		{"blocked", once, 400, "interaction_required", "", 50076, ""},
		{"blocked", once, 400, "interaction_required", "", 50079, ""},
		{"blocked", once, 400, "interaction_required", "", 50072, ""},
		{"blocked", once, 400, "interaction_required", "", 50074, ""},
		{"blocked", once, 400, "interaction_required", "", 50078, ""},
		{"blocked", once, 400, "interaction_required", "", 50158, ""},
		{"blocked", once, 400, "interaction_required", "", 99999, ""},
		{"blocked", once, 400, "invalid_grant", "", 50076, ""},
		{"blocked", once, 400, "invalid_grant", "basic_action", 99999, ""},
		{"blocked", once, 400, "invalid_grant", "additional_action", 99999, ""},

		{"consent_required", once, 400, "invalid_grant", "consent_required", 65001, ""},
		{"consent_required", once, 400, "invalid_grant", "consent_required", 99999, ""},
		{"consent_required", once, 400, "invalid_grant", "", 65001, ""},
		{"consent_required", once, 400, "consent_required", "", 99999, ""},

		{"blocked", once, 400, "invalid_grant", "message_only", 53000, ""},
		{"blocked", once, 400, "invalid_grant", "", 53000, ""},
		{"blocked", once, 400, "interaction_required", "", 53001, ""},
		{"blocked", once, 400, "invalid_grant", "", 53002, ""},
		{"blocked", once, 400, "invalid_grant", "", 53003, ""},
		{"blocked", once, 400, "invalid_grant", "protection_policy_required", 99999, ""},
		{"blocked", once, 400, "invalid_grant", "", 50105, ""},
		{"blocked", once, 400, "access_denied", "", 99999, ""},

		{"invalid_assertion", once, 400, "invalid_grant", "", 50013, ""},
		{"invalid_assertion", once, 400, "invalid_grant", "", 500133, ""},
		{"invalid_assertion", once, 400, "invalid_grant", "", 50027, ""},
		{"invalid_assertion", once, 400, "invalid_grant", "", 50173, ""},
		{"invalid_assertion", once, 400, "invalid_grant", "", 50132, ""},
		{"invalid_assertion", once, 400, "invalid_grant", "", 50133, ""},
		{"invalid_assertion", once, 400, "invalid_grant", "token_expired", 700082, ""},
		{"invalid_assertion", once, 400, "invalid_grant", "", 70043, ""},
		{"invalid_assertion", once, 400, "invalid_request", "", 240002, ""},
		{"invalid_assertion", once, 400, "invalid_grant", "bad_token", 99999, ""},
		{"invalid_assertion", once, 400, "invalid_grant", "", 99999, ""},
		{"invalid_assertion", once, 400, "login_required", "", 99999, ""},

		{"misconfigured", once, 400, "invalid_grant", "", 500131, ""},
		{"misconfigured", once, 400, "invalid_request", "", 50027, ""}, // our own assertion
		{"misconfigured", once, 401, "invalid_client", "", 7000215, ""},
		{"misconfigured", once, 401, "invalid_client", "", 7000222, ""},
		{"misconfigured", once, 401, "invalid_client", "", 700027, ""},
		{"misconfigured", once, 401, "invalid_client", "", 700024, ""},
		{"misconfigured", once, 400, "invalid_request", "", 7000214, ""},
		{"misconfigured", once, 400, "invalid_request", "", 7000274, ""},
		{"misconfigured", once, 400, "invalid_request", "", 7000277, ""},
		{"misconfigured", once, 400, "invalid_request", "", 1000502, ""},
		{"misconfigured", once, 401, "invalid_client", "", 99999, ""},
		{"misconfigured", once, 400, "invalid_request", "", 700222, ""},
		{"misconfigured", once, 400, "invalid_request", "", 700229, ""},
		{"misconfigured", once, 400, "unauthorized_client", "", 700016, ""},
		{"misconfigured", once, 401, "unauthorized_client", "", 7000112, ""},
		{"misconfigured", once, 400, "unauthorized_client", "", 7000114, ""},
		{"misconfigured", once, 400, "unauthorized_client", "", 99999, ""},
		{"misconfigured", once, 400, "invalid_scope", "", 70011, ""},
		{"misconfigured", once, 400, "invalid_grant", "", 700022, ""},
		{"misconfigured", once, 400, "invalid_request", "", 9001023, ""},
		{"misconfigured", once, 400, "invalid_request", "", 90124, ""},
		{"misconfigured", once, 400, "invalid_request", "", 90130, ""},
		{"misconfigured", once, 400, "invalid_request", "", 50049, ""},
		{"misconfigured", once, 400, "invalid_resource", "", 99999, ""},
		{"misconfigured", once, 400, "invalid_tenant", "", 99999, ""},
		{"misconfigured", once, 400, "unsupported_grant_type", "", 99999, ""},
		{"misconfigured", once, 400, "invalid_request", "", 99999, ""},

		{"throttled", once, 429, "", "", 99999, ""},
		{"throttled", once, 429, "invalid_grant", "", 99999, ""},
		{"throttled", once, 400, "temporarily_unavailable", "", 90055, ""},
		{"throttled", once, 400, "invalid_grant", "", 50196, ""},

		{"unavailable", twice, 400, "temporarily_unavailable", "", 99999, ""},
		{"unavailable", twice, 400, "server_error", "", 99999, ""},
		{"unavailable", twice, 400, "invalid_grant", "", 90006, ""},
		{"unavailable", twice, 400, "invalid_grant", "", 90024, ""},
		{"unavailable", twice, 400, "invalid_request", "", 90033, ""},
		{"unavailable", twice, 400, "invalid_request", "", 50033, ""},
		{"unavailable", twice, 408, "", "", 99999, ""},
		{"unavailable", twice, 500, "", "", 99999, ""},
		{"unavailable", twice, 502, "invalid_grant", "", 99999, ""},
		{"unavailable", twice, 503, "", "", 99999, ""},
		{"unavailable", twice, 504, "", "", 99999, ""},

		{"unusable", once, 400, "", "", 99999, ""},
		{"unusable", once, 400, "no_such_code", "", 99999, ""},
		{"unusable", once, 404, "", "", 99999, ""},
		{"unusable", once, 201, "", "", 99999, ""},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%d %s %s %d %.20s", tt.status, tt.code, tt.suberror, tt.number, tt.claims), func(t *testing.T) {
			t.Parallel()
			entra := newEntra(t)
			entra.instead = func(_ int, w http.ResponseWriter, r *http.Request) bool {
				w.WriteHeader(tt.status)
				_ = json.NewEncoder(w).Encode(map[string]any{
					"error": tt.code, "suberror": tt.suberror, "error_codes": []int{tt.number}, "claims": tt.claims,
					"error_description": "AADSTS: " + clientSecret + r.PostForm.Get("assertion"), "timestamp": "2026-11-24 06:45:43Z",
					"trace_id": "eeeeeeee-4444-4444-8444-444444444444", "correlation_id": "dddddddd-3333-4333-8333-333333333333",
				})
				return true
			}
			want := &obo.Error{
				Kind: tt.kind, StatusCode: tt.status, Code: tt.code, Suberror: tt.suberror, ErrorCodes: []int{tt.number},
				TraceID: "eeeeeeee-4444-4444-8444-444444444444", CorrelationID: "dddddddd-3333-4333-8333-333333333333",
			}
			if tt.kind == "claims_challenge" {
				want.Claims = strings.ReplaceAll(tt.claims, " ", "")
			}
			got := refused(t, entra, entra.start())
			if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(obo.Error{})); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
			if got.FailureKind() != got.Kind || got.ChallengeClaims() != got.Claims {
				t.Error("the methods disagree with the fields")
			}
			if !strings.Contains(got.Error(), fmt.Sprintf("AADSTS%d", tt.number)) || !strings.Contains(got.Error(), want.CorrelationID) {
				t.Errorf("Error() = %q names neither number nor correlation id", got)
			}
			entra.wantCount(tt.requests)
		})
	}
}
