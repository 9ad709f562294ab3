package acsauth_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
)

// An audited is a system whose audit log is one of its own.
type audited struct {
	*system
	audit   *logBuffer
	foreign string // an identity of another resource
}

func newAudited(t *testing.T, configure ...func(*setup)) *audited {
	t.Helper()
	a := &audited{audit: new(logBuffer)}
	a.system = newSystem(t, append(configure, func(set *setup) { set.service.Audit = slog.New(slog.NewJSONHandler(a.audit, nil)) })...)
	return a
}

// events returns all audit events so far, each as its name and its fields, in the
// order of their names, with ids replaced by what the tables call them.
func (a *audited) events() []string {
	a.Helper()
	names := []string{a.user.ObjectID, "ADA", a.TenantID, "TENANT", a.SPAClientID, "APP", tokenID(a.token()), "UTI"}
	if a.foreign != "" {
		names = append(names, a.foreign, "FOREIGN")
	}
	for i, identity := range a.ACS.Identities() {
		names = append(names, identity.ID, fmt.Sprintf("ID%d", i+1))
	}
	events := []string{}
	for _, line := range a.audit.lines("audit") {
		event := fmt.Sprint(line["event"])
		if expires, ok := line["expires"].(string); ok {
			if at, err := time.Parse(time.RFC3339, expires); err != nil || time.Until(at) < time.Minute {
				a.Errorf("%s expires at %q", event, expires)
			}
			line["expires"] = "LATER"
		}
		for _, usual := range []string{"time", "level", "msg", "event"} {
			delete(line, usual)
		}
		for _, key := range slices.Sorted(maps.Keys(line)) {
			event += fmt.Sprintf(" %s=%v", key, line[key])
		}
		events = append(events, strings.NewReplacer(names...).Replace(event))
	}
	if n := strings.Count(a.audit.String(), "\n"); n != len(events) {
		a.Errorf("the audit log has %d lines, and %d events", n, len(events))
	}
	if lines := a.log.lines("audit"); len(lines) > 0 {
		a.Errorf("audit events are in the log too: %v", lines)
	}
	return events
}

// tokenID returns the "uti" of a token.
func tokenID(token string) string {
	var claims struct{ UTI string }
	payload, _ := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	_ = json.Unmarshal(payload, &claims)
	return claims.UTI
}

// do sends a request with an id of the test's choice.
func (a *audited) do(id, method, path string, header ...string) answer {
	a.Helper()
	r := request{method: method, path: path, header: http.Header{"X-Request-Id": {id}}}
	for _, h := range header {
		name, text, _ := strings.Cut(h, ": ")
		r.header.Set(name, text)
	}
	return a.send(r)
}

