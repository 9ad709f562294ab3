package acsauth_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"net/http"
	"strings"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
)

// A fate is what becomes of one call.
type fate int

const (
	fine      fate = iota
	unsent         // the connection fails before the request is sent
	limited        // a limit of the process's own keeps the request from being sent
	refused        // 503, without an effect
	throttled      // 429, without an effect
	exhausted      // 429 for a long time, without an effect
	denied         // 403, without an effect
	lost           // the effect takes place, the answer gets lost
	spent          // as lost, and the next attempt is exhausted or denied
	failed         // the effect takes place, the answer is a 500
	mute           // no effect and no answer until the caller gives up
	hung           // the effect takes place, but no answer until the caller gives up
	late           // the answer gets lost at once, the effect takes place much later
	fates
)

var (
	errNetwork = errors.New("the network failed")
	errDead    = errors.New("the process is dead")
)

// without reports whether a fate is an answer that means: nothing was done.
func (f fate) without() bool {
	return f == refused || f == throttled || f == exhausted || f == denied
}

// draw decides what becomes of a call, and how long it takes there and back.
func (w *world) draw(who *process, p *person, op string) (f fate, there, back, delay time.Duration) {
	r := w.random(who, p, op)
	there = time.Duration(1 + r.Int64N(int64(3*w.plan.scale)))
	back = time.Duration(1 + r.Int64N(int64(3*w.plan.scale)))
	delay = time.Duration(1 + r.Int64N(int64(800*w.plan.scale)))
	if r.Float64() < w.plan.faults {
		f = fate(1 + r.IntN(int(fates)-1))
	}
	if op == "acs.delete" && r.Float64() < w.plan.spent {
		f = spent
	}
	if next, foreseen := w.foreseen(who, p, op); foreseen {
		f = next
	}
	if f == spent {
		w.foresee(who, p, op, []fate{exhausted, denied}[r.IntN(2)])
	}
	if w.calm.Load() {
		f = fine
	}
	return f, there, back, delay
}

// wait lets time pass unless ctx ends first.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// travel sends one call of a process over the unreliable network. effect is what
// it does at the other end, and returns what hands the answer to the caller, which
// happens only if it comes through: then the error is nil.
func (w *world) travel(ctx context.Context, who *process, p *person, op string, effect func() (answer func())) (fate, error) {
	answer := func() {}
	f, there, back, delay := w.draw(who, p, op)
	if err := wait(ctx, there); err != nil {
		return f, err
	}
	if who.dead.Load() {
		return f, errDead
	}
	switch f {
	case unsent:
		return f, errNetwork
	case limited:
		return f, overloaded{}
	case mute:
		<-ctx.Done()
		return f, context.Cause(ctx)
	case late:
		w.late.Add(1)
		go func() {
			defer w.late.Done()
			_ = wait(context.Background(), delay)
			effect()
		}()
		return f, errNetwork
	case refused, throttled, exhausted, denied:
	default:
		answer = effect()
	}
	if f == hung {
		<-ctx.Done()
	}
	if err := wait(ctx, back); err != nil {
		return f, err
	}
	if who.dead.Load() {
		return f, errDead
	}
	if f == lost || f == spent {
		return f, errNetwork
	}
	answer()
	return f, nil
}

// A network is the outbound HTTP of a process.
type network struct {
	*world
	process *process
}

// RoundTrip implements http.RoundTripper.
func (n *network) RoundTrip(r *http.Request) (*http.Response, error) {
	p, _ := r.Context().Value(personKey{}).(*person)
	if p == nil {
		return nil, errors.New("a call for nobody")
	}
	body := []byte{}
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		_ = r.Body.Close()
	}
	op, sent := operationOf(r), time.Now()
	lastRead := n.lastRead(p)
	var answer *http.Response
	var err error
	f, lostErr := n.travel(r.Context(), n.process, p, op, func() func() {
		got, gotErr := n.deliver(r, body, p, op, sent, lastRead)
		return func() { answer, err = got, gotErr }
	})
	switch {
	case lostErr != nil:
		return nil, lostErr
	case f == refused:
		return synthetic(r, http.StatusServiceUnavailable, ""), nil
	case f == throttled:
		return synthetic(r, http.StatusTooManyRequests, "1"), nil
	case f == exhausted:
		return synthetic(r, http.StatusTooManyRequests, "600"), nil
	case f == denied:
		return synthetic(r, http.StatusForbidden, ""), nil
	case f == failed:
		return synthetic(r, http.StatusInternalServerError, ""), nil
	}
	if op == "graph.get" && err == nil {
		n.mu.Lock()
		n.reads[n.process.name+p.ObjectID] = time.Now()
		n.mu.Unlock()
	}
	return answer, err
}

