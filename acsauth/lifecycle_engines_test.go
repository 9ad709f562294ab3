package acsauth_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/stores"
)

// The schedules over real database engines, and so in real time. Each one has an
// ACS resource of its own, and with it a part of the store that nobody else sees.
func TestLifecycleSchedulesOnEngines(t *testing.T) {
	t.Parallel()
	// A file for each, since SQLite lets one write at a time: schedules are not to wait
	// for one another, on a busy machine for longer than a store waits for a lock.
	directory := t.TempDir()
	addresses := map[string]string{"SQLite": "sqlite:" + filepath.Join(directory, "SEED.db")}
	if dsn := os.Getenv("ACSAUTH_TEST_POSTGRES"); dsn != "" {
		addresses["PostgreSQL"] = dsn
	} else {
		t.Log("PostgreSQL is left out: set ACSAUTH_TEST_POSTGRES to a DSN")
	}
	if connectionString := os.Getenv("ACSAUTH_TEST_AZURITE"); connectionString != "" {
		addresses["Azurite"] = "tables:" + connectionString
	} else {
		t.Log("Azurite is left out: set ACSAUTH_TEST_AZURITE to a connection string")
	}
	for name, address := range addresses {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var all errgroup.Group
			all.SetLimit(25) // schedules spend most of their time waiting, but engines do not
			for seed := range uint64(100) {
				all.Go(func() error {
					p := planOf(seed, 5*time.Millisecond)
					p.inMemory, p.journals, p.moves = true, true, seed%4 == 0
					p.span = min(p.span, 1500*time.Millisecond)
					p.store = openEngine(t, strings.Replace(address, "SEED", fmt.Sprint(seed), 1))
					runSchedule(t, seed, p, cloud.Config{InProcess: true})
					return nil
				})
			}
			_ = all.Wait()
		})
	}
}

func openEngine(t *testing.T, address string) acsauth.JournalingMapper {
	store, err := stores.Open(address, stores.Options{Resource: fmt.Sprintf("%s.communication.azure.com", uuid.NewString())})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	if err := store.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	return store.Mapper
}
