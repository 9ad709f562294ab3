package stores_test

import (
	"errors"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/stores"
)

// Passwords and keys may change while a store is open, and nothing else.
func TestFollows(t *testing.T) {
	t.Parallel()
	const (
		postgres = "postgres://acs:tops3cret@db.contoso.com:5432/mappings"
		tables   = "tables:DefaultEndpointsProtocol=https;AccountName=contoso;AccountKey=dG9wczNjcmV0;EndpointSuffix=core.windows.net"
		sas      = "tables:TableEndpoint=https://contoso.table.core.windows.net;SharedAccessSignature=tops3cret"
		sqlite   = "sqlite:/var/lib/acs/mappings.db"
	)
	for _, test := range []struct{ name, address, next, wrong string }{
		{"the same", postgres, postgres, ""},
		{"another password", postgres, "postgres://acs:next@db.contoso.com/mappings", ""},
		{"another role", postgres, "postgresql://acs2:next@db.contoso.com:5432/mappings?sslmode=require", ""},
		{"another host", postgres, "postgres://acs:tops3cret@db2.contoso.com:5432/mappings", "it names another server or database"},
		{"another port", postgres, "postgres://acs:tops3cret@db.contoso.com:5433/mappings", "it names another server or database"},
		{"another database", postgres, "postgres://acs:tops3cret@db.contoso.com:5432/test", "it names another server or database"},
		{"no URL", postgres, "postgres://acs:tops3cret%zz@db.contoso.com", "it is not a URL"},
		{"another kind", postgres, sqlite, "it names another kind of store"},
		{"no store", postgres, "tops3cret", "it names another kind of store"},
		{"another key", tables, strings.Replace(tables, "dG9wczNjcmV0", "bmV4dA==", 1), ""},
		{"another key in another place", tables, "tables: AccountKey=bmV4dA==; DefaultEndpointsProtocol=https;AccountName=contoso;EndpointSuffix=core.windows.net;", ""},
		{"another account", tables, strings.Replace(tables, "contoso", "fabrikam", 1), "it changes more than the AccountKey"},
		{"no key", tables, strings.Replace(tables, "dG9wczNjcmV0", "", 1), "it has no AccountKey"},
		{"no base64", tables, strings.Replace(tables, "dG9wczNjcmV0", "tops3cret!", 1), "its AccountKey is not base64"},
		{"another signature", sas, sas + "&x=y", "it changes more than the AccountKey"},
		{"the same file", sqlite, sqlite, ""},
		{"another file", sqlite, sqlite + "2", "it names another store"},
	} {
		err := stores.Follows(test.address, test.next)
		switch {
		case test.wrong == "" && err != nil,
			test.wrong != "" && (err == nil || !strings.HasPrefix(err.Error(), test.wrong) || strings.Contains(err.Error(), "tops3cret")):
			t.Errorf("%s: %v, want %q", test.name, err, test.wrong)
		}
	}
}

// New connections sign in with the password of the moment.
func TestCurrentPassword(t *testing.T) {
	t.Parallel()
	dsn := os.Getenv("ACSAUTH_TEST_POSTGRES")
	if dsn == "" {
		t.Log("PostgreSQL is left out: set ACSAUTH_TEST_POSTGRES to a DSN")
		return
	}
	former, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	former.User = url.UserPassword(former.User.Username(), "the former password")
	current := former.String()
	store, err := stores.Open(former.String(), stores.Options{Resource: "rotation.communication.azure.com", Current: func() string { return current }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	var failure acsauth.Failure
	if err := store.Prepare(t.Context()); !errors.As(err, &failure) || failure.FailureKind() != "misconfigured" {
		t.Errorf("with the former password: %v", err)
	}
	current = dsn
	if err := store.Prepare(t.Context()); err != nil {
		t.Errorf("with the new password: %v", err)
	}
	if _, err := store.Lookup(t.Context(), acsauth.User{TenantID: "tenant", ObjectID: "object"}); !errors.Is(err, acsauth.ErrNotMapped) {
		t.Errorf("with the new password: %v", err)
	}
}
