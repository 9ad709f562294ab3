package acsauth_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/telemetrytest"
)

// observations are what HandlerConfig.Observe was told.
type observations struct {
	mu   sync.Mutex
	told []string
}

func (o *observations) observe(ctx context.Context, u acsauth.User, err *acsauth.Error) {
	text := acsauth.RequestID(ctx) + ":"
	if u.TenantID != "" {
		text += fmt.Sprintf(" %s of %s with %s", u.ObjectID, u.TenantID, u.ClientID)
	}
	if err != nil {
		text += " " + err.Name
	}
	if ctx.Err() != nil {
		text += ", " + ctx.Err().Error()
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.told = append(o.told, text)
}

// Whoever observes learns of every request once: who it was, as far as a genuine
// token says so, and how it was refused. Of these the audit log has those who were
// not let in, or not allowed to do something.
func TestObserve(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name         string
		method, path string
		token        func(a *audited) string // of the Authorization header; nil: the usual one
		teams        func(a *audited) string // the header of that endpoint
		prepare      func(a *audited)
		client       string // the application that Ada uses; "": nobody knows who it is
		error        string
		audited      string // the operation in the audit event; "": there is none
	}{
		{name: "created", method: "POST", path: "/api/user", client: "APP"},
		{name: "not mapped", method: "GET", path: "/api/token", client: "APP", error: "identity_not_mapped"},
		{name: "no endpoint", method: "GET", path: "/api/nothing", error: "not_found"},
		{name: "no method", method: "PUT", path: "/api/user", error: "method_not_allowed"},
		{name: "no token", method: "GET", path: "/api/user", token: func(*audited) string { return "" }, error: "missing_token", audited: "show_user"},
		{name: "a token for nobody", method: "GET", path: "/api/token", token: func(*audited) string { return "Bearer x" }, error: "invalid_token", audited: "issue_token"},
		{name: "a malformed header", method: "GET", path: "/api/token", token: func(*audited) string { return "Bearer x y" }, error: "invalid_request"},
		{name: "a token for another API", method: "DELETE", path: "/api/user", token: claims("aud", otherTenant), error: "invalid_token", audited: "delete_user"},
		{name: "a genuine token without the scope", method: "POST", path: "/api/user", token: claims("scp", "x"), client: "APP", error: "insufficient_scope", audited: "create_user"},
		{name: "an application's own token", method: "POST", path: "/api/token/revoke", token: claims("idtyp", "app"), client: "APP", error: "user_token_required", audited: "revoke_tokens"},
		{name: "another application", method: "POST", path: "/api/user", token: claims("azp", otherTenant), client: otherTenant, error: "client_not_allowed", audited: "create_user"},
		{name: "nobody has consented", method: "GET", path: "/api/user", prepare: func(a *audited) { a.Entra.Refuse(cloud.Refusal{Code: cloud.ConsentRequired}) },
			client: "APP", error: "consent_required", audited: "show_user"},
		{name: "more of the sign-in is demanded", method: "GET", path: "/api/user", prepare: func(a *audited) { a.Entra.Refuse(cloud.Refusal{Code: cloud.MFARequired, Claims: cloud.MFAClaims}) },
			client: "APP", error: "insufficient_claims", audited: "show_user"},
		{name: "no Teams token", method: "GET", path: "/api/token/teams", client: "APP", error: "invalid_request"},
		{name: "the Teams token of another", method: "GET", path: "/api/token/teams", teams: func(a *audited) string {
			return a.Entra.TeamsToken(a.Entra.AddUser(cloud.User{}), cloud.TokenOptions{ClientID: a.SPAClientID})
		}, client: "APP", error: "teams_user_mismatch", audited: "exchange_teams_token"},
		{name: "a forged Teams token", method: "GET", path: "/api/token/teams", teams: func(a *audited) string {
			return a.Entra.TeamsToken(a.user, cloud.TokenOptions{ClientID: a.SPAClientID, Key: cloud.KeyUnlisted})
		}, client: "APP", error: "invalid_teams_token", audited: "exchange_teams_token"},
		{name: "a Teams token that ACS refuses", method: "GET", path: "/api/token/teams", prepare: func(a *audited) {
			a.Inject(cloud.Fault{Op: cloud.OpACSTeams, Status: 401, Body: `{"error":{"code":"InvalidAccessToken"}}`})
		},
			teams: func(a *audited) string {
				return a.Entra.TeamsToken(a.user, cloud.TokenOptions{ClientID: a.SPAClientID})
			}, client: "APP", error: "invalid_teams_token", audited: "exchange_teams_token"},
		{name: "ACS is down", method: "POST", path: "/api/user", prepare: func(a *audited) { fail(cloud.OpACSCreate, 503, "")(a.system) }, client: "APP", error: "upstream_unavailable"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			told := new(observations)
			a := newAudited(t, func(set *setup) {
				set.handler.Observe = told.observe
				set.auth.AllowedClients = []string{set.cloud.SPAClientID}
			})
			if test.prepare != nil {
				test.prepare(a)
			}
			var header []string
			if test.token != nil {
				header = append(header, "Authorization: "+test.token(a))
			}
			if test.teams != nil {
				header = append(header, "teams-user-aad-token: "+test.teams(a))
			}
			a.do("r1", test.method, test.path, header...)

			observed := "r1:"
			event := "request_refused error=" + test.error + " operation=" + test.audited + " request_id=r1"
			if test.client != "" {
				observed += " ADA of TENANT with " + test.client
				event = "request_refused client_id=" + test.client + " error=" + test.error + " object_id=ADA operation=" + test.audited + " request_id=r1 tenant_id=TENANT token_id=UTI"
			}
			if test.error != "" {
				observed += " " + test.error
			}
			names := strings.NewReplacer(a.user.ObjectID, "ADA", a.TenantID, "TENANT", a.SPAClientID, "APP")
			if got := names.Replace(strings.Join(told.told, "\n")); got != observed {
				t.Errorf("observed %q, want %q", got, observed)
			}
			refused := slices.DeleteFunc(a.events(), func(event string) bool { return !strings.HasPrefix(event, "request_refused") })
			want := []string{event}
			if test.audited == "" {
				want = []string{}
			}
			if diff := cmp.Diff(want, refused); diff != "" {
				t.Errorf("audited: %s", diff)
			}
		})
	}
}

