package main

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/reload"
)

// An otelCheck says what the value of some variables may be.
type otelCheck struct {
	names []string
	check func(text string) error
}

func otelChecks() []otelCheck {
	return []otelCheck{
		{[]string{"OTEL_SDK_DISABLED"}, oneOf("true", "false")},
		{[]string{"OTEL_TRACES_EXPORTER"}, oneOf("otlp", "none")},
		{[]string{"OTEL_METRICS_EXPORTER"}, metricsExporter},
		{[]string{"OTEL_TRACES_SAMPLER"}, oneOf("always_on", "always_off", "traceidratio",
			"parentbased_always_on", "parentbased_always_off", "parentbased_traceidratio")},
		{otlpNames("PROTOCOL"), oneOf("grpc", "http/protobuf")},
		{otlpNames("ENDPOINT"), otlpEndpoint},
		{otlpNames("HEADERS"), pairs("api-key=value,other=value", isToken)},
		{otlpNames("COMPRESSION"), oneOf("gzip", "none")},
		{otlpNames("INSECURE"), oneOf("true", "false")},
		{otlpNames("CERTIFICATE"), otlpAuthorities},
		{slices.Concat(otlpNames("TIMEOUT"), []string{
			"OTEL_BSP_SCHEDULE_DELAY", "OTEL_BSP_EXPORT_TIMEOUT", "OTEL_BSP_MAX_QUEUE_SIZE", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
			"OTEL_METRIC_EXPORT_INTERVAL", "OTEL_METRIC_EXPORT_TIMEOUT",
		}), positive},
		{[]string{"OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"}, oneOf("cumulative", "delta", "lowmemory")},
		{[]string{"OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION"}, oneOf("explicit_bucket_histogram", "base2_exponential_bucket_histogram")},
		{[]string{"OTEL_RESOURCE_ATTRIBUTES"}, pairs("deployment.environment.name=production,region=eu", isFilled)},
	}
}

// otlpNames returns the names of a variable of the exporter: for all signals, and for
// each of those that there are here.
func otlpNames(what string) []string {
	return []string{"OTEL_EXPORTER_OTLP_" + what, "OTEL_EXPORTER_OTLP_TRACES_" + what, "OTEL_EXPORTER_OTLP_METRICS_" + what}
}

func metricsExporter(text string) error {
	if text == "prometheus" {
		return errors.New("must be otlp or none: for Prometheus set METRICS or ADMIN_ADDR, and /metrics is served there")
	}
	return oneOf("otlp", "none")(text)
}

func otlpEndpoint(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
		return errors.New("must be a URL that begins with http:// or https://, such as http://127.0.0.1:4318, without a user")
	}
	return nil
}

// pairs takes a list of names with percent-encoded values, which are not repeated: the
// headers among them often are secrets, which the SDK would log if it could not read
// them.
func pairs(example string, isName func(string) bool) func(string) error {
	return func(text string) error {
		for i, pair := range strings.Split(text, ",") {
			name, escaped, found := strings.Cut(pair, "=")
			if _, err := url.PathUnescape(escaped); err != nil || !found || !isName(strings.TrimSpace(name)) {
				return fmt.Errorf("must be a list such as %s, whose values are percent-encoded; number %d is not", example, i+1)
			}
		}
		return nil
	}
}

// isToken reports whether s can be the name of a header (RFC 9110 section 5.6.2).
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !strings.ContainsRune("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", r)
	})
}

func otlpAuthorities(path string) error {
	content, err := reload.Read(path)
	if err != nil || !x509.NewCertPool().AppendCertsFromPEM(content) {
		return errors.New("must name a PEM file with certificates")
	}
	return nil
}

func positive(text string) error {
	if n, err := strconv.Atoi(text); err != nil || n <= 0 {
		return errors.New("must be a whole number, at least 1")
	}
	return nil
}

func isFilled(s string) bool { return s != "" }
