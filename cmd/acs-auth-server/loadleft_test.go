package main

import "slices"

// checkIdentities holds what is left in ACS and in Graph against each other, and
// against the server's log, while nothing is under way. It returns how many users
// are mapped.
//
// An identity that is live must be mapped; or reported by its name; or, if the
// server has never learned that it was created, be one of those for which a report
// without a name is open.
func (tr *loadTest) checkIdentities() int {
	mapped := tr.mappedIdentities()
	heard, named, nameless := tr.logged()
	var live []string
	lost, unheard := 0, 0
	for _, identity := range tr.cloud.ACS.Identities() {
		id := identity.ID
		if !identity.Live {
			continue
		}
		live = append(live, id)
		switch {
		case mapped[id] > 0:
			continue
		case named[id]:
		case heard[id]:
			tr.Errorf("the server knew %s, which is neither mapped, nor deleted, nor reported", id)
		default:
			unheard++
		}
		lost++
	}
	if unheard > nameless {
		tr.Errorf("%d identities are live that the server has never heard of, but only %d such reports are open", unheard, nameless)
	}
	for id, users := range mapped {
		if users != 1 || !slices.Contains(live, id) {
			tr.Errorf("%s is mapped to %d users, and live: %t", id, users, slices.Contains(live, id))
		}
	}
	tr.Logf("%d users mapped; identities created so far %d, live %d, lost %d; reports left open %d with a name, %d without",
		len(mapped), len(tr.cloud.ACS.Identities()), len(live), lost, len(named), nameless)
	return len(mapped)
}

// mappedIdentities returns how many users each identity in Graph is mapped to.
func (tr *loadTest) mappedIdentities() map[string]int {
	mapped := make(map[string]int)
	for _, u := range tr.users {
		properties, _ := tr.cloud.Graph.Extension(u.User, "com.contoso.identityMapping")
		if id, _ := properties["acsUserIdentity"].(string); id != "" {
			mapped[id]++
		}
	}
	return mapped
}

// logged returns, from the server's log, the identities that it has named, those
// that reports which were left open name, and how many reports are open without.
func (tr *loadTest) logged() (heard, named map[string]bool, nameless int) {
	heard, named = map[string]bool{}, map[string]bool{}
	open := map[any]string{} // report -> identity
	log := tr.server.stderr.String()
	for _, line := range logLines(tr.T, log, "identity report opened") {
		open[line["report"]] = ""
	}
	for _, line := range logLines(tr.T, log, "identity report closed") {
		delete(open, line["report"])
	}
	for _, line := range logLines(tr.T, log, "identity report left open") {
		open[line["report"]], _ = line["acs_id"].(string)
	}
	for _, line := range logLines(tr.T, log, "audit") {
		if id, _ := line["acs_id"].(string); id != "" {
			heard[id] = true
		}
	}
	for _, id := range open {
		if id == "" {
			nameless++
		} else {
			named[id] = true
		}
	}
	return heard, named, nameless
}
