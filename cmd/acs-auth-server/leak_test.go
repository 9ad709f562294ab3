package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth/acsauthtest"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/source"
)

// A leakTest is a whole server that logs all that it can, and answers with all that it
// knows, and a client that makes it say as much as possible.
type leakTest struct {
	*testing.T
	*cloud.Cloud
	tap    *wiretap
	url    string
	people []string
	bodies strings.Builder // of answers that are errors
	spans  *tracetest.SpanRecorder
}

// tracers returns who takes down the spans of the server.
func (l *leakTest) tracers() trace.TracerProvider {
	l.spans = tracetest.NewSpanRecorder()
	return sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(l.spans))
}

// told returns what the spans tell, one a line.
func (l *leakTest) told() string {
	var text strings.Builder
	for _, span := range l.spans.Ended() {
		fmt.Fprintf(&text, "%s %v %+v %+v %+v %s\n", span.Name(), span.Attributes(), span.Status(), span.Events(), span.Links(), span.SpanContext().TraceState())
	}
	return text.String()
}

// Whatever clients and upstreams do, and however they fail: no token, no secret and no
// address is in the log, and no person or ACS identity is outside of audit events and
// orphan reports. Nor is any of that in error answers, even with DEBUG_ERRORS, in
// metrics, or in traces.
func TestNothingLeaks(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		environ func(*testing.T, *cloud.Cloud) []string
		do      func(*leakTest)
	}{
		"Graph, a client secret and an access key, as JSON": {
			func(*testing.T, *cloud.Cloud) []string { return []string{"LOG_FORMAT=json"} },
			func(l *leakTest) { l.failInGraph(); l.failInExchange() },
		},
		"a database, a certificate and no access key, as text": {
			func(t *testing.T, c *cloud.Cloud) []string {
				return []string{"LOG_FORMAT=text", "MAPPING_STORE=sqlite:" + filepath.Join(t.TempDir(), "mappings.db"),
					"AZURE_CLIENT_SECRET=", "AZURE_CLIENT_CERTIFICATE_PATH=" + certificateFile(t, c),
					"ACS_CONNECTION_STRING=", "ACS_ENDPOINT=" + c.ACS.URL, "AUTO_PROVISION=true", "REPLACE_FOREIGN_IDENTITY=true", "AUDIT_LOG=stdout"}
			},
			func(l *leakTest) { l.failToSignIn() },
		},
		"memory, and mappings of other resources": {
			func(*testing.T, *cloud.Cloud) []string { return []string{"MAPPING_STORE=memory", "LOG_FORMAT=text"} },
			func(*leakTest) {},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, _ := startCloud(t)
			l := &leakTest{T: t, Cloud: c, tap: newWiretap(c)}
			layers := cloudLayers(c, append(test.environ(t, c), "RATE_LIMIT_PER_USER=off", "METRICS=true", "CORS_ALLOWED_ORIGINS=https://app.contoso.example")...)
			r := start(t, func(ctx context.Context, stdout, stderr io.Writer) int {
				p := new(problems)
				s := load(layers, true, p)
				s.stdout = stdout
				client := *c.HTTPClient()
				client.Transport = l.tap
				logger, _ := newLoggers(stderr, s)
				told := newTelemetry(ctx, s, logger, p)
				told.tracers = l.tracers()
				return serveWith(ctx, told, s, &client, stderr, p, announceNothing)
			})
			l.url = r.url
			test.do(l) // first, while the app has no token yet
			l.visit(l.newcomer())
			l.refuse()
			l.fail()
			metrics := l.send("GET", "/metrics").body
			r.end()
			if status := r.wait(t); status != exitOK {
				t.Errorf("exit status %d", status)
			}

			log := r.stderr.String() + r.stdout.String()
			all := l.loot(layers)
			all.find(t, "log", log)
			all.find(t, "answers", l.bodies.String())
			all.find(t, "metrics", metrics)
			spans := l.told()
			all.find(t, "spans", spans)
			// Had nothing happened, nothing could have leaked.
			if len(l.tap.secrets) < 50 || len(l.tap.ids) < 3 || len(l.people) < 10 {
				t.Errorf("%d secrets, %d identities and %d people make no test", len(l.tap.secrets), len(l.tap.ids), len(l.people))
			}
			for _, needed := range []string{"token_issued", "request_refused", "teams_token_exchanged", "identity report left open", "has panicked", "stack_trace", "acsauth_identity_events_total", "acsauth.store.lookup", "acs POST", "Error"} {
				if !strings.Contains(log+l.bodies.String()+metrics+spans, needed) {
					t.Errorf("%s did not happen", needed)
				}
			}
		})
	}
}

