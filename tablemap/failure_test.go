package tablemap_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/tablemap"
)

var (
	soon = http.Header{"Retry-After-Ms": {"1"}} // keeps tests with retries short
	wait = http.Header{"Retry-After": {"17"}}   // longer than anybody waits
)

// The errors of Table storage and of Cosmos DB, and what a gateway may answer.
func TestLookupClassifiesRefusals(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		fault    fault
		kind     string // "": success after all
		code     string
		requests int
	}{
		{"wrong key", fault{status: 403, body: refusal("AuthenticationFailed")}, "misconfigured", "AuthenticationFailed", 1},
		{"no role", fault{status: 403, body: refusal("AuthorizationPermissionMismatch")}, "misconfigured", "AuthorizationPermissionMismatch", 1},
		{"token refused", fault{status: 401, body: refusal("InvalidAuthenticationInfo")}, "misconfigured", "InvalidAuthenticationInfo", 1},
		{"Cosmos DB's unauthorized", fault{status: 401, body: refusal("Unauthorized")}, "misconfigured", "Unauthorized", 1},
		{"Cosmos DB's forbidden", fault{status: 403, body: refusal("Forbidden")}, "misconfigured", "Forbidden", 1},
		{"no table", fault{status: 404, body: refusal("TableNotFound")}, "misconfigured", "TableNotFound", 1},
		{"code in the header", fault{status: 404, header: http.Header{"X-Ms-Error-Code": {"TableNotFound"}}}, "misconfigured", "TableNotFound", 1},
		{"table on its way out", fault{status: 409, body: refusal("TableBeingDeleted")}, "unavailable", "TableBeingDeleted", 1},
		{"bad request", fault{status: 400, body: refusal("InvalidInput")}, "unusable", "InvalidInput", 1},
		{"throttled, once", fault{status: 429, times: 1, header: soon, body: refusal("TooManyRequests")}, "", "", 2},
		{"Cosmos DB throttles", fault{status: 429, header: http.Header{"X-Ms-Retry-After-Ms": {"1"}}, body: refusal("TooManyRequests")}, "throttled", "TooManyRequests", 3},
		{"throttled for long", fault{status: 429, header: wait, body: refusal("TooManyRequests")}, "throttled", "TooManyRequests", 1},
		{"busy, once", fault{status: 503, times: 1, header: soon, body: refusal("ServerBusy")}, "", "", 2},
		{"busy", fault{status: 503, header: soon, body: refusal("ServerBusy")}, "unavailable", "ServerBusy", 3},
		{"timed out in the server", fault{status: 500, header: soon, body: refusal("OperationTimedOut")}, "unavailable", "OperationTimedOut", 3},
		{"request time-out", fault{status: 408, header: soon}, "unavailable", "", 3},
		{"not implemented", fault{status: 501, header: soon}, "unavailable", "", 1},
		{"gateway, HTML", fault{status: 502, header: soon, body: "<html>secret text</html>"}, "unavailable", "", 3},
		{"gateway, empty", fault{status: 504, header: soon}, "unavailable", "", 3},
		{"error null", fault{status: 403, body: `{"odata.error":null}`}, "misconfigured", "", 1},
		{"code a number", fault{status: 403, body: `{"odata.error":{"code":403}}`}, "misconfigured", "", 1},
		{"code unfit to print", fault{status: 403, body: `{"odata.error":{"code":"secret text\n"}}`}, "misconfigured", "", 1},
		{"redirect", fault{status: 302, header: http.Header{"Location": {"https://example.com/?sig=secret"}}}, "unusable", "", 1},
		{"too long", fault{status: 200, body: strings.Repeat("x", 5<<20)}, "unusable", "", 1},
		{"a page of a portal's", fault{status: 200, body: "<html>secret text</html>"}, "unusable", "", 3},
		{"no entity", fault{status: 200, body: "null"}, "unusable", "", 1},
		{"another entity", fault{status: 200, header: http.Header{"Etag": {"x"}}, body: `{"PartitionKey":"x","RowKey":"mapping","ACSID":"8:acs:secret"}`}, "unusable", "", 1},
		{"no version", fault{status: 200, header: http.Header{}, body: `{"PartitionKey":"` + mappingKeys(user(1))["PartitionKey"].(string) + `","RowKey":"mapping","ACSID":"8:acs:secret"}`}, "unusable", "", 1},
		{"connection cut, once", fault{times: 1, cut: true}, "", "", 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w, _ := newFake(t)
				mustCreate(t, w, user(1), acsID(1))
				w.clear()
				w.fault(tt.fault)
				id, err := w.Lookup(t.Context(), user(1))
				if n := len(strings.Fields(w.requests())); n != tt.requests {
					t.Errorf("%d requests, want %d", n, tt.requests)
				}
				if tt.kind == "" {
					if err != nil || id != acsID(1) {
						t.Errorf("Lookup = %q, %v; want success after a retry", id, err)
					}
					return
				}
				e := wantFailure(t, err, tt.kind)
				if e.Code != tt.code || e.Operation != "Lookup" || e.StatusCode != tt.fault.status && tt.fault.status != 200 {
					t.Errorf("error %+v, want code %q and status %d", e, tt.code, tt.fault.status)
				}
				for _, text := range []string{"secret", "contoso", user(1).ObjectID, accountKey, "Signature", "SharedKey"} {
					if all := fmt.Sprintf("%v %+v %#v", err, err, *e); strings.Contains(all, text) {
						t.Errorf("the error repeats %q: %s", text, all)
					}
				}
			})
		})
	}
}

