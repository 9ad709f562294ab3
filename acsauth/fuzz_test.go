package acsauth_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsidentity"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
)

// challengeForm is what Microsoft's JavaScript samples can parse: one scheme, and
// quoted values without commas, quotes, backslashes and percent signs, joined by
// comma and space.
var challengeForm = regexp.MustCompile(`^Bearer \w+="[^",\\%]*"(, \w+="[^",\\%]*")*$`)

// What RFC 6750 section 2.1 says about the Authorization header.
var (
	bearerScheme = regexp.MustCompile(`(?s)^(?i:bearer)( .*)?$`)
	bearerForm   = regexp.MustCompile(`^(?i:bearer) +([A-Za-z0-9\-._~+/]+=*)$`)
)

// fuzzCloud returns a cloud without sockets, and an Authenticator for its tokens.
func fuzzCloud(f *testing.F) (*cloud.Cloud, *acsauth.Authenticator) {
	f.Helper()
	c, err := cloud.Start(cloud.Config{InProcess: true})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = c.Close() })
	auth, err := acsauth.NewAuthenticator(authConfig(c))
	if err != nil {
		f.Fatal(err)
	}
	return c, auth
}

// Only a good token gets in, in the one form that there is. Everybody else gets the
// refusal that belongs to what is wrong first, with a challenge that clients can
// parse.
func FuzzAuthorization(f *testing.F) {
	c, auth := fuzzCloud(f)
	u := c.Entra.AddUser(cloud.User{})
	good := c.Entra.UserToken(u, cloud.TokenOptions{Lifetime: 24 * time.Hour})
	for _, token := range []string{
		good,
		good + "=",
		good[:len(good)-1],
		c.Entra.UserToken(u, cloud.TokenOptions{Key: cloud.KeyUnlisted}),
		c.Entra.UserToken(u, cloud.TokenOptions{Scope: "other"}),
		c.Entra.UserToken(u, cloud.TokenOptions{Header: map[string]any{"crit": []string{"x"}}}),
		c.Entra.AppToken(cloud.TokenOptions{}),
		`{"payload":"e30"}`,
		strings.Repeat("a", 16<<10+1),
		"a.b.c", "a.b.c.d.e", "a b", "",
	} {
		f.Add("Bearer " + token)
	}
	for _, header := range []string{"bearer  " + good, "BEARER " + good, "Bearer\t" + good, good, "Bearer", "Basic dTpw", "", "Bearer " + good + ", Bearer " + good} {
		f.Add(header)
	}
	f.Fuzz(func(t *testing.T, header string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.Header["Authorization"] = []string{header}
		_, err := auth.Authenticate(r)
		form := bearerForm.FindStringSubmatch(header)
		if admitted := form != nil && form[1] == good; err == nil || admitted {
			if err != nil || !admitted {
				t.Fatalf("%q: %v", header, err)
			}
			return
		}
		want := []string{"invalid_token", "insufficient_scope", "user_token_required"}
		if !bearerScheme.MatchString(header) {
			want = []string{"missing_token"}
		} else if form == nil && len(header) <= 16<<10 {
			want = []string{"invalid_request"}
		} else if form == nil {
			want = []string{"invalid_request", "invalid_token"} // which of the two depends on the spaces
		}
		var refused *acsauth.Error
		if !errors.As(err, &refused) || !slices.Contains(want, refused.Name) {
			t.Fatalf("%q: %v; want one of %v", header, err, want)
		}
		w := httptest.NewRecorder()
		auth.WriteError(w, r, err)
		challenge := w.Header().Get("WWW-Authenticate")
		if w.Code != refused.Status() || !challengeForm.MatchString(challenge) && (challenge != "" || refused.Name != "user_token_required") {
			t.Errorf("%q: %d with the challenge %q", header, w.Code, challenge)
		}
	})
}

