//go:build linux

package check_test

import (
	"log/slog"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
)

// alertRules reads the alerts as Prometheus does, which refuses fields that it does
// not know, and templates that make no sense.
func alertRules(t *testing.T) []rulefmt.Rule {
	t.Helper()
	groups, errs := rulefmt.ParseFile(moduleRoot+"/deploy/prometheus/alerts.yaml", false, model.LegacyValidation, parser.NewParser(parser.Options{}), slog.New(slog.DiscardHandler))
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	var rules []rulefmt.Rule
	for _, group := range groups.Groups {
		rules = append(rules, group.Rules...)
	}
	if len(rules) == 0 {
		t.Fatal("there are no alerts")
	}
	return rules
}

// Whoever is woken up finds out why, and what to do.
func TestAlertsAreExplained(t *testing.T) {
	t.Parallel()
	const page = "https://github.com/Azure-Samples/communication-services-authentication-hero-go/blob/main/docs/operations.md#"
	headings := map[string]bool{}
	for _, match := range regexp.MustCompile(`(?m)^### (AcsAuth\w+)$`).FindAllStringSubmatch(readPage(t, "operations.md"), -1) {
		headings[match[1]] = true
	}
	for _, rule := range alertRules(t) {
		if severity := rule.Labels["severity"]; severity != "warning" && severity != "critical" {
			t.Errorf("%s has the severity %q", rule.Alert, severity)
		}
		if rule.Annotations["summary"] == "" || rule.Annotations["description"] == "" {
			t.Errorf("%s does not say what it is about", rule.Alert)
		}
		if got := rule.Annotations["runbook_url"]; got != page+strings.ToLower(rule.Alert) || !headings[rule.Alert] {
			t.Errorf("%s leads to %s; there is such a heading: %t", rule.Alert, got, headings[rule.Alert])
		}
		delete(headings, rule.Alert)
	}
	for heading := range headings {
		t.Errorf("docs/operations.md explains %s, which there is not", heading)
	}
}