func TestErrorTellsWhatToDo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, _ := newFake(t)
		for _, tt := range []struct {
			fault fault
			want  string
		}{
			{
				fault{status: 404, header: http.Header{"X-Ms-Request-Id": {"id-1"}}, body: refusal("TableNotFound")},
				"tablemap: Lookup: the Table service answered 404 TableNotFound: create the table, or check its name; request-id id-1",
			},
			{
				fault{status: 403},
				"tablemap: Lookup: the Table service answered 403: check the account's key or signature, or give the identity a role such as Storage Table Data Contributor",
			},
			{fault{status: 429, header: wait}, "tablemap: Lookup: the Table service answered 429"},
			{fault{hang: true}, "tablemap: Lookup: no answer from the Table service: context deadline exceeded"},
		} {
			w.clear()
			w.fault(tt.fault)
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			_, err := w.Lookup(ctx, user(1))
			cancel()
			if diff := cmp.Diff(tt.want, err.Error()); diff != "" {
				t.Errorf("text (-want +got):\n%s", diff)
			}
			var e *tablemap.Error
			if errors.As(err, &e); e.StatusCode == 429 && e.RetryDelay() != 17*time.Second {
				t.Errorf("RetryDelay %v, want 17s", e.RetryDelay())
			}
		}
	})
	if (&tablemap.Error{}).FailureKind() != "unusable" {
		t.Error("an Error without more is not unusable")
	}
}

// Without a wish of the service's, attempts are half a second and then a second
// apart, give or take a fifth.
func TestRetryPauses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, _ := newFake(t)
		w.fault(fault{status: 503})
		start := time.Now()
		_, err := w.Lookup(t.Context(), user(1))
		wantFailure(t, err, "unavailable")
		if took := time.Since(start); w.requests() != "GET GET GET" || took < 1200*time.Millisecond || took > 1800*time.Millisecond {
			t.Errorf("%s within %v", w.requests(), took)
		}
	})
}

func TestAttemptTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, _ := newFake(t)
		cfg := w.config
		cfg.AttemptTimeout = time.Second
		m := newMapper(t, cfg)
		w.fault(fault{hang: true})
		start := time.Now()
		_, err := m.Lookup(t.Context(), user(1))
		wantFailure(t, err, "timeout")
		if took := time.Since(start); w.requests() != "GET GET GET" || took < 3*time.Second || took > 6*time.Second || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s within %v: %v", w.requests(), took, err)
		}
		err = m.Create(t.Context(), user(1), acsID(1))
		if wantFailure(t, err, "timeout"); errors.Is(err, acsauth.ErrNotStored) {
			t.Errorf("Create: %v, though nobody knows", err)
		}
	})
}

// A caller's deadline ends everything, and no wait is begun that it would cut short.
func TestCallersContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, _ := newFake(t)
		w.fault(fault{hang: true, times: 1})
		w.fault(fault{status: 503, header: http.Header{"Retry-After": {"4"}}})
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		_, err := w.Lookup(ctx, user(1))
		wantFailure(t, err, "timeout")
		if w.requests() != "GET" {
			t.Errorf("requests %s, want one", w.requests())
		}

		ctx, cancel = context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		start := time.Now()
		_, err = w.Lookup(ctx, user(1))
		wantFailure(t, err, "unavailable")
		if time.Since(start) != 0 {
			t.Errorf("waited %v", time.Since(start))
		}
	})
}

// The address may carry a signature, and errors of the network quote addresses.
func TestErrorsDoNotShowSignatures(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		signature := "sv=2019-02-02&ss=t&srt=o&sp=raud&sig=c2VjcmV0"
		for _, f := range []fault{{cut: true}, {lost: true}, {status: 403, body: refusal("AuthenticationFailed")}, {status: 200, body: "sig=c2VjcmV0"}} {
			w, _ := newFake(t)
			cfg := w.config
			cfg.Account = tablemap.ConnectionString("TableEndpoint=https://contoso.table.core.windows.net/;SharedAccessSignature=" + signature)
			w.fault(f)
			_, err := newMapper(t, cfg).Lookup(t.Context(), user(1))
			for e := err; e != nil; e = errors.Unwrap(e) {
				if text := fmt.Sprintf("%v %+v %#v", e, e, e); strings.Contains(text, "sig=") || strings.Contains(text, "c2VjcmV0") {
					t.Errorf("the error shows the signature: %s", text)
				}
			}
			if err == nil {
				t.Error("Lookup succeeded")
			}
		}
	})
}