// claims returns a token of the user that is good but for a claim.
func claims(name string, value any) func(a *audited) string {
	return func(a *audited) string {
		return "Bearer " + a.Entra.UserToken(a.user, cloud.TokenOptions{Claims: map[string]any{name: value, "uti": tokenID(a.token())}})
	}
}

// A request that panics is observed too, and what the panic was about is neither logged
// nor traced.
func TestObservePanic(t *testing.T) {
	t.Parallel()
	told, recorder := new(observations), telemetrytest.New()
	s := newSystem(t, observed(recorder), func(set *setup) {
		set.handler.Observe = told.observe
		set.service.Mapper = revealing{}
	})
	for _, call := range [][2]string{{"GET", "/api/user"}, {"POST", "/api/user"}} { // within the request, and apart from it
		s.want(500, call[0], call[1])
	}
	if len(told.told) != 2 || !strings.HasSuffix(told.told[0], " internal") || !strings.HasSuffix(told.told[1], " internal") {
		t.Errorf("observed %q", told.told)
	}
	if n := len(s.log.lines("a request has panicked")) + len(s.log.lines("an operation has panicked")); n != 2 || !strings.Contains(s.log.String(), "revealing.Lookup") {
		t.Errorf("%d panics are in the log, or not where they were:\n%s", n, s.log)
	}
	s.wantNoSecrets(answer{})
	s.wantNobody(recorder)
	counts := recorder.Counts(t)
	for name, want := range map[string]int64{
		"acsauth.request.duration operation=show_user outcome=internal":   1,
		"acsauth.request.duration operation=create_user outcome=internal": 1,
		"acsauth.store.duration operation=lookup outcome=internal":        2,
	} {
		if counts[name] != want {
			t.Errorf("%s: %d, want %d", name, counts[name], want)
		}
	}
}

