package movemap_test

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth/acsauthtest"
)

// Stores by what they can do besides mappings.
type (
	renewing   struct{ acsauth.RenewingMapper }
	journaling struct{ acsauth.JournalingMapper }
	listing    struct{ acsauth.ListingMapper }
	both       struct {
		acsauth.JournalingMapper
		lister
	}
	everything struct {
		acsauth.JournalingMapper
		lister
		renewer
	}
	renewingJournaling struct {
		acsauth.JournalingMapper
		renewer
	}
	renewingListing struct {
		acsauth.ListingMapper
		renewer
	}
	lister interface {
		Mappings(context.Context) iter.Seq2[acsauth.Mapping, error]
	}
	renewer interface {
		LookupRenew(context.Context, acsauth.User) (string, error)
	}
)

// The composed store can do what the new one can, and list if both can: no more,
// because a service uses whatever there is, and no less.
func TestCapabilities(t *testing.T) {
	t.Parallel()
	plain := new(acsauth.MemoryMapper)
	for _, test := range []struct {
		from, to                 acsauth.IdentityMapper
		renews, journals, listed bool
	}{
		{plain, plain, false, false, false},
		{plain, renewing{}, true, false, false},
		{plain, journaling{}, false, true, false},
		{plain, listing{}, false, false, false},
		{plain, everything{}, true, true, false},
		{listing{}, plain, false, false, false},
		{listing{}, listing{}, false, false, true},
		{listing{}, both{}, false, true, true},
		{listing{}, renewingListing{}, true, false, true},
		{listing{}, renewingJournaling{}, true, true, false},
		{listing{}, everything{}, true, true, true},
		{everything{}, plain, false, false, false},
		{everything{}, renewing{}, true, false, false},
	} {
		m := compose(t, test.from, test.to)
		_, renews := m.(acsauth.RenewingMapper)
		_, journals := m.(acsauth.JournalingMapper)
		_, listed := m.(acsauth.ListingMapper)
		if renews != test.renews || journals != test.journals || listed != test.listed {
			t.Errorf("%T into %T: renews %v, keeps a journal %v, lists %v; want %v, %v, %v",
				test.from, test.to, renews, journals, listed, test.renews, test.journals, test.listed)
		}
	}
}

// A service over two stores signs mappings in Graph anew, so that a key can retire
// during the move.
func TestKeyRotationWhileMoving(t *testing.T) {
	t.Parallel()
	cloud := acsauthtest.NewCloud(t)
	oldKey, newKey := make([]byte, 32), append(make([]byte, 31), 1)
	token := cloud.Token(cloud.AddUser("Alan"))
	nothing := new(acsauth.MemoryMapper)

	before := compose(t, nothing, newGraph(t, cloud, oldKey))
	during := compose(t, nothing, newGraph(t, cloud, newKey, oldKey))
	after := compose(t, nothing, newGraph(t, cloud, newKey))
	created := call(t, handler(t, cloud, before), token, http.MethodPost, http.StatusCreated)
	call(t, handler(t, cloud, during), token, http.MethodPost, http.StatusOK)
	if got := call(t, handler(t, cloud, after), token, http.MethodGet, http.StatusOK); got != created {
		t.Errorf("without the old key: %s; want %s", got, created)
	}
}

// What is listed is what look-ups would find: each user once, and as the new store
// has it.
func TestMappings(t *testing.T) {
	t.Parallel()
	from, to := newDatabase(t), newDatabase(t)
	alan := acsauth.User{TenantID: ada.TenantID, ObjectID: "44444444-4444-4444-8444-444444444444"}
	create(t, from, ada, "8:acs:ada")
	create(t, from, grace, "8:acs:grace, as she was")
	create(t, to, grace, "8:acs:grace")
	create(t, to, alan, "8:acs:alan")

	m := compose(t, from, to)
	want := map[string]string{ada.ObjectID: "8:acs:ada", grace.ObjectID: "8:acs:grace", alan.ObjectID: "8:acs:alan"}
	if diff := cmp.Diff(want, list(t, m)); diff != "" {
		t.Error(diff)
	}
	holds(t, to, ada, "") // listing moves nothing
	for range m.(acsauth.ListingMapper).Mappings(t.Context()) {
		break // in the old store
	}

	holds(t, m, ada, "8:acs:ada") // moves it
	if diff := cmp.Diff(want, list(t, m)); diff != "" {
		t.Errorf("after a move: %s", diff)
	}
}

// list returns the identities that are listed, by object id.
func list(t *testing.T, m acsauth.IdentityMapper) map[string]string {
	t.Helper()
	found := map[string]string{}
	for each, err := range m.(acsauth.ListingMapper).Mappings(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if found[each.ObjectID] != "" {
			t.Errorf("%s is listed twice", each.ObjectID)
		}
		found[each.ObjectID] = each.ACSID
	}
	return found
}

// The list ends with the error of whichever store fails. A mapping that the new
// store does not trust is not replaced by that of the old one.
func TestMappingsThatFail(t *testing.T) {
	t.Parallel()
	works := newDatabase(t)
	create(t, works, ada, "8:acs:ada")
	for _, test := range []struct {
		name     string
		from, to acsauth.IdentityMapper
		listed   int
		want     error
	}{
		{"the old store cannot list", stuck{works, errDown}, newDatabase(t), 0, errDown},
		{"the new store cannot look up", works, stuck{&fragile{fails: true}, nil}, 0, errDown},
		{"the new store cannot list", works, stuck{new(acsauth.MemoryMapper), errDown}, 1, errDown},
		{"the new store has it, invalid", works, stuck{invalid{}, nil}, 0, nil},
	} {
		listed, ended := 0, error(nil)
		for each, err := range compose(t, test.from, test.to).(acsauth.ListingMapper).Mappings(t.Context()) {
			if err == nil {
				listed++
			} else if ended = err; each != (acsauth.Mapping{}) {
				t.Errorf("%s: the error comes with %+v", test.name, each)
			}
		}
		if listed != test.listed || !errors.Is(ended, test.want) {
			t.Errorf("%s: %d mappings, then %v; want %d, %v", test.name, listed, ended, test.listed, test.want)
		}
	}
}

// A stuck store lists nothing but an error, if there is one.
type stuck struct {
	acsauth.IdentityMapper
	err error
}

func (s stuck) Mappings(context.Context) iter.Seq2[acsauth.Mapping, error] {
	return func(yield func(acsauth.Mapping, error) bool) {
		if s.err != nil {
			yield(acsauth.Mapping{}, s.err)
		}
	}
}