// loot is what passed over the wire, and what the settings hold.
func (l *leakTest) loot(layers []source.Layer) loot {
	l.Helper()
	var settings []string
	for _, name := range []string{"AZURE_CLIENT_SECRET", "GRAPH_MAPPING_KEYS"} {
		for _, layer := range layers {
			settings = append(settings, layer.Values[name].Text)
		}
	}
	_, key, _ := strings.Cut(l.ACS.ConnectionString(), "accesskey=")
	decoded, _ := base64.StdEncoding.DecodeString(key)
	settings = append(settings, key, string(decoded), l.ClientSecret)
	return loot{
		secrets: map[string][]string{
			"a token":                   slices.Collect(maps.Keys(l.tap.secrets)),
			"a secret of the settings":  slices.DeleteFunc(settings, func(s string) bool { return s == "" }),
			"a name":                    {"Beeblebrox"},
			"what a client made up":     {"M4DEUP"},
			"what an upstream answered": {"L00T"},
		},
		people: l.people,
		ids:    slices.Collect(maps.Keys(l.tap.ids)),
	}
}

func (l *leakTest) newcomer() cloud.User {
	u := l.Entra.AddUser(cloud.User{Name: "Zaphod Beeblebrox", UPN: fmt.Sprintf("zaphod.%d@contoso.example", len(l.people))})
	l.people = append(l.people, u.ObjectID)
	return u
}

// token returns an access token with all that could name its user.
func (l *leakTest) token(u cloud.User, o cloud.TokenOptions) string {
	named := map[string]any{"email": u.UPN, "upn": u.UPN, "unique_name": u.UPN, "preferred_username": u.UPN, "name": u.Name, "ipaddr": "203.0.113.7"}
	maps.Copy(named, o.Claims)
	o.Claims = named
	return l.Entra.UserToken(u, o)
}

// send sends a request, and keeps the answer if it is an error.
func (l *leakTest) send(method, path string, header ...string) answered {
	l.Helper()
	l.tap.note(path)
	l.tap.note(header...)
	got := call(l.T, method, l.url+path, header...)
	l.tap.note(got.body)
	if got.status >= 400 {
		l.bodies.WriteString(got.body)
	}
	return got
}

// visit uses every endpoint.
func (l *leakTest) visit(u cloud.User) {
	l.Helper()
	token := bearer(l.token(u, cloud.TokenOptions{}))
	teams := "teams-user-aad-token: " + l.Entra.TeamsToken(u, cloud.TokenOptions{})
	for _, request := range []string{"GET /api/user", "GET /api/token", "POST /api/user", "GET /api/user", "GET /api/token", "GET /api/token/teams", "POST /api/token/revoke", "DELETE /api/user"} {
		method, path, _ := strings.Cut(request, " ")
		l.send(method, path, token, teams)
	}
}

// refuse sends what has to be refused.
func (l *leakTest) refuse() {
	u := l.newcomer()
	good := l.token(u, cloud.TokenOptions{})
	other := l.newcomer()
	for _, token := range []string{
		l.token(u, cloud.TokenOptions{IssuedAt: time.Now().Add(-3 * time.Hour)}),
		l.token(u, cloud.TokenOptions{Scope: "Mail.Read"}),
		l.token(u, cloud.TokenOptions{Audience: "api://L00T"}),
		l.token(u, cloud.TokenOptions{Version: 1}),
		l.token(u, cloud.TokenOptions{Claims: map[string]any{"idtyp": "app"}}),
		l.token(u, cloud.TokenOptions{Claims: map[string]any{"ver": "L00T", "tid": u.UPN, "iss": "https://L00T/"}}),
		l.Entra.GraphToken(u, cloud.TokenOptions{}),
		good[:len(good)-4] + "AAAA",
		good + "M4DEUP", "M4DEUP", good + " " + good, `{"access_token":"` + good + `"}`,
	} {
		l.send("GET", "/api/user", bearer(token), "Cookie: "+token, "User-Agent: "+token, "traceparent: "+token, "Referer: https://x/?"+token, "Origin: https://M4DEUP")
		l.send("GET", "/api/token/teams", bearer(good), "teams-user-aad-token: "+token)
	}
	l.send("GET", "/api/token/teams", bearer(good), "teams-user-aad-token: "+l.Entra.TeamsToken(other, cloud.TokenOptions{}))
	l.send("GET", "/api/"+good, bearer(good))
	l.send("GET", "/api/token?access_token="+good, "X-Request-Id: "+good)
	l.send("GET", "/api/token", "X-Request-Id: "+good[:64])
	_, payload, _ := strings.Cut(good, ".")
	l.send("GET", "/api/token", "X-Request-Id: "+payload[:64])
	l.send("GET", "/api/token", traceparent, "tracestate: x=M4DEUP", "baggage: x=M4DEUP")
	l.send("GET", "/M4DEUP?M4DEUP="+u.UPN, "X: "+u.UPN)
	l.send("M4DEUP", "/api/user", "Authorization: Basic "+base64.StdEncoding.EncodeToString([]byte("M4DEUP:"+u.UPN)))
}

