package archtest_test

import (
	"slices"
	"testing"
)

// Other people's modules, as patterns.
const (
	uuid      = "github.com/google/uuid"
	otel      = "go.opentelemetry.io/otel/..." // the API, which does nothing without an SDK, and the SDK
	otelSDK   = "go.opentelemetry.io/otel/sdk/..."
	exporters = "go.opentelemetry.io/otel/exporters/..."
	prom      = "github.com/prometheus/..."
	grpc      = "google.golang.org/grpc/..."
	cli       = "github.com/urfave/cli/v3"
	pgx       = "github.com/jackc/pgx/v5/..."
	sqlite    = "modernc.org/sqlite"
	xsync     = "golang.org/x/sync/..."
	xtime     = "golang.org/x/time/..."
	cors      = "github.com/rs/cors"
	jwx       = "github.com/lestrrat-go/..."
	msal      = "github.com/AzureAD/microsoft-authentication-library-for-go/..."
	azure     = "github.com/Azure/azure-sdk-for-go/..."
	kiota     = "github.com/microsoft/..."
	graphSDKs = "github.com/microsoftgraph/..."
	graphCore = "github.com/microsoftgraph/msgraph-sdk-go-core/..."
	odata     = "github.com/microsoftgraph/msgraph-sdk-go/models/odataerrors"
	kin       = "github.com/getkin/kin-openapi/..."
)

// mayImport says what the packages import besides the standard library: nothing
// that does not stand here. Every package of the module has one row.
var mayImport = []struct {
	who  string
	what []string
}{
	{".", nil},
	{"acsauth", []string{"acsidentity", "internal/httpx", "internal/jose", "internal/lru", "internal/outbound", "internal/syntax", "internal/tracing", otel, uuid, xtime}},
	{"acsauth/acsauthtest", []string{"acsauth", "internal/cloud", "internal/httpx", uuid}},
	{"acsidentity", []string{"internal/httpx", "internal/outbound", "internal/syntax", otel}},
	{"obo", []string{"internal/httpx", "internal/lru", "internal/outbound", "internal/syntax", "internal/tracing", msal, otel}},
	{"movemap", []string{"acsauth"}},
	{"graphmap", []string{"acsauth", "internal/httpx", "internal/outbound", "internal/syntax", graphCore, odata, kiota, otel}},
	{"sqlmap", []string{"acsauth", "internal/outbound", otel}},
	{"tablemap", []string{"acsauth", "internal/httpx", "internal/outbound", "internal/syntax", azure, otel}},

	{"docs", nil},
	{"internal/archtest", nil},
	{"internal/cloud", []string{uuid}},
	{"internal/deploytest", nil},
	{"internal/httpx", []string{uuid}},
	{"internal/jose", []string{jwx}},
	{"internal/lru", nil},
	{"internal/openapitest", []string{"docs", kin}},
	{"internal/outbound", []string{"internal/httpx", "internal/tracing", otel}},
	{"internal/reload", nil},
	{"internal/source", []string{"internal/reload", cli}},
	{"internal/syntax", []string{uuid}},
	{"internal/telemetrytest", []string{otel}},
	{"internal/tracing", []string{otel}},

	{"internal/stores", []string{"acsauth", "sqlmap", "tablemap", otel, pgx, sqlite}},

	{"cmd/acs-auth-server", []string{"acsauth", "acsidentity", "obo", "graphmap", "docs", "internal/*", azure, cors, grpc, msal, otel, prom, uuid, xsync}},
	{"cmd/acsauth", []string{"acsauth", "acsidentity", "internal/httpx", "internal/source", "internal/stores", "internal/syntax", azure, cli}},
	{"examples/*", []string{"acsauth", "acsidentity", "obo", "graphmap", "sqlmap", pgx, sqlite}},
}

func TestImports(t *testing.T) {
	t.Parallel()
	m := load(t)
	rows := map[string]int{}
	for _, rule := range mayImport {
		used := map[string]bool{}
		for _, p := range m.matching(t, rule.who) {
			rows[p.ImportPath]++
			for _, imported := range p.Imports {
				for _, pattern := range rule.what {
					used[pattern] = used[pattern] || matchesAny([]string{pattern}, imported)
				}
				if (external(imported) || m.has(imported)) && !matchesAny(rule.what, imported) {
					t.Errorf("%s must not import %s", p.ImportPath, imported)
				}
			}
		}
		for _, pattern := range rule.what {
			if !used[pattern] {
				t.Errorf("%s does not import %s, and need not be allowed to", rule.who, pattern)
			}
		}
	}
	for _, p := range m.packages {
		if rows[p.ImportPath] != 1 {
			t.Errorf("%s has %d rows in mayImport, want 1", p.ImportPath, rows[p.ImportPath])
		}
	}
}