// Whatever happens to an identity, and whoever is refused, is in the audit log once,
// with all that is known. The fields of Ada's requests are "request_id=" and what
// whom stands for.
func TestAudit(t *testing.T) {
	t.Parallel()
	const whom = " tenant_id=TENANT token_id=UTI"
	const ada = " client_id=APP object_id=ADA request_id="
	withAutoProvision := func(set *setup) { set.service.AutoProvision = true }
	withReplacement := func(set *setup) { set.service.ReplaceForeign = true }
	withJournal := func(set *setup) { set.service.Mapper = new(memoryJournal) }
	for _, test := range []struct {
		name      string
		configure []func(*setup)
		do        func(a *audited)
		want      []string
	}{
		{"an identity's life", nil, func(a *audited) {
			a.do("r1", "GET", "/api/user")
			a.do("r2", "POST", "/api/user")
			a.do("r3", "POST", "/api/user")
			a.do("r4", "GET", "/api/user")
			a.do("r5", "GET", "/api/token")
			a.do("r6", "GET", "/api/token")
			a.do("r7", "POST", "/api/token/revoke")
			a.do("r8", "DELETE", "/api/user")
			a.do("r9", "DELETE", "/api/user")
			a.do("r10", "POST", "/api/token/revoke")
			a.do("r11", "GET", "/api/nothing")
			a.do("r12", "PUT", "/api/user")
		}, []string{
			"identity_created acs_id=ID1" + ada + "r2" + whom,
			"token_issued acs_id=ID1 client_id=APP expires=LATER object_id=ADA request_id=r5" + whom,
			"token_issued acs_id=ID1 client_id=APP expires=LATER object_id=ADA request_id=r6" + whom,
			"tokens_revoked acs_id=ID1" + ada + "r7" + whom,
			"identity_deleted acs_id=ID1" + ada + "r8" + whom,
		}},
		{"a Teams user", nil, func(a *audited) {
			a.do("r1", "GET", "/api/token/teams", "teams-user-aad-token: "+a.Entra.TeamsToken(a.user, cloud.TokenOptions{ClientID: a.SPAClientID}))
		}, []string{"teams_token_exchanged client_id=APP expires=LATER object_id=ADA request_id=r1 teams_client_id=APP" + whom}},
		{"created by the first token", []func(*setup){withAutoProvision}, func(a *audited) {
			a.do("r1", "GET", "/api/token")
			a.do("r2", "GET", "/api/token")
		}, []string{
			"identity_created acs_id=ID1" + ada + "r1" + whom,
			"token_issued acs_id=ID1 client_id=APP expires=LATER object_id=ADA request_id=r1" + whom,
			"token_issued acs_id=ID1 client_id=APP expires=LATER object_id=ADA request_id=r2" + whom,
		}},
		{"somebody else was faster", []func(*setup){withMemory}, func(a *audited) {
			a.Inject(cloud.Fault{Op: cloud.OpACSCreate, When: cloud.AfterEffect, Do: func() { a.mapTo(a.ACS.AddIdentity()) }})
			a.do("r1", "POST", "/api/user")
		}, []string{"identity_discarded acs_id=ID1" + ada + "r1" + whom}},
		{"an identity that cannot be mapped", nil, func(a *audited) {
			a.Inject(cloud.Fault{Op: cloud.OpGraphCreate, Status: 403})
			a.do("r1", "POST", "/api/user")
		}, []string{"identity_discarded acs_id=ID1" + ada + "r1" + whom}},
		{"gone", nil, func(a *audited) {
			a.mapGone()
			a.do("r1", "POST", "/api/token/revoke")
			a.do("r2", "GET", "/api/token")
			a.do("r3", "GET", "/api/token")
		}, []string{"mapping_removed_gone acs_id=ID1" + ada + "r2" + whom}},
		{"gone, as Graph goes on showing", nil, func(a *audited) {
			a.mapGone()
			defer a.Graph.FreezeReads(a.user, cloud.Freeze{})()
			a.do("r1", "GET", "/api/token")
			a.do("r2", "GET", "/api/token")
		}, []string{"mapping_removed_gone acs_id=ID1" + ada + "r1" + whom}},
		{"gone, and created anew", []func(*setup){withAutoProvision}, func(a *audited) {
			a.mapGone()
			a.do("r1", "GET", "/api/token")
		}, []string{
			"mapping_removed_gone acs_id=ID1" + ada + "r1" + whom,
			"identity_created acs_id=ID2" + ada + "r1" + whom,
			"token_issued acs_id=ID2 client_id=APP expires=LATER object_id=ADA request_id=r1" + whom,
		}},
		{"gone, and its mapping removed by the second attempt", nil, func(a *audited) {
			a.mapGone()
			remove := a.Inject(cloud.Fault{Op: cloud.OpGraphDelete, Status: 403})
			a.do("r1", "GET", "/api/token")
			remove()
			a.do("r2", "GET", "/api/token")
			a.do("r3", "GET", "/api/token")
		}, []string{"mapping_removed_gone acs_id=ID1" + ada + "r2" + whom}},
		{"gone, and its mapping in the way of another", nil, func(a *audited) {
			a.mapGone()
			remove := a.Inject(cloud.Fault{Op: cloud.OpGraphDelete, Status: 403})
			a.do("r1", "GET", "/api/token")
			remove()
			a.do("r2", "POST", "/api/user")
		}, []string{"mapping_removed_gone acs_id=ID1" + ada + "r2" + whom, "identity_created acs_id=ID2" + ada + "r2" + whom}},
		{"deleted by the second attempt", nil, func(a *audited) {
			a.want(201, "POST", "/api/user")
			a.audit.reset()
			remove := a.Inject(cloud.Fault{Op: cloud.OpGraphDelete, Status: 403})
			a.do("r1", "DELETE", "/api/user")
			remove()
			a.do("r2", "DELETE", "/api/user")
			a.do("r3", "DELETE", "/api/user")
		}, []string{"identity_deleted acs_id=ID1" + ada + "r1" + whom, "mapping_removed_gone acs_id=ID1" + ada + "r2" + whom}},
		{"deleted, as Graph goes on showing", nil, func(a *audited) {
			a.want(201, "POST", "/api/user")
			a.audit.reset()
			defer a.Graph.FreezeReads(a.user, cloud.Freeze{})()
			a.do("r1", "DELETE", "/api/user")
			a.do("r2", "DELETE", "/api/user")
			a.do("r3", "GET", "/api/token")
		}, []string{"identity_deleted acs_id=ID1" + ada + "r1" + whom}},
		{"foreign, let go by a token", []func(*setup){withMemory, withReplacement}, func(a *audited) {
			a.mapForeign()
			a.do("r1", "GET", "/api/token")
			a.do("r2", "GET", "/api/token")
		}, []string{"mapping_removed_foreign acs_id=FOREIGN" + ada + "r1" + whom}},
		{"foreign, replaced", []func(*setup){withMemory, withReplacement}, func(a *audited) {
			a.mapForeign()
			a.do("r1", "POST", "/api/user")
		}, []string{"mapping_removed_foreign acs_id=FOREIGN" + ada + "r1" + whom, "identity_created acs_id=ID2" + ada + "r1" + whom}},
		{"foreign, deleted", []func(*setup){withMemory}, func(a *audited) {
			a.mapForeign()
			a.do("r1", "GET", "/api/token")
			a.do("r2", "DELETE", "/api/user")
		}, []string{
			"request_refused client_id=APP error=mapping_invalid object_id=ADA operation=issue_token request_id=r1" + whom,
			"mapping_removed_foreign acs_id=FOREIGN" + ada + "r2" + whom,
		}},
		{"written by the user", nil, func(a *audited) {
			a.tamper("8:acs:" + a.ACS.ResourceID() + "_" + otherTenant)
			a.do("r1", "GET", "/api/token")
			a.do("r2", "DELETE", "/api/user")
			a.do("r3", "DELETE", "/api/user")
		}, []string{
			"request_refused client_id=APP error=mapping_invalid object_id=ADA operation=issue_token request_id=r1" + whom,
			"mapping_removed_invalid" + ada + "r2" + whom,
		}},
		{"written by the user, as Graph goes on showing", nil, func(a *audited) {
			a.tamper("8:acs:" + a.ACS.ResourceID() + "_" + otherTenant)
			defer a.Graph.FreezeReads(a.user, cloud.Freeze{})()
			a.do("r1", "DELETE", "/api/user")
		}, []string{"mapping_removed_invalid" + ada + "r1" + whom}},
		{"repaired by the next call", []func(*setup){withJournal}, func(a *audited) {
			a.left("stray", acsauth.EntryCreate)
			a.left("doomed", acsauth.EntryDelete)
			a.do("r1", "POST", "/api/user")
		}, []string{
			"identity_repaired acs_id=ID1 client_id=APP object_id=ADA report=stray request_id=r1 tenant_id=TENANT token_id=UTI",
			"identity_repaired acs_id=ID2 client_id=APP object_id=ADA report=doomed request_id=r1 tenant_id=TENANT token_id=UTI",
			"identity_created acs_id=ID3" + ada + "r1" + whom,
		}},
		{"repaired by an operator", []func(*setup){withJournal}, func(a *audited) {
			a.left("stray", acsauth.EntryCreate)
			for range 2 {
				if _, err := a.service.Reconcile(a.Context(), acsauth.ReconcileOptions{}); err != nil {
					a.Error(err)
				}
			}
		}, []string{"identity_repaired acs_id=ID1 object_id=ADA report=stray tenant_id=TENANT"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			a := newAudited(t, test.configure...)
			test.do(a)
			if diff := cmp.Diff(test.want, a.events()); diff != "" {
				t.Errorf("%s\nlog:\n%s", diff, a.log)
			}
		})
	}
}

