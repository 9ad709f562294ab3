package tablemap_test

import (
	"net/http"
	"os"
	"testing"

	"github.com/google/uuid"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
)

// benchmark runs against the fake, which shows what a Mapper and the SDK cost, and
// against Azurite where there is one.
func benchmark(b *testing.B, run func(b *testing.B, w *world)) {
	b.Run("fake", func(b *testing.B) { run(b, inMemory(newTableService()).newWorld(b)) })
	connection := os.Getenv("ACSAUTH_TEST_AZURITE")
	if connection == "" {
		return
	}
	b.Run("Azurite", func(b *testing.B) {
		run(b, engine{connection, &http.Client{Transport: http.DefaultTransport}}.newWorld(b))
	})
}

func BenchmarkLookup(b *testing.B) {
	benchmark(b, func(b *testing.B, w *world) {
		mustCreate(b, w, user(1), acsID(1))
		m := w.other(b)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := m.Lookup(b.Context(), user(1)); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkCreate(b *testing.B) {
	benchmark(b, func(b *testing.B, w *world) {
		m := w.other(b)
		b.ReportAllocs()
		for b.Loop() {
			if err := m.Create(b.Context(), acsauth.User{TenantID: tenantID, ObjectID: uuid.NewString()}, acsID(1)); err != nil {
				b.Fatal(err)
			}
		}
	})
}
