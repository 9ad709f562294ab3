package graphmap_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/graphmap"
)

// Computed with Python's hmac and with OpenSSL, for user 1, identity 1 and the
// key that begins with 0.
const goldenSignature = "v1.630dcd29.VYAIEhguH9qQfnkPn7CcJ9FPn4y_R35N1_QQdT_nRkU"

var policies = map[string]func(*graphmap.Config){
	"refuse": nil,
	"adopt": func(cfg *graphmap.Config) {
		cfg.Unsigned, cfg.AdoptUntil = graphmap.AdoptUnsigned, noon.Add(time.Second)
		cfg.Now = func() time.Time { return noon }
	},
	"adopt, late": func(cfg *graphmap.Config) {
		cfg.Unsigned, cfg.AdoptUntil = graphmap.AdoptUnsigned, noon
		cfg.Now = func() time.Time { return noon }
	},
	"trust": func(cfg *graphmap.Config) { cfg.Unsigned, cfg.Keys = graphmap.TrustUnsigned, nil },
}

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// What users find when they look into their own extension, or put there.
func TestLookupJudgesWhatIsStored(t *testing.T) {
	t.Parallel()
	const ok = ""
	none, bad := acsauth.ErrNotMapped.Error(), acsauth.ErrMappingInvalid.Error()
	id := acsID(1)
	signed := map[string]any{"acsUserIdentity": id, "acsUserIdentitySignature": goldenSignature}
	with := func(identity, signature any) map[string]any {
		return map[string]any{"acsUserIdentity": identity, "acsUserIdentitySignature": signature}
	}
	tests := []struct {
		name                         string
		stored                       map[string]any
		refuse, adopt, late, trusted string
	}{
		{"signed by us", signed, ok, ok, ok, ok},
		{"the siblings' mapping", map[string]any{"acsUserIdentity": id}, bad, ok, bad, ok},
		{"signature null", with(id, nil), bad, ok, bad, ok},
		{"signature empty", with(id, ""), bad, bad, bad, ok},
		{"signature not a string", with(id, []string{goldenSignature}), bad, bad, bad, ok},
		{"signature in capitals", with(id, "V1.630DCD29."+goldenSignature[12:]), bad, bad, bad, ok},
		{"signature padded", with(id, goldenSignature+"="), bad, bad, bad, ok},
		{"signature cut short", with(id, goldenSignature[:len(goldenSignature)-1]), bad, bad, bad, ok},
		{"unknown key", with(id, "v1.deadbeef."+goldenSignature[12:]), bad, bad, bad, ok},
		{"signature of another identity", with(acsID(2), goldenSignature), bad, bad, bad, acsID(2)},
		{"no extension", nil, none, none, none, none},
		{"no identity", map[string]any{}, none, none, none, none},
		{"identity empty", with("", goldenSignature), none, none, none, none},
		{"identity null", with(nil, goldenSignature), none, none, none, none},
		{"identity a number", with(7, goldenSignature), none, none, none, none},
		{"identity a list", with([]string{id}, goldenSignature), none, none, none, none},
		{"identity an object", with(map[string]any{"id": id}, nil), none, none, none, none},
		{"identity of another kind", map[string]any{"acsUserIdentity": "8:orgid:" + id}, bad, bad, bad, bad},
		{"only the prefix", map[string]any{"acsUserIdentity": "8:acs:"}, bad, bad, bad, bad},
		{"line break in the identity", map[string]any{"acsUserIdentity": id + "\n"}, bad, bad, bad, bad},
	}
	for _, tt := range tests {
		for policy, want := range map[string]string{"refuse": tt.refuse, "adopt": tt.adopt, "adopt, late": tt.late, "trust": tt.trusted} {
			t.Run(tt.name+"/"+policy, func(t *testing.T) {
				t.Parallel()
				g := newGraph(t)
				if tt.stored != nil {
					ext := map[string]any{}
					for k, v := range tt.stored {
						ext[k] = v
					}
					g.put(user(1), ext)
				}
				got, err := overTLS(t, g, policies[policy]).Lookup(t.Context(), user(1))
				switch want {
				case none:
					if !errors.Is(err, acsauth.ErrNotMapped) || got != "" {
						t.Errorf("Lookup = %q, %v; want ErrNotMapped", got, err)
					}
				case bad:
					if !errors.Is(err, acsauth.ErrMappingInvalid) || got != "" {
						t.Errorf("Lookup = %q, %v; want ErrMappingInvalid", got, err)
					}
				case ok:
					want = id
					fallthrough
				default:
					if got != want || err != nil {
						t.Errorf("Lookup = %q, %v; want %q", got, err, want)
					}
				}
				if ops := g.seen(); !slices.Equal(ops, []string{"lookup"}) {
					t.Errorf("requests %v, want one", ops)
				}
			})
		}
	}
}

