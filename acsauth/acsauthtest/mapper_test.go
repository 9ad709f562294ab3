package acsauthtest_test

import (
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth/acsauthtest"
)

// The smallest store keeps the contract.
func TestMemoryMapper(t *testing.T) {
	t.Parallel()
	acsauthtest.TestMapper(t, func(*testing.T) acsauth.IdentityMapper { return new(acsauth.MemoryMapper) }, nil)
}

// childFault is the variable that names the fault of a child process's store.
const childFault = "ACSAUTHTEST_TEST_FAULT"

// Whatever a store does wrong, there is a rule that says so. Since a test cannot
// watch another one fail, the rules are applied in processes of their own.
func TestFaults(t *testing.T) {
	if fault, isChild := os.LookupEnv(childFault); isChild {
		acsauthtest.TestMapper(t, func(*testing.T) acsauth.IdentityMapper { return newFaulty(fault) }, nil)
		return
	}
	t.Parallel()
	for _, test := range []struct {
		fault string   // see newFaulty; "" is none
		want  []string // rules that must fail
	}{
		{"", nil},

		{"lookup: no error for nobody", []string{"absent"}},
		{"lookup: no error after delete", []string{"delete"}},
		{"lookup: ignores its context", []string{"cancelled"}},
		{"create: stores nothing", []string{"stored"}},
		{"create: replaces", []string{"first one wins", "one winner", "create in one step"}},
		{"create: cannot be repeated", []string{"repeated", "one value from many"}},
		{"create: takes nothing for an identity", []string{"no empty identity"}},
		{"create: says that it has not stored what it has", []string{"cancelled"}},
		{"create: in two steps", []string{"create in one step"}},
		{"delete: does nothing", []string{"delete", "delete is idempotent"}},
		{"delete: does not compare", []string{"delete compares", "delete races", "delete in one step"}},
		{"delete: takes nothing for everything", []string{"delete of invalid ones spares valid ones"}},
		{"delete: fails for nobody", []string{"delete is idempotent"}},
		{"delete: ignores its context", []string{"cancelled"}},
		{"delete: in two steps", []string{"delete in one step"}},
		{"key: one for everybody", []string{"users apart"}},
		{"key: the object id", []string{"tenants apart"}},
		{"key: the tenant id", []string{"tenants apart"}},
		{"key: both ids in one", []string{"hostile users"}},
		{"key: in lower case", []string{"hostile users"}},
		{"identity: without white space", []string{"hostile identities"}},

		{"renew: no error for nobody", []string{"renew: as looked up"}},
		{"renew: another identity", []string{"renew: as looked up"}},
		{"renew: deletes", []string{"renew: as looked up"}},
		{"renew: ignores its context", []string{"renew: cancelled"}},
	} {
		t.Run(test.fault, func(t *testing.T) {
			t.Parallel()
			failed := failedRules(t, test.fault, test.want)
			slices.Sort(failed)
			slices.Sort(test.want)
			if !slices.Equal(failed, test.want) {
				t.Errorf("these rules fail: %q; want %q", failed, test.want)
			}
		})
	}
}

// failedRules returns which of these rules, or of all, a store with this fault breaks.
func failedRules(t *testing.T, fault string, rules []string) []string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	run := "-test.run=^TestFaults$"
	if len(rules) > 0 {
		run += "/^(" + strings.Join(rules, "|") + ")$"
	}
	cmd := exec.CommandContext(t.Context(), self, run)
	cmd.Env = append(os.Environ(), childFault+"="+fault)
	output, err := cmd.CombinedOutput()
	var failed []string
	for _, line := range regexp.MustCompile(`--- FAIL: TestFaults/(.*) \(`).FindAllStringSubmatch(string(output), -1) {
		failed = append(failed, strings.ReplaceAll(line[1], "_", " "))
	}
	if (err != nil) != (len(failed) > 0) {
		t.Fatalf("%v, though these rules failed: %q\n%s", err, failed, output)
	}
	return failed
}

// A store is held to all rules but those that it is excepted from, which must exist.
func TestExceptions(t *testing.T) {
	if _, isChild := os.LookupEnv(childFault); isChild {
		acsauthtest.TestMapper(t, func(*testing.T) acsauth.IdentityMapper { return new(acsauth.MemoryMapper) }, nil, "no such rule")
		return
	}
	t.Parallel()
	acsauthtest.TestMapper(t, func(*testing.T) acsauth.IdentityMapper { return newFaulty("delete: in two steps") }, nil, "delete in one step")

	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, "-test.run=^TestExceptions$")
	cmd.Env = append(os.Environ(), childFault+"=")
	if output, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(output), `"no such rule"`) {
		t.Errorf("an exception from a rule that does not exist: %v\n%s", err, output)
	}
}
