package acsauth_test

import (
	"context"
	"errors"
	"flag"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
)

var (
	lifecycleSchedules = flag.Int("lifecycle.schedules", 2000, "random schedules of the lifecycle test, in virtual time")
	lifecycleSeed      = flag.Uint64("lifecycle.seed", 0, "replay the one schedule of this seed")
)

// Random schedules of operations of several people on two processes over one
// store, in which every remote call may fail before or after it took effect, hang,
// or take effect late, and a process may die in the middle, leave the invariants
// of the identity lifecycle intact (docs/identity-lifecycle.md). A seed that fails
// is printed, and can be replayed with -lifecycle.seed.
func TestLifecycleSchedules(t *testing.T) {
	t.Parallel()
	first, last := uint64(1), uint64(*lifecycleSchedules)
	if *lifecycleSeed != 0 {
		first, last = *lifecycleSeed, *lifecycleSeed
	}
	var next atomic.Uint64
	next.Store(first - 1)
	var workers sync.WaitGroup
	for range 2 {
		workers.Go(func() { // which a schedule that fails ends
			for seed := next.Add(1); seed <= last && !t.Failed(); seed = next.Add(1) {
				synctest.Test(t, func(t *testing.T) {
					runSchedule(t, seed, planOf(seed, 50*time.Millisecond), cloud.Config{InProcess: true})
				})
			}
		})
	}
	workers.Wait()
}

// The same over real TLS connections and in real time, which no seed governs. All
// at once, for they spend most of it waiting.
func TestLifecycleSchedulesOverTLS(t *testing.T) {
	t.Parallel()
	var all sync.WaitGroup
	for seed := range uint64(50) {
		all.Go(func() { runSchedule(t, seed, planOf(seed, 2*time.Millisecond), cloud.Config{}) })
	}
	all.Wait()
}

func planOf(seed uint64, scale time.Duration) plan {
	r := rand.New(rand.NewPCG(seed, 0))
	p := plan{
		gone:          cloud.Gone(seed % 3),
		inMemory:      r.IntN(2) == 0,
		autoProvision: r.IntN(3) == 0,
		knowsResource: r.IntN(2) == 0,
		faults:        []float64{0, 0.1, 0.25, 0.5}[r.IntN(4)],
		span:          time.Duration([]int{100, 300, 3000}[r.IntN(3)]) * scale,
		scale:         scale,
	}
	p.journals = p.inMemory && r.IntN(2) == 0
	p.moves = p.journals && r.IntN(2) == 0
	p.spent = []float64{0, 0, 0, 0.5}[r.IntN(4)]
	return p
}

func runSchedule(t *testing.T, seed uint64, p plan, cfg cloud.Config) {
	w := newWorld(t, seed, p, cfg)
	defer func() {
		_ = w.cloud.Close()
		if t.Failed() {
			t.Logf("seed %d, %+v", seed, p)
		}
	}()
	r := rand.New(rand.NewPCG(seed, 1))
	for range 1 + r.IntN(3) {
		w.addPerson()
	}
	processes := []*process{w.start("A", p.autoProvision, p.knowsResource), w.start("B", p.autoProvision, p.knowsResource)}
	var all sync.WaitGroup
	if r.IntN(3) == 0 {
		victim, at := processes[r.IntN(2)], time.Duration(r.Int64N(int64(p.span)))
		all.Go(func() {
			_ = wait(t.Context(), at)
			victim.dead.Store(true)
		})
	}
	for range 4 + r.IntN(12) {
		op := operation{
			kind:    []string{"create", "create", "create", "delete", "delete", "token", "token", "revoke", "erase"}[r.IntN(9)],
			process: processes[r.IntN(2)],
			person:  w.people[r.IntN(len(w.people))],
			at:      time.Duration(r.Int64N(int64(p.span))),
		}
		if r.IntN(3) == 0 {
			op.patience = time.Duration(1 + r.Int64N(int64(p.span)))
		}
		all.Go(func() { w.perform(op) })
	}
	all.Wait()
	for _, each := range processes {
		if err := each.service.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}
	_ = wait(context.Background(), 2*w.attemptTimeout()) // exchanges outlive whoever asked for them
	w.late.Wait()
	w.calm.Store(true)
	w.check(processes)
}

// An operation is one call of a person to a process.
type operation struct {
	kind     string
	process  *process
	person   *person
	at       time.Duration
	patience time.Duration // after which the caller goes away; 0: never
}

func (w *world) perform(op operation) {
	ctx := context.WithValue(context.Background(), personKey{}, op.person)
	_ = wait(ctx, op.at)
	if op.patience > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, op.patience)
		defer cancel()
	}
	service, u := op.process.service, op.person.user
	switch op.kind {
	case "create":
		begin := time.Now()
		if id, _, err := service.Create(ctx, u); err == nil {
			w.checkAlive(op.process, id, begin)
		}
	case "delete":
		_ = service.Delete(ctx, u)
	case "revoke":
		_ = service.Revoke(ctx, u)
	case "erase":
		w.erase(op.person)
	case "token":
		begin := time.Now()
		if _, id, err := service.Token(ctx, u); err == nil {
			w.mu.Lock()
			w.granted = append(w.granted, grant{op.person, id, begin, time.Now()})
			w.mu.Unlock()
		}
	}
}