// A genuine token with one claim of any name and value is read as encoding/json reads
// it, and judged as docs/secured-web-api.md says, or refused because two parsers
// could disagree about it.
func FuzzClaims(f *testing.F) {
	c, auth := fuzzCloud(f)
	token := c.Entra.UserToken(c.Entra.AddUser(cloud.User{}), cloud.TokenOptions{Lifetime: 24 * time.Hour})
	header, rest, _ := strings.Cut(token, ".")
	text, err := base64.RawURLEncoding.DecodeString(rest[:strings.IndexByte(rest, '.')])
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range []string{"tid", "TID", `\u0074id`, "iss", "i\u017fs", "aud", "ver", "oid", "sub", "scp", "exp", "nbf", "idtyp", "azp", "uti", "x"} {
		for _, value := range []string{`"text"`, `""`, "null", "0", "1e300", `["a"]`, "[null]", "{}"} {
			f.Add(name, value)
		}
	}
	for name, value := range map[string]string{
		"tid": `"` + strings.ToUpper(c.TenantID) + `"`, "aud": `["x","` + c.ClientID + `"]`, "AUD": `"api://` + c.ClientID + `"`, "exp": "4102444800.5", "nbf": "1.5e9",
		"scp": `"profile access_as_user"`, "ver": `"1.0"`, "iss": `"` + c.Entra.V1Issuer(c.TenantID) + `"`, "idtyp": `"app"`, "oid": `"\u0061bcdef00-0000-4000-8000-000000000000"`,
		"x": `{"tid":1,"TID":[]}`, "y": `1,"tid":"` + otherTenant + `"`, `a":0,"b`: "-0.5E-7",
	} {
		f.Add(name, value)
	}
	f.Fuzz(func(t *testing.T, name, value string) {
		var base map[string]any
		if err := json.Unmarshal(text, &base); err != nil {
			t.Fatal(err)
		}
		delete(base, name)
		others, err := json.Marshal(base)
		if err != nil {
			t.Fatal(err)
		}
		payload := strings.TrimSuffix(string(others), "}") + `,"` + name + `":` + value + "}"
		input := header + "." + base64.RawURLEncoding.EncodeToString([]byte(payload))
		token := input + "." + c.Entra.Sign(input, "", "")
		got, err := auth.Verify(t.Context(), token)
		want, ok := judge(c, payload)
		if ok && (len(token) > 16<<10 || strings.Count(payload, "[")+strings.Count(payload, "{") > 64) {
			return // too large, perhaps
		}
		want.Assertion = acsauth.NewSecret(token)
		if ok != (err == nil) {
			t.Fatalf("%s: %v; want it to pass: %v", payload, err, ok)
		}
		if diff := cmp.Diff(want, got); ok && diff != "" {
			t.Errorf("%s (-want +got):\n%s", payload, diff)
		}
	})
}

var guidForm = regexp.MustCompile(`^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$`)

