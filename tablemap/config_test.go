package tablemap_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/tablemap"
)

// A credential is an azcore.TokenCredential.
type credential struct {
	err    error
	scopes []string
}

func (c *credential) GetToken(_ context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	c.scopes = o.Scopes
	return azcore.AccessToken{Token: bearer, ExpiresOn: time.Now().Add(time.Hour)}, c.err
}

func TestNewReportsEveryMistake(t *testing.T) {
	t.Parallel()
	const key = "AccountKey=" + accountKey
	account := tablemap.ConnectionString("AccountName=contoso;" + key)
	client, err := aztables.NewClientWithNoCredential("https://contoso.table.core.windows.net/t?sig=x", nil)
	if err != nil {
		t.Fatal(err)
	}
	fromString := func(s string) tablemap.Config {
		return tablemap.Config{Account: tablemap.ConnectionString(s), Resource: resource}
	}
	fromEndpoint := func(s string) tablemap.Config {
		return tablemap.Config{Account: tablemap.Entra(s, &credential{}), Resource: resource}
	}
	on := func(resource string) tablemap.Config { return tablemap.Config{Account: account, Resource: resource} }
	tests := []struct {
		name string
		cfg  tablemap.Config
		want []string // one text in each line of the error; none if it is fine
	}{
		{"storage account", fromString("DefaultEndpointsProtocol=https;AccountName=contoso;" + key + ";EndpointSuffix=core.windows.net"), nil},
		{"Cosmos DB account", fromString("DefaultEndpointsProtocol=https;AccountName=contoso;" + key + ";TableEndpoint=https://contoso.table.cosmos.azure.com:443/;"), nil},
		{"signature, as the portal shows it", fromString("BlobEndpoint=https://contoso.blob.core.windows.net/;TableEndpoint=https://contoso.table.core.windows.net/;SharedAccessSignature=sv=1&sig=x%3D"), nil},
		{"signature and name", fromString("AccountName=contoso;SharedAccessSignature=?sv=1&sig=x%3D"), nil},
		{"emulator", fromString("DefaultEndpointsProtocol=http;AccountName=contoso;" + key + ";TableEndpoint=http://127.0.0.1:10002/contoso;"), nil},
		{"line break at the end", fromString("AccountName=contoso;" + key + "\n"), nil},
		{"Entra", fromEndpoint("https://contoso.table.core.windows.net/"), nil},
		{"client", tablemap.Config{Client: client, Resource: resource}, nil},
		{"table", tablemap.Config{Account: account, Resource: resource, Table: "abc"}, nil},
		{"resource with a port", on("localhost:8443"), nil},
		{"resource that is an address", on("[::1]:8443"), nil},

		{"nothing", tablemap.Config{}, []string{"Account is not set", "Resource must be the host"}},
		{"empty string", fromString(""), []string{"Account: the connection string has no AccountName", "Account: the connection string has neither AccountKey"}},
		{
			"everything in the string",
			fromString("AccountName=contoso;AccountKey=secret!;TableEndpoint=http://contoso.example"),
			[]string{"must use https", "AccountKey in the connection string is not base64"},
		},
		{"no key", fromString("AccountName=contoso"), []string{"Account: the connection string has neither AccountKey"}},
		{"key without a name", fromString("TableEndpoint=https://contoso.table.core.windows.net/;" + key), []string{"no AccountName"}},
		{"key that is none", fromString("AccountName=contoso;AccountKey=secret!"), []string{"AccountKey in the connection string is not base64"}},
		{"signature that is none", fromString("AccountName=contoso;SharedAccessSignature=sig=secret%zz"), []string{"is not a query"}},
		{"plain http", fromString("DefaultEndpointsProtocol=http;AccountName=contoso;" + key), []string{"the endpoint in the connection string must use https"}},
		{"plain http to somewhere", fromString("AccountName=contoso;" + key + ";TableEndpoint=http://contoso.example"), []string{"must use https"}},
		{"endpoint that is none", fromString("AccountName=contoso;" + key + ";TableEndpoint=contoso"), []string{"has no host"}},
		{"tokens to somewhere", fromEndpoint("http://127.0.0.1:10002"), []string{"Account: the endpoint must use https"}},
		{"Entra without an endpoint", fromEndpoint(""), []string{"Account: the endpoint has no host"}},
		{"Entra without a credential", tablemap.Config{Account: tablemap.Entra("https://contoso.table.core.windows.net", nil), Resource: resource}, []string{"Account: the credential is nil"}},
		{"Entra without anything", tablemap.Config{Account: tablemap.Entra("", nil), Resource: resource}, []string{"Account: the endpoint has no host", "Account: the credential is nil"}},
		{"Entra, both of no use", tablemap.Config{Account: tablemap.Entra("http://127.0.0.1", nil), Resource: resource}, []string{"Account: the endpoint must use https", "Account: the credential is nil"}},
		{"short table", tablemap.Config{Account: account, Resource: resource, Table: "ab"}, []string{"Table must be 3 to 63"}},
		{"table with a hyphen", tablemap.Config{Account: account, Resource: resource, Table: "acs-mappings"}, []string{"Table must be 3 to 63"}},
		{"resource with a scheme", on("https://" + resource), []string{"Resource must be the host"}},
		{"resource with a path", on(resource + "/x"), []string{"Resource must be the host"}},
		{"resource with a user", on("a@" + resource), []string{"Resource must be the host"}},
		{"resource with a blank", on("a b"), []string{"Resource must be the host"}},
		{
			"client with more",
			tablemap.Config{Client: client, Account: account, Table: "abc", HTTPClient: &http.Client{}, Resource: resource},
			[]string{"Account cannot be set", "Table cannot be set", "HTTPClient cannot be set"},
		},
		{
			"everything at once",
			tablemap.Config{Account: tablemap.ConnectionString("x"), Table: "1", AttemptTimeout: -1},
			[]string{"Table", "Account", "Account", "Resource", "AttemptTimeout is negative"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m, err := tablemap.New(tt.cfg)
			if len(tt.want) == 0 {
				if err != nil || m == nil {
					t.Fatalf("New: %v", err)
				}
				return
			}
			if err == nil {
				t.Fatal("New found nothing wrong")
			}
			if strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), accountKey) {
				t.Errorf("the error shows a secret: %v", err)
			}
			lines := strings.Split(err.Error(), "\n")
			if len(lines) != len(tt.want) {
				t.Errorf("%d mistakes reported, want %d:\n%v", len(lines), len(tt.want), err)
			}
			for i, want := range tt.want[:min(len(lines), len(tt.want))] {
				if !strings.Contains(lines[i], want) || !strings.HasPrefix(lines[i], "tablemap: Config.") {
					t.Errorf("mistake %d is %q, want it to mention %q", i, lines[i], want)
				}
			}
		})
	}
}