// treasure is what upstreams could repeat in their answers.
func (l *leakTest) treasure(u cloud.User) string {
	_, key, _ := strings.Cut(l.ACS.ConnectionString(), "accesskey=")
	id := "8:acs:" + l.ACS.ResourceID() + "_" + u.ObjectID
	return strings.Join([]string{"L00T", l.token(u, cloud.TokenOptions{}), l.ClientSecret, key, u.UPN, u.ObjectID, id, u.Name}, " ")
}

// answers are answers of an upstream that tell what they should not.
func (l *leakTest) answers(op string, u cloud.User) []cloud.Fault {
	treasure := l.treasure(u)
	token := l.token(u, cloud.TokenOptions{})
	header := http.Header{"Content-Type": {"application/json"}, "Ms-Cv": {token}, "Request-Id": {token}, "X-Ms-Request-Id": {token},
		"Location": {"https://127.0.0.1:1/?" + token}, "Retry-After-Ms": {"1"}, "X-Ms-Error-Code": {treasure}}
	structured, _ := json.Marshal(map[string]any{
		"error":             map[string]any{"code": u.UPN, "message": treasure, "target": treasure, "innerError": map[string]any{"request-id": token, "code": treasure}},
		"error_description": treasure, "suberror": treasure, "correlation_id": token, "trace_id": treasure, "claims": "",
	})
	flat, _ := json.Marshal(map[string]any{"error": u.UPN, "error_description": treasure, "suberror": token, "error_codes": []int{7}, "correlation_id": treasure})
	tokens, _ := json.Marshal(map[string]any{"token_type": "Bearer", "access_token": treasure, "expires_in": "L00T", "refresh_token": treasure, "token": treasure, "expiresOn": u.UPN, "identity": map[string]string{"id": treasure}})
	var faults []cloud.Fault
	for _, body := range []string{string(structured), string(flat), string(tokens), "<html>" + treasure, `{"error":{"code":"8:acs:` + l.ACS.ResourceID() + "_" + u.ObjectID + `"}}`} {
		for _, status := range []int{200, 302, 400, 403} {
			faults = append(faults, cloud.Fault{Op: op, Times: 1, Status: status, Header: header, Body: body})
		}
	}
	// This one is tried again, after a pause.
	return append(faults, cloud.Fault{Op: op, Times: 1, Status: 500, Header: header, Body: string(structured)})
}

// fail makes calls of ACS fail, in all ways.
func (l *leakTest) fail() {
	u := l.newcomer()
	token := bearer(l.token(u, cloud.TokenOptions{}))
	teams := "teams-user-aad-token: " + l.Entra.TeamsToken(u, cloud.TokenOptions{})
	for op, request := range map[string]string{cloud.OpACSCreate: "POST /api/user", cloud.OpACSIssue: "GET /api/token", cloud.OpACSTeams: "GET /api/token/teams",
		cloud.OpACSRevoke: "POST /api/token/revoke", cloud.OpACSDelete: "DELETE /api/user"} {
		method, path, _ := strings.Cut(request, " ")
		for _, fault := range l.answers(op, u) {
			if op != cloud.OpACSCreate && op != cloud.OpACSTeams {
				l.send("POST", "/api/user", token)
			}
			remove := l.Inject(fault)
			l.send(method, path, token, teams)
			remove()
		}
	}
	l.strike(l.ACS.URL, true, func() { l.visit(u) })
}

// failInGraph makes calls of Graph fail.
func (l *leakTest) failInGraph() {
	for _, op := range []string{cloud.OpGraphLookup, cloud.OpGraphCreate, cloud.OpGraphDelete} {
		u := l.newcomer()
		token := bearer(l.token(u, cloud.TokenOptions{}))
		for _, fault := range l.answers(op, u) {
			remove := l.Inject(fault)
			l.send("POST", "/api/user", token)
			l.send("DELETE", "/api/user", token)
			remove()
		}
	}
	u := l.newcomer()
	challenge := base64.StdEncoding.EncodeToString([]byte(`{"access_token":{"L00T":{"value":"` + u.UPN + `"}}}`))
	defer l.Inject(cloud.Fault{Op: cloud.OpGraphLookup, Status: 401, Header: http.Header{"Www-Authenticate": {`Bearer error="insufficient_claims", claims="` + challenge + `"`}}})()
	l.send("GET", "/api/user", bearer(l.token(u, cloud.TokenOptions{})))
	l.Graph.SetExtension(u, "com.contoso.identityMapping", map[string]any{"acsUserIdentity": "8:acs:" + l.ACS.ResourceID() + "_" + u.ObjectID, "acsUserIdentitySignature": "L00T"})
	l.strike(strings.TrimSuffix(l.Graph.URL, "/v1.0"), true, func() { l.visit(u) })
}

