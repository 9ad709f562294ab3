package tablemap_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"
	"github.com/google/uuid"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/tablemap"
)

const (
	resource = "contoso.communication.azure.com"
	tenantID = "11111111-2222-3333-4444-555555555555"
)

func user(n int) acsauth.User {
	return acsauth.User{TenantID: tenantID, ObjectID: fmt.Sprintf("aaaaaaaa-bbbb-cccc-dddd-eeeeeeee%04d", n)}
}

func acsID(n int) string {
	return fmt.Sprintf("8:acs:0a1b2c3d-0000-4000-8000-000000000001_00000014-aaaa-bbbb-cccc-01234567%04d", n)
}

// A world is a service with an empty table, the network before it, and a Mapper.
type world struct {
	*tablemap.Mapper
	*network

	config tablemap.Config
	table  *aztables.Client // past the network, for what a Mapper does not do
}

// An engine is a Table service to test against.
type engine struct {
	connection string
	client     *http.Client
}

// engines runs a test against the fake service, in memory and in virtual time, and
// against the real Azurite where there is one.
func engines(t *testing.T, test func(t *testing.T, e engine)) {
	t.Helper()
	t.Run("fake", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) { test(t, inMemory(newTableService())) })
	})
	azurite(t, test)
}

// azurite runs a test against the real Azurite.
func azurite(t *testing.T, test func(t *testing.T, e engine)) {
	t.Helper()
	t.Run("Azurite", func(t *testing.T) {
		t.Parallel()
		connection := os.Getenv("ACSAUTH_TEST_AZURITE")
		if connection == "" {
			t.Log("Azurite is left out: set ACSAUTH_TEST_AZURITE to a connection string")
			return
		}
		test(t, engine{connection, &http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()}})
	})
}

func inMemory(s *tableService) engine {
	return engine{connectionString("https://contoso.table.core.windows.net"), &http.Client{Transport: inProcess{s}}}
}

// newWorld returns a world with a fresh table.
func (e engine) newWorld(t testing.TB) *world {
	t.Helper()
	w := e.withoutTable(t)
	if err := w.CreateTable(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.clear()
	return w
}

func (e engine) withoutTable(t testing.TB) *world {
	t.Helper()
	n := &network{next: e.client.Transport}
	w := &world{network: n, config: tablemap.Config{
		Account:    tablemap.ConnectionString(e.connection),
		Table:      "t" + strings.ReplaceAll(uuid.NewString(), "-", ""),
		HTTPClient: &http.Client{Transport: n},
		Resource:   resource,
	}}
	w.Mapper = newMapper(t, w.config)
	service, err := aztables.NewServiceClientFromConnectionString(e.connection, &aztables.ClientOptions{
		ClientOptions: azcore.ClientOptions{Transport: e.client},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.table = service.NewClient(w.config.Table)
	return w
}

// newFake returns a world in memory, and the service in it.
func newFake(t testing.TB) (*world, *tableService) {
	t.Helper()
	service := newTableService()
	return inMemory(service).newWorld(t), service
}

func newMapper(t testing.TB, cfg tablemap.Config) *tablemap.Mapper {
	t.Helper()
	m, err := tablemap.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// put writes an entity past the Mapper.
func (w *world) put(t testing.TB, properties map[string]any) {
	t.Helper()
	encoded, err := json.Marshal(properties)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.table.UpsertEntity(context.Background(), encoded, &aztables.UpsertEntityOptions{UpdateMode: aztables.UpdateModeReplace}); err != nil {
		t.Fatal(err)
	}
}

// other returns a Mapper on the same table that the faults of the network spare:
// another process.
func (w *world) other(t testing.TB) *tablemap.Mapper {
	t.Helper()
	cfg := w.config
	cfg.HTTPClient = &http.Client{Transport: w.next}
	return newMapper(t, cfg)
}

// unmap deletes a user's mapping past the Mapper, whatever it is.
func (w *world) unmap(t testing.TB, u acsauth.User) {
	t.Helper()
	keys := mappingKeys(u)
	if _, err := w.table.DeleteEntity(context.Background(), keys["PartitionKey"].(string), keys["RowKey"].(string), nil); err != nil {
		t.Error(err)
	}
}

// maps fails the test unless u is mapped to want; "" stands for nothing.
func (w *world) maps(t testing.TB, u acsauth.User, want string) {
	t.Helper()
	got, err := w.other(t).Lookup(context.Background(), u)
	if want == "" && !errors.Is(err, acsauth.ErrNotMapped) || want != "" && (err != nil || got != want) {
		t.Errorf("Lookup = %q, %v; want %q", got, err, want)
	}
}

func mustCreate(t testing.TB, m acsauth.IdentityMapper, u acsauth.User, id string) {
	t.Helper()
	if err := m.Create(context.Background(), u, id); err != nil {
		t.Errorf("Create: %v", err)
	}
}

// wantFailure returns the Error in err, and fails the test unless it is of a kind.
func wantFailure(t testing.TB, err error, kind string) *tablemap.Error {
	t.Helper()
	var e *tablemap.Error
	if !errors.As(err, &e) {
		t.Fatalf("%v, want an *Error", err)
	}
	var f acsauth.Failure
	if !errors.As(err, &f) || f.FailureKind() != kind {
		t.Errorf("%v is %q, want %q", err, e.FailureKind(), kind)
	}
	return e
}

// mappingKeys returns the keys of a user's mapping.
func mappingKeys(u acsauth.User) map[string]any {
	return map[string]any{"PartitionKey": "m_" + resource + "_" + u.TenantID + "_" + u.ObjectID, "RowKey": "mapping"}
}