// check holds what is left against the invariants.
func (w *world) check(processes []*process) {
	w.Helper()
	for _, g := range w.granted {
		if !w.mayIssue(g) {
			w.Errorf("I5: a token was issued for %s, which the store did not hold", g.acsID)
		}
	}
	for _, p := range w.people {
		w.checkReported(p)
	}
	for _, p := range w.people {
		open, unknown := w.reports(p, processes)
		w.checkAccounted(p, open)
		if w.plan.journals {
			w.checkRepaired(p)
		}
		w.checkRepeatable(p, unknown)
	}
}

// checkAccounted is I1 and I3: what is live is mapped, or reported, or
// excused by name.
func (w *world) checkAccounted(p *person, reported int) {
	w.Helper()
	mapped := w.mapped(p)
	var stray []string
	for _, id := range w.live(p) {
		if id != mapped && w.excused[id] == "" {
			stray = append(stray, id)
		}
	}
	if len(stray) > reported {
		w.Errorf("I1, I3: %d identities of one person are live and unmapped, %d are reported: %v", len(stray), reported, stray)
	}
	if mapped != "" && w.made[mapped] != p {
		w.Errorf("a person is mapped to another's identity %s", mapped)
	}
}

// checkAlive is what a process owes those who want an identity: it does not answer one
// that it has tried to delete, for as long as it remembers, if that took effect.
func (w *world) checkAlive(by *process, acsID string, begin time.Time) {
	w.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	end, dead := w.deaths[acsID]
	if dead && end.by == by && end.at.Before(begin) && time.Since(end.sent) < time.Minute {
		w.Errorf("I2: %s was answered %v after the same process had deleted it", acsID, begin.Sub(end.at))
	}
}

// checkReported is I3 for deletions: one that took effect and did not get to the
// mapping is in the journal.
func (w *world) checkReported(p *person) {
	w.Helper()
	if !w.plan.journals {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, h := range w.held {
		end, dead := w.deaths[h.acsID]
		stayed := h.person == p && h.to.IsZero() && h.from.Before(end.at)
		if dead && end.reported && stayed && !w.deletionReported(p, h.acsID) {
			w.Errorf("I3: the deletion of %s took effect and left its mapping, and no entry is open", h.acsID)
		}
	}
}

// checkRepaired is what a journal adds: once nothing can be under way any more, a
// reconciliation clears away whatever has a name or, where it takes no time to wait
// so long, the person's next call does.
func (w *world) checkRepaired(p *person) {
	w.Helper()
	fresh := w.start("R", false, true)
	ctx := context.WithValue(context.Background(), personKey{}, p)
	if w.seed%2 == 0 || w.realTime {
		if _, err := fresh.service.Reconcile(ctx, acsauth.ReconcileOptions{MinAge: time.Nanosecond}); err != nil {
			w.Errorf("reconcile: %v", err)
		}
	} else {
		_ = wait(ctx, time.Minute)
		_, _, _ = fresh.service.Create(ctx, p.user)
	}
	if open, unknown := w.reports(p, nil); open != unknown {
		w.Errorf("I3: %d entries are open although their identities are known", open-unknown)
	} else {
		w.checkAccounted(p, unknown)
	}
	if err := fresh.service.Close(ctx); err != nil {
		w.Error(err)
	}
}

// checkRepeatable is I2 and I4, seen by a process that starts afterwards.
func (w *world) checkRepeatable(p *person, reported int) {
	w.Helper()
	fresh := w.start("C", false, true)
	ctx := context.WithValue(context.Background(), personKey{}, p)
	want := func(step string, err, target error) {
		w.Helper()
		if !errors.Is(err, target) {
			w.Errorf("I2, I4: %s: %v, want %v", step, err, target)
		}
	}
	if w.seed%2 == 0 { // half of the people begin with a deletion
		want("delete", fresh.service.Delete(ctx, p.user), nil)
		if left := w.mapped(p); left != "" {
			w.Errorf("I4: the deletion left the mapping to %s", left)
		}
	}
	before := w.mapped(p)
	alive := slices.Contains(w.live(p), before)
	_, id, err := fresh.service.Token(ctx, p.user)
	switch {
	case alive:
		want("token of a live mapping", err, nil)
		if id != before {
			w.Errorf("token for %s, mapped is %s", id, before)
		}
	default:
		want("token without a live mapping", err, acsauth.ErrNotMapped)
		if left := w.mapped(p); left != "" {
			w.Errorf("I2: the mapping to the dead %s is still there", left)
		}
	}
	created, _, err := fresh.service.Create(ctx, p.user)
	want("create", err, nil)
	_, id, err = fresh.service.Token(ctx, p.user)
	want("token", err, nil)
	if id != created || id != w.mapped(p) {
		w.Errorf("created %s, token for %s, mapped %s", created, id, w.mapped(p))
	}
	want("delete", fresh.service.Delete(ctx, p.user), nil)
	want("delete again", fresh.service.Delete(ctx, p.user), nil)
	_, err = fresh.service.Identity(ctx, p.user)
	want("show after the deletion", err, acsauth.ErrNotMapped)
	w.checkAccounted(p, reported)
	want("close", fresh.service.Close(ctx), nil)
}

// mayIssue is I5: the store held the identity at some time from the life of a
// remembered mapping before the call until its end.
func (w *world) mayIssue(g grant) bool {
	since := g.begin.Add(-acsauth.DefaultMappingTTL)
	return slices.ContainsFunc(w.held, func(h holding) bool {
		return h.person == g.person && h.acsID == g.acsID && !h.from.After(g.end) && (h.to.IsZero() || h.to.After(since))
	})
}