// However many callers find an identity gone at once, its mapping is removed once.
func TestAuditOfManyCallers(t *testing.T) {
	t.Parallel()
	const callers = 8
	a := newAudited(t, withMemory)
	a.mapGone()
	// All have asked for the same identity before the first of them is answered.
	var arrived sync.WaitGroup
	arrived.Add(callers)
	a.Inject(cloud.Fault{Op: cloud.OpACSIssue, Times: callers, Do: func() { arrived.Done(); arrived.Wait() }})
	var all sync.WaitGroup
	for range callers {
		all.Go(func() { a.do("r", "GET", "/api/token") })
	}
	all.Wait()
	want := []string{"mapping_removed_gone acs_id=ID1 client_id=APP object_id=ADA request_id=r tenant_id=TENANT token_id=UTI"}
	if diff := cmp.Diff(want, a.events()); diff != "" {
		t.Error(diff)
	}
}

func (a *audited) left(id string, kind acsauth.EntryKind) {
	journal := a.mapper.(*memoryJournal)
	e := acsauth.JournalEntry{ID: id, Kind: kind, TenantID: a.user.TenantID, ObjectID: a.user.ObjectID, ACSID: a.ACS.AddIdentity(), Opened: time.Now().Add(-time.Hour - time.Duration(len(journal.open()))*-time.Minute)}
	if err := journal.OpenEntry(context.Background(), e); err != nil {
		a.Error(err)
	}
}

// mapGone maps the user to an identity that somebody else has deleted since.
func (a *audited) mapGone() {
	a.Helper()
	if got := a.do("before", "POST", "/api/user"); got.status != 201 {
		a.Fatalf("%d %s", got.status, got.body)
	}
	a.do("before", "GET", "/api/token") // remembers the mapping
	a.ACS.DeleteIdentity(a.live()[0])
	a.audit.reset()
}

// mapForeign maps the user to an identity of another resource.
func (a *audited) mapForeign() {
	a.Helper()
	mapForeign(a.system)
	foreign, err := a.mapper.Lookup(a.Context(), acsauth.User{TenantID: a.user.TenantID, ObjectID: a.user.ObjectID})
	if err != nil {
		a.Fatal(err)
	}
	a.foreign = foreign
	a.audit.reset()
}