// neverLinks says what must stay out of a package at any depth, and why.
var neverLinks = []struct {
	who  []string
	what []string
	why  string
}{
	{
		[]string{"acsauth"},
		[]string{"graphmap", "obo", msal, graphSDKs, kiota, azure, "database/sql"},
		"whoever brings a store of their own must not pay for ours",
	},
	{
		[]string{"acsidentity"},
		[]string{"acsauth", "graphmap", "obo", msal, graphSDKs, kiota, azure, jwx},
		"it is a client of one REST API",
	},
	{
		[]string{"obo"},
		[]string{"acsauth", "acsidentity", "graphmap", graphSDKs, kiota, azure, jwx},
		"it is useful to any web API that calls another",
	},
	{
		[]string{"tablemap"},
		[]string{"graphmap", "obo", msal, graphSDKs, kiota, "database/sql"},
		"whoever keeps mappings in a table must not pay for the other stores",
	},
	{
		[]string{"internal/cloud"},
		[]string{"acsauth", "acsidentity", "graphmap", "obo", "internal/httpx", "internal/jose", jwx, msal},
		"it would share the mistakes of what is tested against it",
	},
	{
		[]string{"acsauth", "acsidentity", "graphmap", "obo", "sqlmap", "tablemap", "movemap", "cmd/acsauth", "examples/*"},
		[]string{otelSDK, exporters, prom, grpc},
		"whoever watches a program chooses with what",
	},
	{
		[]string{"acsauth", "acsidentity", "graphmap", "obo", "sqlmap", "tablemap", "movemap", "internal/cloud", "cmd/*", "examples/*"},
		[]string{"testing/...", "net/http/httptest", "acsauth/acsauthtest", "internal/openapitest", "internal/telemetrytest", kin},
		"test machinery is no part of a product",
	},
	{
		[]string{"acsauth", "acsidentity", "graphmap", "obo", "sqlmap", "tablemap", "movemap", "internal/outbound", "internal/tracing"},
		[]string{otelSDK},
		"a program chooses its SDK, or none",
	},
}

func TestNeverLinks(t *testing.T) {
	t.Parallel()
	m := load(t)
	for _, rule := range neverLinks {
		for _, p := range m.matching(t, rule.who...) {
			for _, linked := range p.Deps {
				if matchesAny(rule.what, linked) {
					t.Errorf("%s must not link %s: %s", p.ImportPath, linked, rule.why)
				}
			}
		}
	}
}

// Examples are what a user of the module could write. That goes for their tests
// too, which may use the test kit.
func TestExamplesUsePublicPackagesOnly(t *testing.T) {
	t.Parallel()
	m := load(t)
	public := []string{"acsauth", "acsauth/acsauthtest", "acsidentity", "obo", "graphmap", "sqlmap", "tablemap", "movemap"}
	for _, p := range m.matching(t, "examples/*") {
		for _, imported := range slices.Concat(p.Imports, p.TestImports, p.XTestImports) {
			if m.has(imported) && imported != p.ImportPath && !matchesAny(public, imported) {
				t.Errorf("%s uses %s, which its readers cannot", p.ImportPath, imported)
			}
		}
	}
}

// jwx is no longer maintained: one package knows it, so that replacing it means
// changing that package. Tests are no exception.
func TestOnlyJoseKnowsJWX(t *testing.T) {
	t.Parallel()
	for _, p := range load(t).packages {
		for _, imported := range slices.Concat(p.Imports, p.TestImports, p.XTestImports) {
			if p.ImportPath != "internal/jose" && matchesAny([]string{jwx}, imported) {
				t.Errorf("%s imports %s", p.ImportPath, imported)
			}
		}
	}
}

// The packages for all of Microsoft Graph take minutes and gigabytes to compile.
// Neither the module nor its tests compile one of them.
func TestNoGraphGiants(t *testing.T) {
	t.Parallel()
	compiled := load(t).compiled
	if !compiled[odata] {
		t.Errorf("%s is not compiled; where has the Graph client gone?", odata)
	}
	for importPath := range compiled {
		if within("github.com/microsoftgraph/msgraph-sdk-go", importPath) && importPath != odata {
			t.Errorf("%s is compiled", importPath)
		}
	}
}
