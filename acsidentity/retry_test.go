package acsidentity_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsidentity"
)

// TestRetry is the table of what is tried again, and of what a failure of a
// create then means. Each case happens once; the attempt after it succeeds.
func TestRetry(t *testing.T) {
	t.Parallel()
	in := func(d string, status int) http.HandlerFunc { return answer(status, "", "Retry-After", d) }
	tests := []struct {
		name          string
		first         http.HandlerFunc
		create, other bool // tried again
		unknown       bool // the outcome, of a create or anything else
	}{
		{"400", answer(400, ""), false, false, false},
		{"401", answer(401, ""), false, false, false},
		{"403", answer(403, ""), false, false, false},
		{"404", answer(404, ""), false, false, false},
		{"409", answer(409, ""), false, false, false},
		{"408", answer(408, ""), false, true, true},
		{"408 with Retry-After", in("1", 408), false, true, true},
		{"429", answer(429, ""), true, true, false},
		{"429 with Retry-After", in("1", 429), true, true, false},
		{"429 with a long Retry-After", in("6", 429), false, false, false},
		{"500", answer(500, ""), false, true, true},
		{"500 with Retry-After", in("1", 500), false, true, true},
		{"501", answer(501, ""), false, false, true},
		{"502", answer(502, "<html>"), false, true, true},
		{"503", answer(503, ""), false, true, true},
		{"503 with Retry-After", in("1", 503), true, true, false},
		{"503 with an unusable Retry-After", in("soon", 503), false, true, true},
		{"503 with a long Retry-After", in("6", 503), false, false, false},
		{"504", answer(504, ""), false, true, true},
		{"505", answer(505, ""), false, false, true},
		{"no answer", drop, false, true, true},
		{"no answer in time", hang, false, true, true},
		{"half an error", func(w http.ResponseWriter, _ *http.Request) {
			begin(w, func() { w.WriteHeader(401) })
			panic(http.ErrAbortHandler)
		}, true, true, false},
	}
	for _, tt := range tests {
		for _, op := range operations {
			t.Run(tt.name+"/"+op.name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					fake := &acs{script: []http.HandlerFunc{tt.first}}
					err := op.call(t.Context(), mustNew(t, pipe(t, fake)))
					again := tt.other
					if isCreate(op.name) {
						again = tt.create
					}
					if again != (err == nil) || again != (len(fake.seen()) == 2) {
						t.Errorf("%d attempts, then %v", len(fake.seen()), err)
					}
					if err != nil && errors.Is(err, acsidentity.ErrOutcomeUnknown) != tt.unknown {
						t.Errorf("outcome unknown: want %v, error %v", tt.unknown, err)
					}
				})
			})
		}
	}
}

func TestCutOffTokenIsAskedForAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		fake := &acs{script: []http.HandlerFunc{cut}}
		token, err := mustNew(t, pipe(t, fake)).IssueToken(t.Context(), userID, voip)
		if err != nil || token.Token != tokenText || len(fake.seen()) != 2 {
			t.Errorf("%v, %v after %d requests", token, err, len(fake.seen()))
		}
	})
}

// A status alone does not say whose fault it is: where the code could not be read,
// nobody is blamed who may have nothing to mend.
func TestCutOffRefusals(t *testing.T) {
	t.Parallel()
	refusal := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			begin(w, func() {
				w.WriteHeader(status)
				io.WriteString(w, body)
			})
			panic(http.ErrAbortHandler)
		}
	}
	for _, test := range []struct {
		status int
		body   string
		kind   string
	}{
		{401, `{"error":{"co`, "unavailable"},
		{403, "", "unavailable"},
		{400, `{"error":`, "unavailable"},
		{404, "", "unavailable"},
		{429, "", "throttled"},
		{503, "", "unavailable"},
	} {
		synctest.Test(t, func(t *testing.T) {
			cutOff := refusal(test.status, test.body)
			fake := &acs{script: []http.HandlerFunc{cutOff, cutOff, cutOff}}
			_, err := mustNew(t, pipe(t, fake)).IssueToken(t.Context(), userID, voip)
			if got := asError(t, err); got.FailureKind() != test.kind || got.StatusCode != test.status || len(fake.seen()) != 3 {
				t.Errorf("%d: %s after %d requests, want %s after 3: %v", test.status, got.FailureKind(), len(fake.seen()), test.kind, err)
			}
		})
	}
}

