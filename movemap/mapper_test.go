package movemap_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth/acsauthtest"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/movemap"
)

var (
	ada   = acsauth.User{TenantID: "11111111-1111-4111-8111-111111111111", ObjectID: "22222222-2222-4222-8222-222222222222"}
	grace = acsauth.User{TenantID: "11111111-1111-4111-8111-111111111111", ObjectID: "33333333-3333-4333-8333-333333333333"}
)

func compose(t *testing.T, from, to acsauth.IdentityMapper) acsauth.IdentityMapper {
	t.Helper()
	m, err := movemap.New(movemap.Config{From: from, To: to})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// The composed store keeps the contract of any store, and of whatever else it can do.
func TestContract(t *testing.T) {
	t.Parallel()
	memory := func(*testing.T) acsauth.IdentityMapper { return new(acsauth.MemoryMapper) }
	for _, test := range []struct {
		name     string
		from, to func(*testing.T) acsauth.IdentityMapper
	}{
		{"mappings alone", memory, memory},
		{"into one with a journal", memory, newDatabase},
		{"between two that can list", newDatabase, newDatabase},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			acsauthtest.TestMapper(t, func(t *testing.T) acsauth.IdentityMapper {
				return compose(t, test.from(t), test.to(t))
			}, nil)
		})
	}
	t.Run("into Graph", func(t *testing.T) {
		t.Parallel()
		cloud := acsauthtest.NewCloud(t)
		m := compose(t, new(acsauth.MemoryMapper), newGraph(t, cloud, make([]byte, 32)))
		acsauthtest.TestMapper(t, func(*testing.T) acsauth.IdentityMapper { return m }, func(*testing.T) acsauth.User {
			u := cloud.AddUser("Alan")
			return acsauth.User{TenantID: u.TenantID, ObjectID: u.ObjectID, Assertion: acsauth.NewSecret(cloud.Token(u))}
		}, "delete in one step")
	})
}

func holds(t *testing.T, m acsauth.IdentityMapper, u acsauth.User, want string) {
	t.Helper()
	got, err := m.Lookup(t.Context(), u)
	if want == "" && !errors.Is(err, acsauth.ErrNotMapped) || want != "" && (err != nil || got != want) {
		t.Errorf("Lookup = %q, %v; want %q", got, err, want)
	}
}

func create(t *testing.T, m acsauth.IdentityMapper, u acsauth.User, id string) {
	t.Helper()
	if err := m.Create(t.Context(), u, id); err != nil {
		t.Fatal(err)
	}
}

// A mapping moves when it is looked up, and before anything is created over it. It
// stays in the old store, so that there is a way back.
func TestMove(t *testing.T) {
	t.Parallel()
	from, to := new(acsauth.MemoryMapper), new(acsauth.MemoryMapper)
	m := compose(t, from, to)
	create(t, from, ada, "8:acs:ada")
	create(t, from, grace, "8:acs:grace")

	holds(t, m, ada, "8:acs:ada")
	holds(t, to, ada, "8:acs:ada")
	holds(t, from, ada, "8:acs:ada")

	if err := m.Create(t.Context(), grace, "8:acs:other"); !errors.Is(err, acsauth.ErrAlreadyMapped) {
		t.Errorf("Create over a mapping in the old store: %v; want ErrAlreadyMapped", err)
	}
	holds(t, to, grace, "8:acs:grace")
	create(t, m, grace, "8:acs:grace") // the value that is there
}

// New mappings are in the new store alone.
func TestNewMappings(t *testing.T) {
	t.Parallel()
	from, to := new(acsauth.MemoryMapper), new(acsauth.MemoryMapper)
	create(t, compose(t, from, to), ada, "8:acs:ada")
	holds(t, to, ada, "8:acs:ada")
	holds(t, from, ada, "")
}

