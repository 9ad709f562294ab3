package tablemap_test

import (
	"encoding/base64"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/tablemap"
)

// An account key that is replaced is used from the next operation on. What is no key
// changes nothing.
func TestChangingConnectionString(t *testing.T) {
	t.Parallel()
	e := inMemory(newTableService())
	w := e.newWorld(t)
	former := strings.Replace(e.connection, accountKey, base64.StdEncoding.EncodeToString([]byte("the former key")), 1)
	var current atomic.Pointer[string]
	current.Store(&former)
	cfg := w.config
	cfg.Account = tablemap.ChangingConnectionString(former, func() string { return *current.Load() })
	m := newMapper(t, cfg)
	for _, step := range []struct {
		name, connection string
		refused          bool
	}{
		{"the former key", former, true},
		{"the key", e.connection, false},
		{"no key", "AccountName=" + account, false},
		{"no base64", strings.Replace(e.connection, accountKey, "%", 1), false},
		{"the former key again", former, true},
	} {
		current.Store(&step.connection)
		_, err := m.Lookup(t.Context(), user(1))
		var failure acsauth.Failure
		if refused := errors.As(err, &failure) && failure.FailureKind() == "misconfigured"; refused != step.refused || !refused && !errors.Is(err, acsauth.ErrNotMapped) {
			t.Errorf("%s: %v", step.name, err)
		}
	}
}