// judge decides about a payload in the plainest way that there is.
func judge(c *cloud.Cloud, payload string) (u acsauth.User, ok bool) {
	raw, ok := unambiguous(payload)
	if !ok {
		return u, false
	}
	var iss, tid, oid, sub, ver, idtyp, scp, azp, appid, uti, aud string
	var exp, nbf float64
	auds := []*string{&aud}
	for name, target := range map[string]any{"iss": &iss, "tid": &tid, "oid": &oid, "sub": &sub, "ver": &ver, "idtyp": &idtyp, "scp": &scp,
		"azp": &azp, "appid": &appid, "uti": &uti, "exp": &exp, "nbf": &nbf, "aud": &aud} {
		if name == "aud" && strings.HasPrefix(raw[name], "[") {
			target = &auds
		}
		if value, there := raw[name]; there && (value == "null" || json.Unmarshal([]byte(value), target) != nil) {
			return u, false
		}
	}
	for _, seconds := range []float64{exp, nbf} {
		if seconds < 0 || seconds >= 253402300800 {
			return u, false
		}
	}
	date := func(seconds float64) time.Time {
		whole, fraction := math.Modf(seconds)
		return time.Unix(int64(whole), int64(fraction*1e9))
	}
	client, issuer := azp, c.Entra.V2Issuer(tid)
	if ver == "1.0" {
		client, issuer = appid, c.Entra.V1Issuer(tid)
	}
	scopes := strings.FieldsFunc(scp, func(r rune) bool { return r == ' ' })
	u = acsauth.User{TenantID: strings.ToLower(tid), ObjectID: strings.ToLower(oid), ClientID: strings.ToLower(client), Scopes: scopes, TokenID: uti, ExpiresAt: date(exp)}
	now, skew := time.Now(), 5*time.Minute
	return u, !slices.Contains(auds, nil) &&
		slices.ContainsFunc(auds, func(aud *string) bool { return strings.EqualFold(*aud, c.ClientID) || *aud == "api://"+c.ClientID }) &&
		raw["exp"] != "" && now.Before(date(exp).Add(skew)) && !date(nbf).After(now.Add(skew)) && nbf <= exp &&
		tid == c.TenantID && iss == issuer && (ver == "1.0" || ver == "2.0") &&
		guidForm.MatchString(oid) && sub != "" && idtyp != "app" && slices.Contains(scopes, "access_as_user")
}

// unambiguous reads an object with encoding/json, unless two of its names are alike.
func unambiguous(payload string) (map[string]string, bool) {
	if !utf8.ValidString(payload) || !json.Valid([]byte(payload)) {
		return nil, false
	}
	dec := json.NewDecoder(strings.NewReader(payload))
	_, _ = dec.Token() // the brace
	members := map[string]string{}
	for dec.More() {
		token, err := dec.Token()
		name, _ := token.(string)
		var value json.RawMessage
		if err != nil || dec.Decode(&value) != nil {
			return nil, false
		}
		for other := range members {
			if strings.EqualFold(name, other) {
				return nil, false
			}
		}
		members[name] = string(value)
	}
	return members, len(members) <= 256
}

// Whatever token and identity ACS answers with, clients read them in the answer as
// they are.
func FuzzTokenAnswer(f *testing.F) {
	f.Add("eyJ.e30.x", "8:acs:2dee53b4-368b-45b4-ab52-8493fb117652_00000000-0000-4000-8000-000000000000", int64(1744651947))
	f.Add("eyJ.e30.x", "", int64(0))
	f.Add(`a\\b`, `8:acs:\\`, int64(2))
	f.Add(`a"b\c\\`, `8:acs:"\u0061"`, int64(1))
	f.Add(`"}`, `<script>&`, int64(253402300799))
	f.Fuzz(func(t *testing.T, token, acsID string, expires int64) {
		unfit := func(r rune) bool { return r <= ' ' || r > '~' } // package acsidentity lets none pass
		if strings.ContainsFunc(token+acsID, unfit) || expires < 0 || expires > 253402300799 {
			return
		}
		w := httptest.NewRecorder()
		acsauth.WriteToken(w, acsidentity.AccessToken{Token: token, ExpiresOn: time.Unix(expires, 999).In(time.FixedZone("", 3600))}, acsID)
		type user struct{ CommunicationUserID, ID, RawID, Kind string }
		var got struct {
			Token     string
			ExpiresOn time.Time
			User      *user
		}
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Fatalf("%v: %s", err, w.Body)
		}
		var want *user
		if acsID != "" {
			want = &user{acsID, acsID, acsID, "communicationUser"}
		}
		if got.Token != token || !got.ExpiresOn.Equal(time.Unix(expires, 0)) || !strings.Contains(w.Body.String(), `Z"`) {
			t.Errorf("%s", w.Body)
		}
		if diff := cmp.Diff(want, got.User); diff != "" {
			t.Error(diff)
		}
	})
}