// A mapping that was signed for one user is worth nothing to another.
func TestSignatureBelongsToItsUser(t *testing.T) {
	t.Parallel()
	g := newGraph(t)
	m := overTLS(t, g, nil)
	victim, thief := user(1), user(2)
	if err := m.Create(t.Context(), victim, acsID(1)); err != nil {
		t.Fatal(err)
	}
	g.put(thief, g.stored(victim))
	if got, err := m.Lookup(t.Context(), thief); !errors.Is(err, acsauth.ErrMappingInvalid) {
		t.Errorf("Lookup = %q, %v; want ErrMappingInvalid", got, err)
	}
	if err := m.Delete(t.Context(), thief, acsID(1)); err != nil || g.stored(thief) == nil {
		t.Errorf("Delete = %v, and the forged mapping is gone; want it left alone", err)
	}
	if err := m.Delete(t.Context(), thief, ""); err != nil || g.stored(thief) != nil {
		t.Errorf("Delete of what is invalid = %v, stored %v", err, g.stored(thief))
	}
}

// The ids come from tokens in lower case, but their case must not matter.
func TestSignatureIgnoresTheCaseOfIDs(t *testing.T) {
	t.Parallel()
	g := newGraph(t)
	g.put(user(1), map[string]any{"acsUserIdentity": acsID(1), "acsUserIdentitySignature": goldenSignature})
	u := user(1)
	u.ObjectID = "AAAAAAAA-BBBB-CCCC-DDDD-EEEEEEEE0001"
	if got, err := overTLS(t, g, nil).Lookup(t.Context(), u); got != acsID(1) || err != nil {
		t.Errorf("Lookup = %q, %v", got, err)
	}
}

// What Graph may answer, and what Lookup makes of it.
func TestLookupReadsGraph(t *testing.T) {
	t.Parallel()
	oid, id := user(1).ObjectID, acsID(1)
	mapping := `"acsUserIdentity":"` + id + `"`
	me := func(extensions string) string { return `{"id":"` + oid + `","extensions":[` + extensions + `]}` }
	others := ""
	for i := range 20 {
		others += fmt.Sprintf(`{"id":"com.other.n%d"},`, i)
	}
	others = others[:len(others)-1]

	tests := []struct {
		name, body string
		want       string // the identity, "" if none, "unusable" if the answer is no good
		requests   int
	}{
		{"plain", me(`{"@odata.type":"#` + odata + `","extensionName":"` + extName + `","id":"` + extName + `",` + mapping + `}`), id, 1},
		{"no type", me(`{"id":"` + extName + `",` + mapping + `}`), id, 1},
		{"no name", me(`{"@odata.type":"#` + odata + `","id":"` + extName + `",` + mapping + `}`), id, 1},
		{"no id", me(`{"extensionName":"` + extName + `",` + mapping + `}`), id, 1},
		{"qualified id", me(`{"id":"Microsoft.Graph.OpenTypeExtension.` + extName + `",` + mapping + `}`), id, 1},
		{"among others", me(`{"id":"com.other","acsUserIdentity":"8:acs:x"},null,7,{"id":7,"extensionName":{}},{"id":"` + extName + `",` + mapping + `}`), id, 1},
		{"the id goes before the name", me(`{"id":"com.decoy","extensionName":"` + extName + `","acsUserIdentity":"8:acs:x"},{"id":"` + extName + `",` + mapping + `}`), id, 1},
		{"id in capitals", `{"id":"AAAAAAAA-BBBB-CCCC-DDDD-EEEEEEEE0001","extensions":[{"id":"` + extName + `",` + mapping + `}]}`, id, 1},
		{"no extensions", me(""), "", 1},
		{"extensions absent", `{"id":"` + oid + `"}`, "", 1},
		{"extensions null", `{"id":"` + oid + `","extensions":null}`, "", 1},
		{"other names only", me(`{"id":"com.contoso.identityMapping2",` + mapping + `}`), "", 1},

		// Expanded lists can be cut short, so the extension is asked for.
		{"twenty others", me(others), "", 2},
		{"more on the next page", `{"id":"` + oid + `","extensions":[],"extensions@odata.nextLink":"https://graph.example/next"}`, "", 2},

		{"another user", `{"id":"` + user(2).ObjectID + `","extensions":[{"id":"` + extName + `",` + mapping + `}]}`, "unusable", 1},
		{"no user", `{"extensions":[]}`, "unusable", 1},
		{"user a number", `{"id":1,"extensions":[]}`, "unusable", 1},
		{"extensions an object", `{"id":"` + oid + `","extensions":{}}`, "unusable", 1},
		{"empty", ``, "unusable", 1},
		{"null", `null`, "unusable", 1},
		{"a list", `[]`, "unusable", 1},
		{"a captive portal", `<html><body>Sign in to the Wi-Fi</body></html>`, "unusable", 1},
		{"cut off", `{"id":"` + oid + `","exte`, "unusable", 1},
		{"far too large", me(`{"id":"x","blob":"` + string(make([]byte, 2<<20)) + `"}`), "unusable", 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g := newGraph(t)
			g.fault(fault{op: "lookup", status: 200, body: tt.body})
			got, err := overTLS(t, g, policies["trust"]).Lookup(t.Context(), user(1))
			switch tt.want {
			case "":
				if !errors.Is(err, acsauth.ErrNotMapped) {
					t.Errorf("Lookup = %q, %v; want ErrNotMapped", got, err)
				}
			case "unusable":
				wantFailure(t, err, "unusable")
			default:
				if got != tt.want || err != nil {
					t.Errorf("Lookup = %q, %v; want %q", got, err, tt.want)
				}
			}
			if n := len(g.seen()); n != tt.requests {
				t.Errorf("%d requests, want %d", n, tt.requests)
			}
		})
	}
}

