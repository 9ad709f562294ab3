//go:build linux

package check_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// A metric is what the server serves under one name.
type metric struct {
	kind   string   // histogram, counter, gauge or summary
	labels []string // sorted
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

// readMetrics reads an answer as Prometheus does. A histogram is there under three
// names, as in expressions.
func readMetrics(exposition string) (map[string]metric, error) {
	reader := expfmt.NewTextParser(model.LegacyValidation)
	families, err := reader.TextToMetricFamilies(strings.NewReader(exposition))
	if err != nil {
		return nil, err
	}
	found := map[string]metric{}
	for name, family := range families {
		labels := map[string]bool{}
		for _, series := range family.GetMetric() {
			for _, pair := range series.GetLabel() {
				labels[pair.GetName()] = true
			}
		}
		m := metric{kind: strings.ToLower(family.GetType().String()), labels: slices.Sorted(maps.Keys(labels))}
		found[name] = m
		switch family.GetType() {
		case dto.MetricType_HISTOGRAM:
			found[name+"_sum"], found[name+"_count"] = m, m
			found[name+"_bucket"] = metric{m.kind, append(slices.Clone(m.labels), "le")}
		case dto.MetricType_SUMMARY:
			found[name+"_sum"], found[name+"_count"] = m, m
			found[name] = metric{m.kind, append(slices.Clone(m.labels), "quantile")}
		}
	}
	return found, nil
}
