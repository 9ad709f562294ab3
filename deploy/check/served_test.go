//go:build linux

package check_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
)

// A metric is what the server serves under one name.
type metric struct {
	kind   string              // histogram, counter, gauge or summary
	values map[string][]string // of labels, by name
}

func (m metric) labels() []string { return slices.Sorted(maps.Keys(m.values)) }

// with returns the metric with one more series.
func (m metric) with(kind model.MetricType, series labels.Labels) metric {
	values := maps.Clone(m.values)
	if values == nil {
		values = map[string][]string{}
	}
	series.Range(func(l labels.Label) {
		if l.Name != labels.MetricName {
			values[l.Name] = append(slices.Clone(values[l.Name]), l.Value)
		}
	})
	return metric{string(kind), values}
}

// served returns the metrics of a server that has been used, asked for once for all
// tests: what it answered, and its metrics by name.
func served(t *testing.T) map[string]metric {
	t.Helper()
	serverOnce.Do(func() { servedMetrics, errServed = askServer(t) })
	if errServed != nil {
		t.Fatal(errServed)
	}
	return servedMetrics
}

var (
	serverOnce    sync.Once
	servedMetrics map[string]metric
	errServed     error
)

// askServer starts the server with a cloud of its own, makes requests of every kind,
// some of which fail, and asks for its metrics.
func askServer(t *testing.T) (map[string]metric, error) {
	t.Helper()
	var program string
	for _, path := range programs(t) {
		if filepath.Base(path) == "acs-auth-server" {
			program = path
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, "-dev")
	cmd.Env = []string{"LISTEN_ADDR=127.0.0.1:0", "METRICS=true", "TMPDIR=" + os.TempDir()}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	defer func() {
		cancel()
		_ = cmd.Wait()
	}()
	url, err := readAddress(stderr)
	if err != nil {
		return nil, err
	}
	go func() { _, _ = io.Copy(io.Discard, stderr) }()
	exports := readExports(stdout)
	token, teams := exports["TOKEN"], exports["TEAMS_TOKEN"]
	for _, r := range []struct{ method, path, token string }{
		{"GET", "/api/token", token}, {"POST", "/api/user", token}, {"POST", "/api/user", token}, {"GET", "/api/user", token},
		{"GET", "/api/token", token}, {"GET", "/api/token", token}, {"GET", "/api/token/teams", token}, {"POST", "/api/token/revoke", token},
		{"GET", "/api/token", "not.a.token"}, {"GET", "/api/token", ""}, {"GET", "/api/nothing", token}, {"DELETE", "/api/user", token},
	} {
		if _, err := send(ctx, r.method, url+r.path, r.token, teams); err != nil {
			return nil, err
		}
	}
	answer, err := send(ctx, "GET", url+"/metrics", "", "")
	if err != nil {
		return nil, err
	}
	return readMetrics(answer)
}

// readAddress waits until the server listens.
func readAddress(log io.Reader) (url string, err error) {
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		var line struct{ Msg, Address string }
		if err := json.Unmarshal(lines.Bytes(), &line); err == nil && line.Msg == "listening" {
			return "http://" + line.Address, nil
		}
	}
	return "", io.ErrUnexpectedEOF
}

// readExports reads what -dev prints, up to the last line of it.
func readExports(stdout io.Reader) map[string]string {
	exports := map[string]string{}
	line := regexp.MustCompile(`^export (\w+)='(.*)'$`)
	lines := bufio.NewScanner(stdout)
	for exports["SSL_CERT_FILE"] == "" && lines.Scan() {
		if match := line.FindStringSubmatch(lines.Text()); match != nil {
			exports[match[1]] = match[2]
		}
	}
	return exports
}

func send(ctx context.Context, method, url, token, teams string) (body string, err error) {
	r, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return "", err
	}
	r.Header.Set("Accept", "application/openmetrics-text;version=1.0.0,*/*;q=0.1") // as Prometheus prefers
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Teams-User-Aad-Token", teams)
	}
	answer, err := new(http.Transport).RoundTrip(r)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	return string(content), err
}

// readMetrics reads an answer as Prometheus does, for which the parts of a histogram
// are metrics of their own. A histogram is there under its own name too.
func readMetrics(openMetrics string) (map[string]metric, error) {
	found := map[string]metric{}
	var family string
	var kind model.MetricType
	reader := textparse.NewOpenMetricsParser([]byte(openMetrics), labels.NewSymbolTable())
	for {
		entry, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return found, nil
		}
		if err != nil {
			return nil, err
		}
		switch entry {
		case textparse.EntryType:
			var name []byte
			name, kind = reader.Type()
			family = string(name)
		case textparse.EntrySeries:
			var series labels.Labels
			reader.Labels(&series)
			name := series.Get(labels.MetricName)
			found[name] = found[name].with(kind, series)
			if kind == model.MetricTypeHistogram {
				found[family] = found[family].with(kind, labels.NewBuilder(series).Del(labels.BucketLabel).Labels())
			}
		}
	}
}
