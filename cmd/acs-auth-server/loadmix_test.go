package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/openapitest"
)

// An operation is something that clients ask for, and how that may end.
type operation struct {
	name         string
	weight       int // how often, compared to the others
	method, path string
	header       func(*loadUser) []string
	ok           []int    // the statuses of success
	refusals     []string // the names of errors without any fault
	upstreams    []string // whose faults it can run into
}

var upstreams = []string{"entra.", "graph.", "acs."}

var (
	createUser = operation{"create_user", 12, "POST", "/api/user", known, []int{200, 201}, nil, upstreams}
	issueToken = operation{"issue_token", 40, "GET", "/api/token", known, []int{201}, []string{"identity_not_mapped"}, upstreams}
	inALoop    = operation{"issue_token, impatient", 0, "GET", "/api/token", known, []int{201}, []string{"identity_not_mapped", "rate_limited"}, upstreams}
	deleteUser = operation{"delete_user", 6, "DELETE", "/api/user", known, []int{204}, nil, upstreams}
)

func known(u *loadUser) []string { return []string{bearer(u.token)} }

// operations is the mix.
func operations(c *cloud.Cloud) []operation {
	fresh := func(o cloud.TokenOptions) func(u *loadUser) []string {
		return func(u *loadUser) []string { return []string{bearer(c.Entra.UserToken(u.User, o))} }
	}
	teams := func(u *loadUser) []string { return []string{bearer(u.token), "teams-user-aad-token: " + u.teamsToken} }
	stranger := c.Entra.TeamsToken(c.Entra.AddUser(cloud.User{}), cloud.TokenOptions{})
	refused := func(weight int, header func(*loadUser) []string, name string) operation {
		return operation{"refused", weight, "GET", "/api/token", header, nil, []string{name}, nil}
	}
	return []operation{
		createUser,
		issueToken,
		deleteUser,
		// A token that has not been exchanged yet.
		{"issue_token, new sign-in", 8, "GET", "/api/token", fresh(cloud.TokenOptions{}), []int{201}, []string{"identity_not_mapped"}, upstreams},
		{"create_user, new sign-in", 3, "POST", "/api/user", fresh(cloud.TokenOptions{Version: 1}), []int{200, 201}, nil, upstreams},
		{"show_user", 8, "GET", "/api/user", known, []int{200}, []string{"identity_not_mapped"}, upstreams[:2]},
		{"revoke_tokens", 5, "POST", "/api/token/revoke", known, []int{204}, nil, upstreams},
		{"exchange_teams_token", 6, "GET", "/api/token/teams", teams, []int{201}, nil, upstreams[2:]},
		{"none", 2, "GET", "/api/nothing", known, nil, []string{"not_found"}, nil},
		{"none", 1, "PUT", "/api/user", known, nil, []string{"method_not_allowed"}, nil},
		{"healthz", 1, "GET", healthPath, known, []int{200}, nil, nil},
		{"refused", 1, "GET", "/api/token/teams", func(u *loadUser) []string { return []string{bearer(u.token), "teams-user-aad-token: " + stranger} },
			nil, []string{"teams_user_mismatch"}, nil},
		refused(2, func(*loadUser) []string { return nil }, "missing_token"),
		refused(2, func(*loadUser) []string { return []string{bearer("not.a.token")} }, "invalid_token"),
		refused(1, fresh(cloud.TokenOptions{IssuedAt: time.Now().Add(-3 * time.Hour)}), "invalid_token"),
		refused(1, fresh(cloud.TokenOptions{Audience: cloud.DefaultSPAClientID}), "invalid_token"),
		refused(1, fresh(cloud.TokenOptions{Scope: "other"}), "insufficient_scope"),
		refused(1, func(*loadUser) []string { return []string{bearer(c.Entra.AppToken(cloud.TokenOptions{}))} }, "user_token_required"),
		// Whether the key is one of Entra's has to be asked, once.
		{"refused", 1, "GET", "/api/token", fresh(cloud.TokenOptions{Key: cloud.KeyUnlisted}), nil, []string{"invalid_token", "keys_unavailable"}, nil},
	}
}

// A caller sends one request after another.
type caller struct {
	*loadTest
	random  *rand.Rand
	took    map[string][]time.Duration // by operation
	answers map[string]int             // by status and name
}

