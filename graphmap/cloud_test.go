package graphmap_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth/acsauthtest"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/graphmap"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/obo"
)

var _ graphmap.TokenSource = (*obo.Client)(nil)

// embedded returns a Mapper and a user of an embedded cloud, which was written
// independently of the fake in this package, with real token exchanges.
func embedded(t *testing.T, options cloud.GraphOptions) (*cloud.Cloud, *graphmap.Mapper, cloud.User, acsauth.User) {
	t.Helper()
	c, m := embeddedMapper(t, options, time.Now, func(cfg *graphmap.Config) { cfg.Keys = [][]byte{key2, key1} })
	person, u := embeddedUser(c)
	return c, m, person, u
}

func embeddedMapper(t *testing.T, options cloud.GraphOptions, now func() time.Time, set func(*graphmap.Config)) (*cloud.Cloud, *graphmap.Mapper) {
	t.Helper()
	c, err := cloud.Start(cloud.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	c.Graph.Configure(options)
	exchange, err := obo.New(obo.Config{
		ClientID:      c.ClientID,
		Credential:    obo.ClientSecret(c.ClientSecret),
		AuthorityHost: c.Entra.URL,
		HTTPClient:    c.HTTPClient(),
		Now:           now,
		Logger:        quiet,
	})
	if err != nil {
		t.Fatal(err)
	}
	return c, newMapper(t, c.Graph.URL, c.HTTPClient(), func(cfg *graphmap.Config) {
		cfg.Tokens = exchange
		set(cfg)
	})
}

// embeddedUser returns a new person of the cloud, as the directory and as the
// application knows them.
func embeddedUser(c *cloud.Cloud) (cloud.User, acsauth.User) {
	person := c.Entra.AddUser(cloud.User{Name: "Alice"})
	assertion := c.Entra.UserToken(person, cloud.TokenOptions{})
	return person, acsauth.User{TenantID: c.TenantID, ObjectID: person.ObjectID, Assertion: acsauth.NewSecret(assertion)}
}

// The contract of stores holds whether mappings are signed or not, but for one rule:
// Graph cannot compare and delete.
func TestContract(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]func(*graphmap.Config){
		"signed":   func(cfg *graphmap.Config) { cfg.Keys = [][]byte{key2, key1} },
		"unsigned": func(cfg *graphmap.Config) { cfg.Keys, cfg.Unsigned = nil, graphmap.TrustUnsigned },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, m := embeddedMapper(t, cloud.GraphOptions{}, time.Now, set)
			acsauthtest.TestMapper(t, func(*testing.T) acsauth.IdentityMapper { return m }, func(*testing.T) acsauth.User {
				_, u := embeddedUser(c)
				return u
			}, "delete in one step")
		})
	}
}

// The life of a mapping, under all the ways in which Graph is said to answer.
func TestEmbeddedCloud(t *testing.T) {
	t.Parallel()
	for name, options := range map[string]cloud.GraphOptions{
		"default":     {},
		"the others":  {ConflictStatus: 409, UpdateStatus: 200, OmitEmpty: true, OmitName: true, LongIDs: true},
		"bare answer": {OmitEmpty: true, OmitName: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, m, person, u := embedded(t, options)
			ctx := t.Context()
			if _, err := m.Lookup(ctx, u); !errors.Is(err, acsauth.ErrNotMapped) {
				t.Fatalf("Lookup: %v, want ErrNotMapped", err)
			}
			for range 2 { // the second time it conflicts with itself
				if err := m.Create(ctx, u, acsID(1)); err != nil {
					t.Fatalf("Create: %v", err)
				}
			}
			if err := m.Create(ctx, u, acsID(2)); !errors.Is(err, acsauth.ErrAlreadyMapped) {
				t.Errorf("Create: %v, want ErrAlreadyMapped", err)
			}
			if got, err := m.Lookup(ctx, u); got != acsID(1) || err != nil {
				t.Errorf("Lookup = %q, %v", got, err)
			}

			c.Graph.SetExtension(person, extName, map[string]any{"acsUserIdentity": acsID(3)})
			if _, err := m.Lookup(ctx, u); !errors.Is(err, acsauth.ErrMappingInvalid) {
				t.Errorf("Lookup of what the user wrote: %v, want ErrMappingInvalid", err)
			}
			if err := m.Delete(ctx, u, ""); err != nil {
				t.Errorf("Delete: %v", err)
			}

			c.Graph.SetExtension(person, extName, map[string]any{})
			if err := m.Create(ctx, u, acsID(4)); err != nil {
				t.Errorf("Create over an extension without an identity: %v", err)
			}
			if err := m.Delete(ctx, u, acsID(4)); err != nil {
				t.Errorf("Delete: %v", err)
			}
			if _, ok := c.Graph.Extension(person, extName); ok {
				t.Error("the mapping is still there")
			}
		})
	}
}

// A creation that meets copies that lag behind ends well.
func TestEmbeddedCloudLags(t *testing.T) {
	t.Parallel()
	c, m, person, u := embedded(t, cloud.GraphOptions{})
	c.Graph.FreezeReads(person, cloud.Freeze{Reads: 1})
	c.Graph.SetExtension(person, extName, map[string]any{"acsUserIdentity": acsID(9)}) // not seen by the next read
	if got := outcome(m.Create(t.Context(), u, acsID(1))); got != "already, invalid" {
		t.Errorf("Create: %s", got)
	}
}

// A claims challenge of Graph's is met by a real exchange that carries the claims.
func TestEmbeddedCloudChallenges(t *testing.T) {
	t.Parallel()
	c, m, person, u := embedded(t, cloud.GraphOptions{})
	withdraw := c.Graph.Challenge(person, cloud.MFAClaims)
	if _, err := m.Lookup(t.Context(), u); !errors.Is(err, acsauth.ErrNotMapped) {
		t.Errorf("Lookup: %v, want ErrNotMapped after an exchange with the claims", err)
	}
	withdraw()
}

// A remembered token that Graph refuses without a challenge is exchanged anew. If
// Microsoft Entra ID refuses that, the user learns why.
func TestEmbeddedCloudRefusesToken(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		refusal int    // of the exchange; 0: none
		want    string // the kind of failure; "" is none
	}{
		{"another is to be had", 0, ""},
		{"the user's sessions were revoked", cloud.SessionRevoked, "invalid_assertion"},
	} {
		var later atomic.Int64
		c, m := embeddedMapper(t, cloud.GraphOptions{},
			func() time.Time { return time.Now().Add(time.Duration(later.Load())) },
			func(cfg *graphmap.Config) { cfg.Keys = [][]byte{key1} })
		person, u := embeddedUser(c)
		if _, err := m.Lookup(t.Context(), u); !errors.Is(err, acsauth.ErrNotMapped) {
			t.Fatal(err)
		}
		later.Store(int64(time.Minute)) // so that the token is not new any more
		if test.refusal != 0 {
			c.Entra.Refuse(cloud.Refusal{User: person.ObjectID, Tenant: c.TenantID, Code: test.refusal})
		}
		c.Inject(cloud.Fault{Op: "graph.", Status: 401, Times: 1})
		_, err := m.Lookup(t.Context(), u)
		var failed acsauth.Failure
		if test.want == "" && !errors.Is(err, acsauth.ErrNotMapped) || test.want != "" && (!errors.As(err, &failed) || failed.FailureKind() != test.want) {
			t.Errorf("%s: Lookup: %v; want kind %q", test.name, err, test.want)
		}
	}
}