// What is repeated must not look like a replay, nor come all at once.
func TestRetriesAreSignedAnewAndSpaced(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		fake := &acs{script: []http.HandlerFunc{answer(500, ""), answer(500, "")}}
		start := time.Now()
		if _, err := mustNew(t, pipe(t, fake)).IssueToken(t.Context(), userID, voip); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took < 1200*time.Millisecond || took > 1800*time.Millisecond {
			t.Errorf("three attempts took %s, want about 500ms + 1s", took)
		}
		dates := map[string]bool{}
		for _, r := range fake.seen() {
			dates[r.Header.Get("x-ms-date")] = true
		}
		if len(dates) < 2 {
			t.Errorf("all attempts carry the same date: %v", dates)
		}
	})
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		header, value string
		waits         time.Duration // before the second attempt
		reports       time.Duration // in the error, where there is no second attempt
	}{
		{"Retry-After", "3", 3 * time.Second, 0},
		{"retry-after-ms", "1250", 1250 * time.Millisecond, 0},
		{"x-ms-retry-after-ms", "1250", 1250 * time.Millisecond, 0},
		{"Retry-After", "Sat, 01 Jan 2000 00:00:04 GMT", 4 * time.Second, 0},
		{"Retry-After", "6", 0, 6 * time.Second},
		{"Retry-After", "Sat, 01 Jan 2000 00:01:00 GMT", 0, time.Minute},
		{"retry-after-ms", "5001", 0, 5001 * time.Millisecond},
	} {
		t.Run(tt.header+" "+tt.value, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				fake := &acs{script: []http.HandlerFunc{answer(429, "", tt.header, tt.value)}}
				start := time.Now()
				_, err := mustNew(t, pipe(t, fake)).CreateIdentity(t.Context())
				if took := time.Since(start); took != tt.waits {
					t.Errorf("waited %s, want %s", took, tt.waits)
				}
				if tt.reports == 0 {
					if err != nil {
						t.Error(err)
					}
					return
				}
				e := asError(t, err)
				if e.RetryAfter != tt.reports || e.RetryDelay() != tt.reports || e.FailureKind() != "throttled" {
					t.Errorf("RetryAfter %s, kind %s; want %s, throttled", e.RetryAfter, e.FailureKind(), tt.reports)
				}
			})
		})
	}
}

func TestMaxRetries(t *testing.T) {
	t.Parallel()
	for max, attempts := range map[int]int{0: 3, 1: 2, 10: 11, -1: 1, -7: 1} {
		synctest.Test(t, func(t *testing.T) {
			fake := &acs{}
			for range 20 {
				fake.script = append(fake.script, answer(503, "", "MS-CV", "cv.9"))
			}
			cfg := pipe(t, fake)
			cfg.MaxRetries = max
			err := mustNew(t, cfg).RevokeTokens(t.Context(), userID)
			if e := asError(t, err); e.StatusCode != 503 || e.ServiceRequestID != "cv.9" || e.FailureKind() != "unavailable" {
				t.Errorf("error %v of kind %s", err, e.FailureKind())
			}
			if n := len(fake.seen()); n != attempts {
				t.Errorf("MaxRetries %d: %d attempts, want %d", max, n, attempts)
			}
		})
	}
}

// There is no use in a pause that the caller will not see the end of.
func TestDeadlineBeforeRetry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		fake := &acs{script: []http.HandlerFunc{answer(429, "", "Retry-After", "4")}}
		start := time.Now()
		err := mustNew(t, pipe(t, fake)).DeleteIdentity(ctx, userID)
		if e := asError(t, err); e.StatusCode != 429 || e.RetryAfter != 4*time.Second || time.Since(start) != 0 {
			t.Errorf("after %s: %v", time.Since(start), err)
		}
	})
}

// The outcome of an operation is that of all its attempts.
func TestLostDeleteIsReported(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		gone := answer(401, `{"error":{"code":"IdentityNotOwned","message":"m"}}`)
		fake := &acs{script: []http.HandlerFunc{drop, gone, gone}}
		client := mustNew(t, pipe(t, fake))
		err := client.DeleteIdentity(t.Context(), userID)
		if e := asError(t, err); e.Code != acsidentity.CodeIdentityNotOwned || !errors.Is(err, acsidentity.ErrOutcomeUnknown) {
			t.Errorf("lost, then gone: %v", err)
		}
		err = client.DeleteIdentity(t.Context(), userID)
		if e := asError(t, err); e.Code != acsidentity.CodeIdentityNotOwned || errors.Is(err, acsidentity.ErrOutcomeUnknown) {
			t.Errorf("gone: %v", err)
		}
	})
}