// user picks one. A few are busier than the rest.
func (who *caller) user() *loadUser {
	if who.random.IntN(4) == 0 {
		return who.users[who.random.IntN(8)]
	}
	return who.users[who.random.IntN(len(who.users))]
}

func (who *caller) operation(mix []operation) operation {
	total := 0
	for _, op := range mix {
		total += op.weight
	}
	n := who.random.IntN(total)
	for _, op := range mix {
		if n -= op.weight; n < 0 {
			return op
		}
	}
	panic("unreachable")
}

// call sends a request and judges the answer.
func (who *caller) call(u *loadUser, op operation) (status int, name string, header http.Header) {
	r, err := http.NewRequestWithContext(who.Context(), op.method, who.server.url+op.path, nil)
	if err != nil {
		who.Error(err)
		return 0, "", nil
	}
	for _, h := range op.header(u) {
		field, text, _ := strings.Cut(h, ": ")
		r.Header.Set(field, text)
	}
	began := time.Now()
	answer, err := who.client.Do(r)
	if err != nil {
		who.Errorf("%s: no answer: %v", op.name, err)
		return 0, "", nil
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	took := time.Since(began)
	if _, checked := who.shapes.LoadOrStore(shape(answer, string(body)), true); !checked && err == nil {
		err = openapitest.Check(answer, body)
	}
	if err != nil {
		who.Errorf("%s: %v", op.name, err)
	}
	var problem struct{ Error string }
	if answer.StatusCode >= 400 {
		_ = json.Unmarshal(body, &problem) // openapitest.Check has looked at it
	}
	if !who.expects(op, answer.StatusCode, problem.Error) {
		who.Errorf("%s: status %d is not to be expected: %s", op.name, answer.StatusCode, body)
	}
	who.took[op.name] = append(who.took[op.name], took)
	said := strings.TrimSpace(fmt.Sprint(answer.StatusCode, " ", problem.Error))
	if u == who.impatient {
		said += ", impatient"
	}
	who.answers[said]++
	return answer.StatusCode, problem.Error, answer.Header
}

var (
	varyingText  = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|eyJ[\w-]+\.[\w-]+\.[\w-]+|20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ`)
	varyingField = regexp.MustCompile(`(?m)^(Date|Content-Length|Retry-After): .*$`)
)

// shape returns what there is to check of an answer: all of it, but ids, tokens and
// times. To check an answer takes longer than the server needs for it.
func shape(answer *http.Response, body string) string {
	var text strings.Builder
	fmt.Fprintln(&text, answer.Request.Method, answer.Request.URL.Path, answer.Status)
	_ = answer.Header.Write(&text)
	text.WriteString(body)
	shaped := text.String()
	if id := answer.Header.Get("X-Request-Id"); id != "" {
		shaped = strings.ReplaceAll(shaped, id, "the request's id")
	}
	return varyingText.ReplaceAllString(varyingField.ReplaceAllString(shaped, "$1"), "?")
}

// expects reports whether an operation may end like that, after all the faults
// that there have been.
func (who *caller) expects(op operation, status int, name string) bool {
	switch {
	case name == "":
		return slices.Contains(op.ok, status)
	case name == "overloaded" && len(op.upstreams) > 0 && who.plan.perUpstream < *loadCallers:
		return true
	case len(op.upstreams) > 0 && (name == "upstream_timeout" || name == "upstream_unavailable"):
		return true // on a slow machine even without a fault
	}
	return slices.Contains(op.refusals, name) || who.weather.causes(op.upstreams, name)
}

// repeat sends a request until it does not fail for want of others, as clients are
// told to.
func (who *caller) repeat(u *loadUser, op operation) (status int) {
	for deadline := time.Now().Add(patience); ; {
		status, name, header := who.call(u, op)
		if name == "" || name == "identity_not_mapped" || time.Now().After(deadline) || who.Failed() {
			if status == 0 || name != "" && name != "identity_not_mapped" {
				who.Errorf("%s does not end well: status %d %s", op.name, status, name)
			}
			return status
		}
		seconds, _ := strconv.Atoi(header.Get("Retry-After"))
		select {
		case <-time.After(time.Duration(seconds) * time.Second):
		case <-who.Context().Done():
			return status
		}
	}
}
