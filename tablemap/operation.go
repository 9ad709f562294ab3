package tablemap

import (
	"context"
	"errors"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/httpx"
)

// contention is how often, and how far apart, an entity is looked at again that
// others are changing.
var contention = httpx.Retry{Max: 3, Base: 200 * time.Millisecond, MaxDelay: 2 * time.Second}

// do makes attempts at a request, until one of them ends in an answer that another
// attempt would not change. The SDK does not repeat requests here: it does not tell
// what became of the attempts before the last. unsettled reports whether any of
// them may have taken effect without our knowing. The error is nil or an [*Error].
func (m *Mapper) do(ctx context.Context, operation string, request func(context.Context) error) (unsettled bool, err error) {
	for n := 0; ; n++ {
		if ended := ctx.Err(); ended != nil {
			e, _ := m.failure(operation, ended)
			e.unsettled = false
			return unsettled, e
		}
		err := m.attempt(ctx, request)
		if err == nil {
			return false, nil
		}
		e, header := m.failure(operation, err)
		unsettled = unsettled || e.unsettled
		wait, again := httpx.DefaultRetry.Delay(n, header, m.now())
		if !again || !e.transient || ctx.Err() != nil || httpx.Sleep(ctx, wait) != nil {
			return unsettled, e
		}
	}
}

func (m *Mapper) attempt(ctx context.Context, request func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, m.timeout)
	defer cancel()
	return request(policy.WithRetryOptions(ctx, policy.RetryOptions{MaxRetries: -1}))
}

// pause waits before look number n at an entity that others are changing, and
// reports whether there is to be one.
func (m *Mapper) pause(ctx context.Context, n int) bool {
	wait, again := contention.Delay(n, nil, m.now())
	return again && httpx.Sleep(ctx, wait) == nil
}

// unusable returns the Error for what is wrong before or after any request.
func unusable(operation string, cause error) *Error {
	return &Error{Operation: operation, Err: cause, verdict: verdict{kind: httpx.KindUnusable}}
}

// undecided returns the failure of an operation that others have disturbed, which
// is likely to pass.
func undecided(operation string) *Error {
	return &Error{
		Operation: operation,
		Err:       errors.New("others keep changing the mapping"),
		verdict:   verdict{kind: httpx.KindUnavailable},
	}
}
