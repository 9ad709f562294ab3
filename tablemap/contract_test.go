package tablemap_test

import (
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth/acsauthtest"
)

func TestContract(t *testing.T) {
	t.Parallel()
	contract := func(t *testing.T, e engine) {
		acsauthtest.TestMapper(t, func(t *testing.T) acsauth.IdentityMapper { return e.newWorld(t).Mapper }, nil)
	}
	t.Run("fake", func(t *testing.T) {
		t.Parallel()
		server := httptest.NewTLSServer(newTableService())
		t.Cleanup(server.Close)
		contract(t, engine{connectionString(server.URL), server.Client()})
	})
	azurite(t, contract)
}

// Every process creates the table when it starts.
func TestCreateTable(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, e engine) {
		w := e.withoutTable(t)
		_, err := w.Lookup(t.Context(), user(1))
		if got := wantFailure(t, err, "misconfigured"); got.Code != "TableNotFound" {
			t.Errorf("code %q before there is a table", got.Code)
		}
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				if err := w.CreateTable(t.Context()); err != nil {
					t.Errorf("CreateTable: %v", err)
				}
			})
		}
		all.Wait()
		mustCreate(t, w, user(1), acsID(1))
		if err := w.CreateTable(t.Context()); err != nil {
			t.Errorf("CreateTable: %v", err)
		}
		w.maps(t, user(1), acsID(1))
	})
}

// Resources that share a table share nothing in it.
func TestResourcesApart(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, e engine) {
		w := e.newWorld(t)
		mustCreate(t, w, user(1), acsID(1))
		entry := newEntry(user(1), acsauth.EntryCreate, "")
		if err := w.OpenEntry(t.Context(), entry); err != nil {
			t.Fatal(err)
		}
		for _, another := range []string{"contoso.communication.azure.co", "contoso.communication.azure.com:8443", "contoso.communication.azure.com.au", "contoso", "127.0.0.1:1", "[::1]:1"} {
			cfg := w.config
			cfg.Resource = another
			m := newMapper(t, cfg)
			if list(t, m) != nil || open(t, m, acsauth.User{}) != nil || open(t, m, user(1)) != nil {
				t.Errorf("%s lists what is not its own", another)
			}
			mustCreate(t, m, user(1), acsID(2))
			if got := list(t, m); len(got) != 1 || got[0].ACSID != acsID(2) {
				t.Errorf("%s lists %v", another, got)
			}
		}
		w.maps(t, user(1), acsID(1))
		cfg := w.config
		cfg.Resource = "Contoso.Communication.azure.com:443" // another way to write it
		if got := list(t, newMapper(t, cfg)); len(got) != 1 || got[0].ACSID != acsID(1) {
			t.Errorf("the same resource lists %v", got)
		}
	})
}

// A user without ids would share a mapping with everybody else without ids.
func TestUsersWithoutIDs(t *testing.T) {
	t.Parallel()
	w, _ := newFake(t)
	for _, u := range []acsauth.User{{}, {TenantID: tenantID}, {ObjectID: tenantID}} {
		_, err := w.Lookup(t.Context(), u)
		wantFailure(t, err, "unusable")
		wantFailure(t, w.Create(t.Context(), u, acsID(1)), "unusable")
		wantFailure(t, w.Delete(t.Context(), u, acsID(1)), "unusable")
		e := newEntry(u, acsauth.EntryCreate, "")
		wantFailure(t, w.OpenEntry(t.Context(), e), "unusable")
		wantFailure(t, w.IdentifyEntry(t.Context(), e), "unusable")
		wantFailure(t, w.CloseEntry(t.Context(), e), "unusable")
	}
	if w.requests() != "" {
		t.Errorf("requests were sent: %s", w.requests())
	}
}
