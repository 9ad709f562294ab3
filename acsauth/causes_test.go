package acsauth_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "modernc.org/sqlite"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsidentity"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/sqlmap"
)

// With DebugErrors an answer says what failed, in the words of this module. Of the
// errors of others it names the type, since their texts can hold anything.
func TestCauses(t *testing.T) {
	t.Parallel()
	const secret = "hunter2"
	failed := &url.Error{Op: "Get", URL: "https://db.example/?token=" + secret, Err: context.DeadlineExceeded}
	for _, test := range []struct {
		name      string
		mapper    func(*testing.T) acsauth.IdentityMapper
		configure func(*setup)
		prepare   func(*system)
		want      []string // lines, or how they begin
	}{
		{
			name:   "a database without tables",
			mapper: func(t *testing.T) acsauth.IdentityMapper { return sqliteMapper(t, "") },
			want:   []string{"*sqlmap.Error: sqlmap: Lookup: SQLite answered 1: the tables are missing", "*sqlite.Error\n"},
		},
		{
			name:   "a file that is no database",
			mapper: func(t *testing.T) acsauth.IdentityMapper { return sqliteMapper(t, strings.Repeat(secret, 1000)) },
			want:   []string{"*sqlmap.Error: sqlmap: Lookup: SQLite answered 26: the file is not a database", "*sqlite.Error\n"},
		},
		{
			name:      "a store that says everything",
			configure: store(fmt.Errorf("dial postgres://me:%s@db: %w", secret, errors.New(secret))),
			want:      []string{"*fmt.wrapError\n", "*errors.errorString\n"},
		},
		{
			name:      "a store that reaches its database by HTTP",
			configure: store(fmt.Errorf("%w: %w", acsauth.ErrNotStored, failed)),
			want: []string{"*fmt.wrapErrors\n", "*errors.errorString: the mapping was not stored\n", "*url.Error\n",
				"context.deadlineExceededError: context deadline exceeded\n"},
		},
		{
			name:      "an error that holds none",
			configure: store(holes{acsauth.ErrMappingInvalid}),
			want:      []string{"acsauth_test.holes: several\n", "*errors.errorString: the stored mapping is not valid\n"},
		},
		{
			name:      "several errors at once",
			configure: store(errors.Join(errors.New(secret), acsauth.ErrMappingInvalid)),
			want:      []string{"*errors.joinError\n", "*errors.errorString\n", "*errors.errorString: the stored mapping is not valid\n"},
		},
		{
			name:      "a store that knows what kind of failure it is",
			configure: store(struct{ acsauth.Failure }{&storeDown{text: secret}}),
			want:      []string{"struct { acsauth.Failure } (unavailable)\n"},
		},
		{
			name:      "a store that refuses in the API's words",
			configure: store(&acsauth.Error{Name: "access_blocked", Message: "Ask at the desk.", Err: errors.New(secret)}),
			want:      []string{"*acsauth.Error: access_blocked: Ask at the desk.\n", "*errors.errorString\n"},
		},
		{
			name: "no token for ACS",
			configure: func(set *setup) {
				withMemory(set)
				token := func(context.Context) (string, error) { return "", failed }
				set.acs = acsidentity.Config{Endpoint: set.cloud.ACS.URL, Credential: acsidentity.BearerToken(token), HTTPClient: set.acs.HTTPClient}
			},
			prepare: func(s *system) {
				if err := s.mapper.Create(s.Context(), s.acsUser(), "8:acs:"+s.ACS.ResourceID()+"_"+s.user.ObjectID); err != nil {
					s.Fatal(err)
				}
			},
			want: []string{"*acsidentity.Error: acsidentity: IssueToken (client request ", "no bearer token: …\n", "*url.Error\n"},
		},
		{
			name: "Graph is down",
			prepare: func(s *system) {
				s.Inject(cloud.Fault{Op: cloud.OpGraphLookup, Status: http.StatusServiceUnavailable, Header: http.Header{"Retry-After": {"9"}}})
			},
			want: []string{"*graphmap.Error: graphmap: LookupRenew: Microsoft Graph answered 503"},
		},
		{
			name:    "a mapping that is not signed",
			prepare: func(s *system) { s.tamper("8:acs:" + s.ACS.ResourceID() + "_" + s.user.ObjectID) },
			want:    []string{"graphmap.invalid: graphmap: the stored mapping is not valid: it is not signed\n"},
		},
		{
			name: "no signing keys",
			configure: func(set *setup) {
				set.auth.HTTPClient = &http.Client{Transport: unreachable{fmt.Errorf("proxy me:%s: %w", secret, context.DeadlineExceeded)}}
			},
			want: []string{"*acsauth.Error: keys_unavailable: ", "acsauth.detail: OpenID Connect metadata: no answer of ", ": context deadline exceeded\n"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newSystem(t, func(set *setup) {
				set.auth.DebugErrors = true
				if test.mapper != nil {
					set.service.Mapper = test.mapper(t)
				}
				if test.configure != nil {
					test.configure(set)
				}
			})
			if test.prepare != nil {
				test.prepare(s)
			}
			a := s.call("GET", "/api/token")
			told := a.field("stack_trace") + "\n"
			for _, want := range test.want {
				if !strings.Contains(told, want) {
					t.Errorf("%q is missing in:\n%s", want, told)
				}
			}
			if a.status < 400 || strings.Contains(a.body, secret) {
				t.Errorf("%d %s", a.status, a.body)
			}
		})
	}
}

// store returns what configures a store that always fails.
func store(err error) func(*setup) {
	return func(set *setup) { set.service.Mapper = failing{err} }
}

// sqliteMapper returns a store whose file has this content.
func sqliteMapper(t *testing.T, content string) *sqlmap.Mapper {
	t.Helper()
	path := filepath.Join(t.TempDir(), "mappings.db")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", sqlmap.SQLiteDSN(path))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return must(t, sqlmap.New, sqlmap.Config{DB: db, Dialect: sqlmap.SQLite, Resource: "contoso.communication.azure.com"})
}

// An unreachable transport fails before anything is sent.
type unreachable struct{ err error }

func (u unreachable) RoundTrip(*http.Request) (*http.Response, error) { return nil, u.err }

// holes are errors of which some are nil, as errors.Is and errors.As take them.
type holes []error

func (h holes) Error() string   { return "several" }
func (h holes) Unwrap() []error { return append([]error{nil}, h...) }