// Every alert fires when it should, and not before.
func TestAlertsFire(t *testing.T) {
	t.Parallel()
	const (
		requests = `acsauth_request_duration_seconds_count{job="acs-auth-server",instance="a",operation="issue_token",outcome="`
		buckets  = `acsauth_request_duration_seconds_bucket{job="acs-auth-server",instance="a",operation="issue_token",outcome="ok",le="`
		calls    = `outbound_call_duration_seconds_count{job="acs-auth-server",instance="a",upstream="graph",outcome="`
		events   = `acsauth_identity_events_total{job="acs-auth-server",instance="a",event="`
	)
	// Samples are a minute apart. What is quiet is so in every minute, and what fires
	// does in the 90th. "0+60x90" grows by one in a second.
	tests := map[string]struct{ quiet, fires []string }{
		"AcsAuthDown": {
			[]string{`up{job="acs-auth-server",instance="a"} 1x90`, `up{job="other"} 0x90`},
			[]string{`up{job="acs-auth-server",instance="a"} 1x90`, `up{job="acs-auth-server",instance="b"} 0x90`},
		},
		"AcsAuthAbsent": {
			[]string{`up{job="acs-auth-server",instance="a"} 0x90`, `up{job="acs-auth-server",instance="b"} 1x90`},
			[]string{`up{job="acs-auth-server",instance="a"} 0x90`},
		},
		"AcsAuthServerErrors": {
			[]string{requests + `ok"} 0+60x90`, requests + `missing_token"} 0+60x90`, requests + `upstream_timeout"} 0+3x90`},
			[]string{requests + `ok"} 0+60x90`, requests + `missing_token"} 0+1500x90`, requests + `upstream_timeout"} 0+3x90`, requests + `internal"} 0+3x90`},
		},
		"AcsAuthCallersGiveUp": {
			[]string{requests + `ok"} 0+60x90`, requests + `client_closed"} 0+12x90`},
			[]string{requests + `ok"} 0+60x90`, requests + `not_found"} 0+1500x90`, requests + `client_closed"} 0+18x90`},
		},
		"AcsAuthServerMisconfigured": {
			[]string{requests + `ok"} 0+60x90`, requests + `server_misconfigured"} 5x8 stale _x61 5x20`}, // long ago, with a gap
			[]string{requests + `server_misconfigured"} _x80 1x10`},                                      // for the first time
		},
		"AcsAuthSlow": {
			[]string{buckets + `2.5"} 0+1x90`, buckets + `1"} 0+60x90`, buckets + `+Inf"} 0+60x90`},
			[]string{buckets + `1"} 0+50x90`, buckets + `2.5"} 0+55x90`, buckets + `5"} 0+60x90`, buckets + `+Inf"} 0+60x90`},
		},
		"AcsAuthUpstreamFailing": {
			[]string{calls + `ok"} 0+60x90`, calls + `client_error"} 0+60x90`, calls + `timeout"} 0+5x90`},
			[]string{calls + `ok"} 0+60x90`, calls + `timeout"} 0+5x90`, calls + `unreachable"} 0+5x90`},
		},
		"AcsAuthUpstreamThrottles": {
			[]string{calls + `ok"} 0+60x90`, calls + `throttled"} 0x90`},
			[]string{calls + `ok"} 0+60x90`, calls + `throttled"} 0+1x90`},
		},
		"AcsAuthRateLimited": {
			[]string{requests + `ok"} 0+60x90`, requests + `rate_limited"} 0+1x90`},
			[]string{requests + `ok"} 0+60x90`, requests + `rate_limited"} 0+6x90`},
		},
		"AcsAuthOverloaded": {
			[]string{requests + `overloaded"} 7x90`},
			[]string{requests + `overloaded"} 0x87 1x5`},
		},
		"AcsAuthKeysOld": {
			[]string{`acsauth_keys_age_seconds{instance="a"} 21000x90`},
			[]string{`acsauth_keys_age_seconds{instance="a"} 22000x90`},
		},
		"AcsAuthNoKeys": {
			[]string{`acsauth_keys_usable{instance="a"} 2x90`},
			[]string{`acsauth_keys_usable{instance="a"} 2x90`, `acsauth_keys_usable{instance="b"} 0x90`},
		},
		"AcsAuthIdentityUnfinished": {
			[]string{events + `create_unfinished"} 3x90`, events + `identity_created"} 0+1x90`},
			[]string{events + `create_unfinished"} 0x60 1x30`},
		},
		"AcsAuthAuditLost": {
			[]string{`acsauth_audit_lost_total{job="acs-auth-server",instance="a"} 3x90`},
			[]string{`acsauth_audit_lost_total{job="acs-auth-server",instance="a"} 0x80 1x10`},
		},
		"AcsAuthMappingInvalid": {
			[]string{requests + `mapping_invalid"} 3x8 stale _x61 3x20`},
			[]string{requests + `mapping_invalid"} 3x80 4x10`},
		},
	}
	for _, rule := range alertRules(t) {
		test, ok := tests[rule.Alert]
		if !ok {
			t.Errorf("%s is not tested", rule.Alert)
		}
		// Of what was there before the first sample nobody can tell, so the first half
		// hour is left out.
		if fires := evaluate(t, rule.Expr, test.quiet, 30*time.Minute); len(fires) > 0 {
			t.Errorf("%s should be quiet: %v", rule.Alert, fires)
		}
		if fires := evaluate(t, rule.Expr, test.fires, lastSample); len(fires) != 1 {
			t.Errorf("%s should fire once: %v", rule.Alert, fires)
		}
	}
}

const lastSample = 90 * time.Minute

// evaluate asks Prometheus's engine, in every minute from one on, for what lets an
// expression fire.
func evaluate(t *testing.T, expr string, series []string, from time.Duration) (fires []string) {
	t.Helper()
	engine := promqltest.NewTestEngine(t, false, 0, promqltest.DefaultMaxSamplesPerQuery)
	storage := promqltest.LoadedStorage(t, "load 1m\n  "+strings.Join(series, "\n  "))
	defer storage.Close()
	at := time.Unix(0, 0).Add
	query, err := engine.NewRangeQuery(t.Context(), storage, nil, expr, at(from), at(lastSample), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	defer query.Close()
	found, err := query.Exec(t.Context()).Matrix()
	if err != nil {
		t.Fatal(err)
	}
	for _, series := range found {
		fires = append(fires, series.String())
	}
	return fires
}