// failInExchange makes exchanges of users' tokens fail.
func (l *leakTest) failInExchange() {
	for _, fault := range l.answers(cloud.OpEntraToken, l.newcomer()) {
		remove := l.Inject(fault)
		l.send("GET", "/api/user", bearer(l.token(l.newcomer(), cloud.TokenOptions{})))
		remove()
	}
	for _, code := range []int{cloud.ConsentRequired, cloud.AssertionRefused, cloud.MFARequired} {
		for _, claims := range []string{"", `{"access_token":{"L00T":null}}`, "L00T"} {
			remove := l.Entra.Refuse(cloud.Refusal{Code: code, Claims: claims})
			l.send("GET", "/api/user", bearer(l.token(l.newcomer(), cloud.TokenOptions{})))
			remove()
		}
	}
	l.strike(l.Entra.URL, true, func() { l.visit(l.newcomer()) })
}

// strike lets calls of an upstream fail with errors, and with panics too, that tell
// what was sent.
func (l *leakTest) strike(upstream string, panics bool, do func()) {
	l.Helper()
	struck := 0
	tell := func(r *http.Request) error {
		if "https://"+r.URL.Host != upstream {
			return nil
		}
		struck++
		var body []byte
		if r.Body != nil {
			body, _ = io.ReadAll(r.Body)
		}
		return fmt.Errorf("malformed HTTP response %q for %s %v", l.treasure(l.newcomer()), r.URL, append([]string{string(body)}, r.Header["Authorization"]...))
	}
	l.tap.striking(tell, do)
	if panics {
		l.tap.striking(func(r *http.Request) error {
			if err := tell(r); err != nil {
				panic(err)
			}
			return nil
		}, do)
	}
	if struck == 0 {
		l.Errorf("%s was not called", upstream)
	}
}

// failToSignIn makes the app's own sign-in fail.
func (l *leakTest) failToSignIn() {
	u := l.newcomer()
	create := func() { l.send("POST", "/api/user", bearer(l.token(u, cloud.TokenOptions{}))) }
	for _, fault := range l.answers(cloud.OpEntraToken, u) {
		fault.Times = 2 // in case that it is tried again
		remove := l.Inject(fault)
		create()
		remove()
	}
	l.strike(l.Entra.URL, false, create)
}

// The same for tokens and headers in their hundreds, most of them bad.
func TestNoTokenLeaks(t *testing.T) {
	t.Parallel()
	c := acsauthtest.NewCloud(t)
	u := c.AddUser("Zaphod Beeblebrox")
	l := &loot{secrets: map[string][]string{"a name": {"beeblebrox", "Beeblebrox"}}, people: []string{u.ObjectID}}
	r := start(t, func(ctx context.Context, _, stderr io.Writer) int {
		p := new(problems)
		s := load([]source.Layer{source.Environment([]string{
			"AZURE_TENANT_ID=" + c.TenantID, "AZURE_CLIENT_ID=" + c.ClientID, "AZURE_AUTHORITY_HOST=" + c.AuthorityHost,
			"ACS_CONNECTION_STRING=" + c.ACSConnectionString, "MAPPING_STORE=memory",
			"LISTEN_ADDR=127.0.0.1:0", "SHUTDOWN_DELAY=0s", "LOG_LEVEL=debug", "DEBUG_ERRORS=true", "RATE_LIMIT_PER_USER=off",
		})}, true, p)
		return serve(ctx, s, c.HTTPClient(), stderr, p, announceNothing)
	})
	good := c.Token(u)
	var bodies strings.Builder
	for _, test := range c.Tokens(u) {
		for _, value := range test.Authorization {
			for _, part := range strings.FieldsFunc(value, func(r rune) bool { return strings.ContainsRune(` ."`, r) }) {
				if len(part) > 24 { // shorter ones may be in a log by chance
					l.secrets[test.Name] = append(l.secrets[test.Name], part)
				}
			}
			if strings.ContainsAny(value, "\r\n\x00") {
				continue // net/http sends none of these
			}
			for _, header := range [][]string{{"Authorization: " + value}, {bearer(good), "teams-user-aad-token: " + value}} {
				answer, err := try(t.Context(), "GET", r.url+"/api/token/teams", header...)
				if err == nil {
					bodies.WriteString(answer.body)
				}
			}
		}
	}
	r.end()
	r.wait(t)
	l.find(t, "log", r.stderr.String())
	l.find(t, "answers", bodies.String())
	if n := len(logLines(t, r.stderr.String(), "request")); n < 400 {
		t.Errorf("only %d requests", n)
	}
}