func TestAccountDoesNotPrintItself(t *testing.T) {
	t.Parallel()
	w, _ := newFake(t)
	encoded, _ := json.Marshal(map[string]any{"account": w.config.Account})
	for _, text := range []string{
		fmt.Sprintf("%v %+v %#v", w.config.Account, w.config.Account, w.config.Account),
		fmt.Sprintf("%v %+v", w.config, w.config), fmt.Sprintf("%v %+v", w.Mapper, w.Mapper), string(encoded),
	} {
		if strings.Contains(text, accountKey) || strings.Contains(text, "AccountName") {
			t.Errorf("the key shows in %s", text)
		}
	}
}

// Tokens are asked for the audience of the service, which in Cosmos DB is that of
// the cloud.
func TestEntra(t *testing.T) {
	t.Parallel()
	for host, scope := range map[string]string{
		"contoso.table.core.windows.net":       "https://storage.azure.com/.default",
		"contoso.table.core.usgovcloudapi.net": "https://storage.azure.com/.default",
		"contoso.table.cosmos.azure.com":       "https://cosmos.azure.com/.default",
		"contoso.table.cosmos.azure.us":        "https://cosmos.azure.us/.default",
		"contoso.table.cosmos.azure.cn":        "https://cosmos.azure.cn/.default",
	} {
		w, _ := newFake(t)
		c := &credential{}
		cfg := w.config
		cfg.Account = tablemap.Entra("https://"+host, c)
		m := newMapper(t, cfg)
		mustCreate(t, m, user(1), acsID(1))
		w.maps(t, user(1), acsID(1))
		if len(c.scopes) != 1 || c.scopes[0] != scope {
			t.Errorf("%s: scopes %q, want %s", host, c.scopes, scope)
		}
	}
}