// What is deleted does not come back from the old store, whichever of the two fails.
func TestDelete(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name               string
		oldFails, newFails bool
	}{{"both work", false, false}, {"the old store fails", true, false}, {"the new store fails", false, true}} {
		from, to := new(fragile), new(fragile)
		m := compose(t, from, to)
		create(t, from, ada, "8:acs:ada")
		holds(t, m, ada, "8:acs:ada")

		from.fails, to.fails = test.oldFails, test.newFails
		err := m.Delete(t.Context(), ada, "8:acs:ada")
		from.fails, to.fails = false, false
		if (err != nil) != (test.oldFails || test.newFails) {
			t.Errorf("%s: %v", test.name, err)
		}
		if err != nil {
			holds(t, m, ada, "8:acs:ada") // so that it can be repeated
			if err := m.Delete(t.Context(), ada, "8:acs:ada"); err != nil {
				t.Errorf("%s: repeated: %v", test.name, err)
			}
		}
		holds(t, m, ada, "")
	}
}

// An invalid mapping in the old store is neither moved nor overwritten.
// An interrupted store lets something happen after it has looked.
type interrupted struct {
	acsauth.MemoryMapper
	once      sync.Once
	meanwhile func()
}

func (s *interrupted) Lookup(ctx context.Context, u acsauth.User) (string, error) {
	acsID, err := s.MemoryMapper.Lookup(ctx, u)
	if err == nil {
		s.once.Do(s.meanwhile)
	}
	return acsID, err
}

// What is deleted while it moves does not come back.
func TestDeleteWhileMoving(t *testing.T) {
	t.Parallel()
	from := new(interrupted)
	m := compose(t, from, new(acsauth.MemoryMapper))
	if err := from.Create(t.Context(), ada, "8:acs:x"); err != nil {
		t.Fatal(err)
	}
	from.meanwhile = func() {
		if err := m.Delete(t.Context(), ada, "8:acs:x"); err != nil {
			t.Error(err)
		}
	}
	for _, when := range []string{"then", "later"} {
		if acsID, err := m.Lookup(t.Context(), ada); !errors.Is(err, acsauth.ErrNotMapped) {
			t.Errorf("%s: %q, %v", when, acsID, err)
		}
	}
}

func TestInvalid(t *testing.T) {
	t.Parallel()
	to := new(acsauth.MemoryMapper)
	m := compose(t, invalid{}, to)
	if _, err := m.Lookup(t.Context(), ada); !errors.Is(err, acsauth.ErrMappingInvalid) {
		t.Errorf("Lookup: %v; want ErrMappingInvalid", err)
	}
	if err := m.Create(t.Context(), ada, "8:acs:ada"); !errors.Is(err, acsauth.ErrMappingInvalid) || !errors.Is(err, acsauth.ErrNotStored) {
		t.Errorf("Create: %v; want ErrMappingInvalid and ErrNotStored", err)
	}
	holds(t, to, ada, "")
}

// While the old store is down, users who have moved are served.
func TestOldStoreDown(t *testing.T) {
	t.Parallel()
	from, to := &fragile{fails: true}, new(acsauth.MemoryMapper)
	m := compose(t, from, to)
	create(t, to, ada, "8:acs:ada")
	holds(t, m, ada, "8:acs:ada")
	if _, err := m.Lookup(t.Context(), grace); !errors.Is(err, errDown) {
		t.Errorf("Lookup: %v; want the old store's error", err)
	}
	if err := m.Create(t.Context(), grace, "8:acs:grace"); !errors.Is(err, errDown) || !errors.Is(err, acsauth.ErrNotStored) {
		t.Errorf("Create: %v; want the old store's error, and ErrNotStored", err)
	}
	holds(t, to, grace, "")
}

func TestConfig(t *testing.T) {
	t.Parallel()
	_, err := movemap.New(movemap.Config{})
	for _, field := range []string{"From", "To"} {
		if err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%v; want %s to be mentioned", err, field)
		}
	}
}

var errDown = errors.New("down")

// A fragile store fails when told to.
type fragile struct {
	acsauth.MemoryMapper
	fails bool
}

func (f *fragile) Lookup(ctx context.Context, u acsauth.User) (string, error) {
	if f.fails {
		return "", errDown
	}
	return f.MemoryMapper.Lookup(ctx, u)
}

func (f *fragile) Delete(ctx context.Context, u acsauth.User, acsID string) error {
	if f.fails {
		return errDown
	}
	return f.MemoryMapper.Delete(ctx, u, acsID)
}

// An invalid store holds an invalid mapping for everybody.
type invalid struct{ acsauth.IdentityMapper }

func (invalid) Lookup(context.Context, acsauth.User) (string, error) {
	return "", acsauth.ErrMappingInvalid
}