// A revealing store panics with the user's access token.
type revealing struct{ acsauth.IdentityMapper }

func (revealing) Lookup(_ context.Context, u acsauth.User) (string, error) {
	panic(fmt.Errorf("the store cannot cope with %s", u.Assertion.Reveal()))
}

// A caller who hangs up is no trouble of the operator's.
func TestObserveHangUp(t *testing.T) {
	t.Parallel()
	told, recorder := new(observations), telemetrytest.New()
	s := newSystem(t, withMemory, observed(recorder), func(set *setup) { set.handler.Observe = told.observe })
	s.want(201, "POST", "/api/user")
	ctx, hangUp := context.WithCancel(t.Context())
	answered := make(chan struct{})
	s.Inject(cloud.Fault{Op: cloud.OpACSIssue, Do: hangUp, Hang: true})
	handler := s.server.Config.Handler
	s.server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(answered)
		handler.ServeHTTP(w, r)
	})
	r, err := http.NewRequestWithContext(ctx, "GET", s.server.URL+"/api/token", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+s.token())
	if answer, err := s.server.Client().Do(r); err == nil {
		answer.Body.Close()
		t.Error("the caller was answered")
	}
	<-answered
	if len(told.told) != 2 || !strings.HasSuffix(told.told[1], " upstream_timeout, context canceled") {
		t.Errorf("observed %q", told.told)
	}
	if lines := s.log.lines("request refused"); len(lines) != 1 || lines[0]["level"] != "DEBUG" {
		t.Errorf("logged: %v", lines)
	}
	const counted, span = "acsauth.request.duration operation=issue_token outcome=client_closed", "acsauth.request.issue_token"
	if n := recorder.Counts(t)[counted]; n != 1 || !slices.Contains(recorder.Spans(), span) {
		t.Errorf("counted %d times as client_closed; spans are %q", n, recorder.Spans())
	}
}

// wantLogged checks the line about a refusal: its level tells what an operator has to
// mend from what may pass, and from what is the caller's own affair.
func (s *system) wantLogged(a answer) {
	s.Helper()
	level := slog.LevelDebug
	switch {
	case a.status == 500:
		level = slog.LevelError
	case a.status > 500, a.status == 429: // we set no limits of our own here
		level = slog.LevelWarn
	}
	want := []string{level.String(), a.field("error"), a.field("code"), a.field("message")}
	for _, line := range s.log.lines("request refused") {
		if line["request_id"] == a.field("requestId") {
			got := []string{fmt.Sprint(line["level"]), fmt.Sprint(line["error"]), fmt.Sprint(line["status"]), fmt.Sprint(line["reason"])}
			if diff := cmp.Diff(want, got); diff != "" {
				s.Error(diff)
			}
			return
		}
	}
	s.Errorf("no line says why the request was refused:\n%s", s.log)
}

// An access log of one's own: what is outside of the Handler learns who called, and
// how the Handler refused.
func ExampleHandlerConfig() {
	type visit struct{ user, refused string }
	type visitKey struct{}
	config := acsauth.HandlerConfig{
		// Authenticator, Service, …
		Observe: func(ctx context.Context, u acsauth.User, err *acsauth.Error) {
			v, ok := ctx.Value(visitKey{}).(*visit)
			if ok && u.ObjectID != "" {
				v.user = u.Pseudonym()
			}
			if ok && err != nil {
				v.refused = err.Name
			}
		},
	}
	accessLog := func(h http.Handler, logger *slog.Logger) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			v := new(visit)
			h.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), visitKey{}, v)))
			logger.InfoContext(r.Context(), "request", "user", v.user, "error", v.refused)
		})
	}

	var log bytes.Buffer
	_, _ = config, accessLog(http.NotFoundHandler(), slog.New(slog.NewTextHandler(&log, nil)))
}