func TestLookupNeedsAUser(t *testing.T) {
	t.Parallel()
	g := newGraph(t)
	m := overTLS(t, g, nil)
	for name, u := range map[string]acsauth.User{
		"no tenant":     {ObjectID: user(1).ObjectID},
		"no object":     {TenantID: tenantID},
		"a line break":  {TenantID: tenantID, ObjectID: "x\ny"},
		"nothing known": {},
	} {
		if _, err := m.Lookup(t.Context(), u); err == nil || errors.Is(err, acsauth.ErrNotMapped) {
			t.Errorf("%s: Lookup: %v", name, err)
		}
		if err := m.Create(t.Context(), u, acsID(1)); !errors.Is(err, acsauth.ErrNotStored) {
			t.Errorf("%s: Create: %v, want ErrNotStored", name, err)
		}
	}
	if ops := g.seen(); len(ops) > 0 {
		t.Errorf("requests %v, want none", ops)
	}
}

// Redirects would carry the user's token elsewhere.
func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	g := newGraph(t)
	g.fault(fault{status: 307, header: http.Header{"Location": {"/v1.0/me/extensions/" + extName}}})
	_, err := overTLS(t, g, nil).Lookup(t.Context(), user(1))
	wantFailure(t, err, "unusable")
	if ops := g.seen(); len(ops) != 1 {
		t.Errorf("requests %v, want one", ops)
	}
	err = overTLS(t, g, nil).Create(t.Context(), user(1), acsID(1))
	wantFailure(t, err, "unusable")
	if errors.Is(err, acsauth.ErrNotStored) {
		t.Errorf("Create: %v: nobody knows what a redirect means", err)
	}
}

// wantFailure checks that err is an *Error of that kind, as acsauth sees it.
func wantFailure(t *testing.T, err error, kind string) *graphmap.Error {
	t.Helper()
	var failure acsauth.Failure
	if !errors.As(err, &failure) || failure.FailureKind() != kind {
		t.Fatalf("error %v, want one of kind %s", err, kind)
	}
	var e *graphmap.Error
	if !errors.As(err, &e) {
		t.Fatalf("error %v is no *graphmap.Error", err)
	}
	for _, sentinel := range []error{acsauth.ErrNotMapped, acsauth.ErrMappingInvalid, acsauth.ErrAlreadyMapped} {
		if errors.Is(err, sentinel) {
			t.Errorf("error %v wraps %v", err, sentinel)
		}
	}
	return e
}