type kind string

func (k kind) Error() string       { return string(k) }
func (k kind) FailureKind() string { return string(k) }

// A credential that fails is no answer of the Table service's, even if its error
// is one of the same SDK.
func TestCredentialFailures(t *testing.T) {
	t.Parallel()
	absent := httptest.NewRecorder().Result()
	for _, tt := range []struct {
		name  string
		cause error
		kind  string
	}{
		{"any error", errors.New("AADSTS7000215"), "unavailable"},
		{"a Failure", kind("misconfigured"), "misconfigured"},
		{"too late", context.DeadlineExceeded, "timeout"},
		{"the SDK's", &azcore.ResponseError{StatusCode: 404, ErrorCode: "ResourceNotFound", RawResponse: absent}, "unavailable"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w, _ := newFake(t)
			cfg := w.config
			cfg.Account = tablemap.Entra("https://contoso.table.core.windows.net", &credential{err: fmt.Errorf("credential: %w", tt.cause)})
			m := newMapper(t, cfg)
			_, err := m.Lookup(t.Context(), user(1))
			wantFailure(t, err, tt.kind)
			if !errors.Is(err, tt.cause) || errors.Is(err, acsauth.ErrNotMapped) {
				t.Errorf("Lookup: %v", err)
			}
			err = m.Create(t.Context(), user(1), acsID(1))
			wantFailure(t, err, tt.kind)
			if !errors.Is(err, acsauth.ErrNotStored) {
				t.Errorf("Create: %v, want ErrNotStored", err)
			}
			if w.requests() != "" {
				t.Errorf("requests were sent: %s", w.requests())
			}
		})
	}
}

// A client of one's own keeps its credential; the Mapper decides on repetitions.
func TestClient(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, e engine) {
		w := e.newWorld(t)
		service, err := aztables.NewServiceClientFromConnectionString(e.connection, &aztables.ClientOptions{ClientOptions: azcore.ClientOptions{
			Transport: &http.Client{Transport: w.network},
			Retry:     policy.RetryOptions{MaxRetries: 9, RetryDelay: time.Hour},
		}})
		if err != nil {
			t.Fatal(err)
		}
		m := newMapper(t, tablemap.Config{Client: service.NewClient(w.config.Table), Resource: resource})
		w.fault(fault{method: "POST", times: 1, lost: true})
		mustCreate(t, m, user(1), acsID(1))
		if w.requests() != "POST POST GET" {
			t.Errorf("requests %s", w.requests())
		}
		w.maps(t, user(1), acsID(1))
		w.fault(fault{status: 503, header: soon})
		_, err = m.Lookup(t.Context(), user(1))
		wantFailure(t, err, "unavailable")
	})
}

// A shared access signature of the real engine's.
func TestSharedAccessSignature(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, e engine) {
		if strings.Contains(e.connection, accountKey) {
			return // the fake does not know signatures
		}
		w := e.newWorld(t)
		address, err := w.table.GetTableSASURL(aztables.SASPermissions{Read: true, Add: true, Update: true, Delete: true}, time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		_, signature, _ := strings.Cut(address, "?")
		_, endpoint, _ := strings.Cut(e.connection, "TableEndpoint=")
		cfg := w.config
		cfg.Account = tablemap.ConnectionString("TableEndpoint=" + endpoint + ";SharedAccessSignature=" + signature)
		m := newMapper(t, cfg)
		mustCreate(t, m, user(1), acsID(1))
		w.maps(t, user(1), acsID(1))
		if err := m.Delete(t.Context(), user(1), acsID(1)); err != nil {
			t.Error(err)
		}
		if got := list(t, m); got != nil {
			t.Errorf("Mappings = %v", got)
		}
	})
}