// deliver lets a request take effect, whatever has become of its sender.
func (n *network) deliver(r *http.Request, body []byte, p *person, op string, sent, lastRead time.Time) (answer *http.Response, err error) {
	out := r.Clone(context.WithoutCancel(r.Context()))
	out.Body = io.NopCloser(bytes.NewReader(body))
	var content []byte
	before, _ := n.watch(p, func() {
		if answer, err = n.base.RoundTrip(out); err != nil {
			return
		}
		content, err = io.ReadAll(answer.Body)
		_ = answer.Body.Close()
	})
	if err != nil {
		return nil, err
	}
	answer.Body = io.NopCloser(bytes.NewReader(content))
	switch {
	case op == "acs.create" && answer.StatusCode == http.StatusCreated:
		var created struct{ Identity struct{ ID string } }
		if json.Unmarshal(content, &created) == nil {
			n.mu.Lock()
			n.made[created.Identity.ID] = p
			n.mu.Unlock()
		}
	case op == "acs.delete" && answer.StatusCode == http.StatusNoContent:
		n.bury(strings.TrimPrefix(r.URL.Path, "/identities/"), p, n.process, sent)
	case op == "graph.delete" && before != "" && n.mappedSince(p, before).After(lastRead):
		// Graph cannot compare and delete: what was removed came after what the
		// process had read. This, and nothing else, is the documented exception.
		n.mu.Lock()
		n.excused[before] = "the gap between Graph's read and delete"
		n.mu.Unlock()
	}
	return answer, nil
}

// lastRead returns when the process last read p's mapping in order to remove it.
func (n *network) lastRead(p *person) time.Time {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.reads[n.process.name+p.ObjectID]
}

func operationOf(r *http.Request) string {
	switch path := r.URL.Path; {
	case strings.HasSuffix(path, "/token"):
		return "entra.token"
	case strings.HasSuffix(path, "/me"):
		return "graph.lookup"
	case strings.Contains(path, "/me/extensions"):
		return map[string]string{"GET": "graph.get", "POST": "graph.create", "DELETE": "graph.delete", "PATCH": "graph.update"}[r.Method]
	case strings.HasSuffix(path, ":issueAccessToken"):
		return "acs.issue"
	case strings.HasSuffix(path, ":revokeAccessTokens"):
		return "acs.revoke"
	case r.Method == http.MethodDelete:
		return "acs.delete"
	}
	return "acs.create"
}

func synthetic(r *http.Request, status int, retryAfter string) *http.Response {
	header := http.Header{"Content-Type": {"application/json"}}
	if retryAfter != "" {
		header.Set("Retry-After", retryAfter)
	}
	return &http.Response{
		StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: header, Request: r,
		Body: io.NopCloser(strings.NewReader(`{"error":{"code":"Fault","message":"a fault"}}`)),
	}
}

// A remoteStore is a store in memory at the other end of the network. It can
// compare and delete.
type remoteStore struct {
	*world
	process *process
	name    string
	store   acsauth.IdentityMapper
}

func (s *remoteStore) call(ctx context.Context, op string, effect func() (string, error)) (string, error) {
	p := ctx.Value(personKey{}).(*person)
	ctx, cancel := context.WithTimeout(ctx, s.attemptTimeout())
	defer cancel()
	var id string
	var err error
	f, lostErr := s.travel(ctx, s.process, p, op, func() func() {
		var gotID string
		var gotErr error
		s.watch(p, func() { gotID, gotErr = effect() })
		return func() { id, err = gotID, gotErr }
	})
	switch {
	case lostErr != nil:
		return "", lostErr
	case f.without():
		return "", errors.Join(acsauth.ErrNotStored, errNetwork)
	case f == failed:
		return "", errNetwork
	}
	return id, err
}

func (s *remoteStore) do(ctx context.Context, op string, effect func() error) error {
	_, err := s.call(ctx, op, func() (string, error) { return "", effect() })
	return err
}

func (s *remoteStore) Lookup(ctx context.Context, u acsauth.User) (id string, err error) {
	return s.call(ctx, s.name+".lookup", func() (string, error) { return s.store.Lookup(context.Background(), u) })
}

func (s *remoteStore) Create(ctx context.Context, u acsauth.User, acsID string) error {
	return s.do(ctx, s.name+".create", func() error { return s.store.Create(context.Background(), u, acsID) })
}

func (s *remoteStore) Delete(ctx context.Context, u acsauth.User, acsID string) error {
	return s.do(ctx, s.name+".delete", func() error { return s.store.Delete(context.Background(), u, acsID) })
}

// A remoteJournal is a remoteStore with a journal.
type remoteJournal struct{ remoteStore }

func (s *remoteJournal) OpenEntry(ctx context.Context, e acsauth.JournalEntry) error {
	return s.do(ctx, "store.open", func() error { return s.world.store.OpenEntry(context.Background(), e) })
}

func (s *remoteJournal) IdentifyEntry(ctx context.Context, e acsauth.JournalEntry) error {
	return s.do(ctx, "store.identify", func() error { return s.world.store.IdentifyEntry(context.Background(), e) })
}

func (s *remoteJournal) CloseEntry(ctx context.Context, e acsauth.JournalEntry) error {
	return s.do(ctx, "store.close", func() error { return s.world.store.CloseEntry(context.Background(), e) })
}

func (s *remoteJournal) OpenEntries(ctx context.Context, u acsauth.User, before time.Time) iter.Seq2[acsauth.JournalEntry, error] {
	return func(yield func(acsauth.JournalEntry, error) bool) {
		var found []acsauth.JournalEntry
		err := s.do(ctx, "store.entries", func() error {
			found = nil
			for e := range s.world.store.OpenEntries(context.Background(), u, before) {
				found = append(found, e)
			}
			return nil
		})
		for _, e := range found {
			if !yield(e, nil) {
				return
			}
		}
		if err != nil {
			yield(acsauth.JournalEntry{}, err)
		}
	}
}
