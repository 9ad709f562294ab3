package main

import (
	"fmt"
	"maps"
	"os"
	"runtime/metrics"
	"slices"
	"strconv"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
)

// A meter watches what the process uses: the server, everybody who calls it and
// the cloud together.
type meter struct {
	began   time.Time
	first   usage
	ending  chan struct{}
	watcher sync.WaitGroup
	peak    usage // read once the watcher has ended
}

// A usage is what the process uses at a moment.
type usage struct {
	heap, resident uint64 // in bytes; 0: not known
	goroutines     uint64
}

// Figures are what a meter has seen.
type figures struct {
	took               time.Duration
	first, peak, after usage
	openConnections    int
}

func startMeter() *meter {
	m := &meter{began: time.Now(), first: measure(), ending: make(chan struct{})}
	m.watcher.Go(func() {
		ticker := time.NewTicker(50 * time.Millisecond)
		defer ticker.Stop()
		for {
			now := measure()
			m.peak = usage{max(m.peak.heap, now.heap), max(m.peak.resident, now.resident), max(m.peak.goroutines, now.goroutines)}
			select {
			case <-ticker.C:
			case <-m.ending:
				return
			}
		}
	})
	return m
}

func (m *meter) stop() figures {
	took := time.Since(m.began)
	close(m.ending)
	m.watcher.Wait()
	return figures{took: took, first: m.first, peak: m.peak, after: measure()}
}

func measure() usage {
	samples := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/sched/goroutines:goroutines"}}
	metrics.Read(samples)
	return usage{samples[0].Value.Uint64(), residentMemory("self"), samples[1].Value.Uint64()}
}

// residentMemory returns the memory of a process, or 0 where the system has no
// /proc.
func residentMemory(process string) uint64 {
	status, err := os.ReadFile("/proc/" + process + "/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "VmRSS:" {
			kilobytes, _ := strconv.ParseUint(fields[1], 10, 64)
			return kilobytes << 10
		}
	}
	return 0
}

func (u usage) String() string {
	return fmt.Sprintf("heap %d MB, resident %d MB, %d goroutines", u.heap>>20, u.resident>>20, u.goroutines)
}

// report prints what all callers saw, and returns how often there was which answer.
func (tr *loadTest) report(crowd []*caller, f figures) (answers map[string]int) {
	took, total := map[string][]time.Duration{}, 0
	answers = map[string]int{}
	for _, who := range crowd {
		for name, durations := range who.took {
			took[name] = append(took[name], durations...)
			total += len(durations)
		}
		for answer, n := range who.answers {
			answers[answer] += n
		}
	}
	var text strings.Builder
	fmt.Fprintf(&text, "%d requests from %d callers in %.1f s: %.0f a second (seed %d, HTTP/%d to the upstreams)\n\n",
		total, len(crowd), f.took.Seconds(), float64(total)/f.took.Seconds(), *loadSeed, 2-*loadSeed%2)
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "ms\trequests\tp50\tp90\tp99\tp99.9\tmax\t")
	for _, name := range slices.Sorted(maps.Keys(took)) {
		fmt.Fprintf(table, "%s\t%d\t", name, len(took[name]))
		for _, part := range []float64{0.5, 0.9, 0.99, 0.999, 1} {
			fmt.Fprintf(table, "%.1f\t", percentile(took[name], part).Seconds()*1000)
		}
		fmt.Fprintln(table)
	}
	_ = table.Flush() // into memory
	counted := func(title string, counts map[string]int) {
		fmt.Fprintf(&text, "\n%s\n", title)
		for _, name := range slices.Sorted(maps.Keys(counts)) {
			fmt.Fprintf(&text, "%8d  %s\n", counts[name], name)
		}
	}
	counted("answers", answers)
	outbound := map[string]int{}
	for _, op := range []string{"entra.", cloud.OpGraphLookup, cloud.OpGraphGet, cloud.OpGraphCreate, cloud.OpGraphUpdate, cloud.OpGraphDelete,
		cloud.OpACSCreate, cloud.OpACSIssue, cloud.OpACSRevoke, cloud.OpACSDelete, cloud.OpACSTeams} {
		outbound[op] = tr.cloud.CallCount(op)
	}
	counted("outbound calls, those after the faults included", outbound)
	counted("faults", tr.weather.struck)
	_, in := tr.inbound.counts()
	_, out := tr.outbound.counts()
	fmt.Fprintf(&text, "\nconnections from callers %d, open at the end %d; to the upstreams %d in all\n", in, f.openConnections, out)
	fmt.Fprintf(&text, "at the beginning: %v\npeak:             %v\nat the end:       %v\n", f.first, f.peak, f.after)
	tr.Log("\n" + text.String())
	return answers
}

// percentile returns the time that a part of the requests did not exceed.
func percentile(took []time.Duration, part float64) time.Duration {
	slices.Sort(took)
	return took[min(len(took)-1, int(part*float64(len(took))))]
}
