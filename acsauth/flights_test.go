package acsauth_test

import (
	"context"
	"log/slog"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsidentity"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
)

// A faltering store does not return from its first call.
type faltering struct {
	acsauth.MemoryMapper
	once   sync.Once
	falter func()
}

func (f *faltering) Lookup(ctx context.Context, u acsauth.User) (string, error) {
	f.once.Do(f.falter)
	return f.MemoryMapper.Lookup(ctx, u)
}

// An operation that never returns from the store is an error of its callers', whose
// next call is served as any other, and nothing for Close to wait for.
func TestOperationsThatDoNotReturn(t *testing.T) {
	t.Parallel()
	for name, falter := range map[string]func(){
		"it panics":                 func() { panic("disk on fire") },
		"it ends its own goroutine": runtime.Goexit, // as t.FailNow does
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *cloud.Cloud, _ *acsauth.Authenticator) {
				service := newMemoryService(t, c, &faltering{falter: falter})
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				_, _, err := service.Create(ctx, ada)
				wantRefusal(t, err, "internal", "")
				if _, created, err := service.Create(ctx, ada); err != nil || !created {
					t.Errorf("the next call: created %v, %v", created, err)
				}
				if err := service.Close(ctx); err != nil {
					t.Errorf("Close: %v", err)
				}
			})
		})
	}
}

// ada is a user whom no token stands for.
var ada = acsauth.User{TenantID: otherTenant, ObjectID: "00000000-0000-4000-8000-000000000001"}

// newMemoryService returns a service over a store that is no part of the cloud.
func newMemoryService(t *testing.T, c *cloud.Cloud, store acsauth.IdentityMapper, configure ...func(*acsauth.ServiceConfig)) *acsauth.Service {
	t.Helper()
	cfg := acsauth.ServiceConfig{
		Identities: must(t, acsidentity.New, acsidentity.Config{ConnectionString: c.ACS.ConnectionString(), HTTPClient: c.HTTPClient()}),
		Mapper:     store,
		Logger:     slog.New(slog.DiscardHandler),
	}
	for _, change := range configure {
		change(&cfg)
	}
	return must(t, acsauth.NewService, cfg)
}
