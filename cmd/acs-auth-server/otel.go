package main

import (
	"cmp"
	"crypto/tls"
	"net/url"
	"strconv"
	"strings"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/reload"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/source"
)

// The parts of names in which the variables of one signal differ.
const (
	otelTraces  = "TRACES"
	otelMetrics = "METRICS"
)

// otelVariables are the variables of OpenTelemetry, OTEL_*, that are set. Its SDK
// reads them itself, out of the environment of the process and nowhere else; here
// they are looked at to decide what of it is wanted, and to report mistakes that it
// would pass over.
type otelVariables map[string]string

// readOTel takes the variables out of the environment, and reports what is wrong
// with them.
func readOTel(layers []source.Layer, p *problems) otelVariables {
	set := otelVariables{}
	for _, l := range layers {
		for name, v := range l.Values {
			if text := strings.TrimSpace(v.Text); strings.HasPrefix(name, "OTEL_") && text != "" {
				set[name] = text
				p.from[name] = v.Where
			}
		}
	}
	if set.disabled() {
		return set // and so nobody looks at the others
	}
	for _, check := range otelChecks() {
		for _, name := range check.names {
			if text := set[name]; text != "" {
				if err := check.check(text); err != nil {
					p.add(name, "%v", err)
				}
			}
		}
	}
	set.checkSampler(p)
	set.checkKeyPairs(p)
	return set
}

// disabled reports whether nothing is to be exported, whatever else is set.
func (set otelVariables) disabled() bool { return set["OTEL_SDK_DISABLED"] == "true" }

// wants reports whether a signal is to be exported over OTLP. It is not, by default,
// other than OpenTelemetry has it: a server must not call what nobody has named. An
// address for everything, which platforms set by themselves, is one for traces only:
// metrics are at /metrics, and what listens there may take none.
func (set otelVariables) wants(signal string) bool {
	if set.disabled() {
		return false
	}
	exporter := set["OTEL_"+signal+"_EXPORTER"]
	if exporter != "" {
		return exporter == "otlp"
	}
	return set["OTEL_EXPORTER_OTLP_"+signal+"_ENDPOINT"] != "" ||
		signal == otelTraces && set["OTEL_EXPORTER_OTLP_ENDPOINT"] != ""
}

// grpc reports whether a signal is to be exported over gRPC, and not over plain HTTP.
func (set otelVariables) grpc(signal string) bool {
	return cmp.Or(set["OTEL_EXPORTER_OTLP_"+signal+"_PROTOCOL"], set["OTEL_EXPORTER_OTLP_PROTOCOL"]) == "grpc"
}

// endpoint returns where a signal goes, as scheme and host: the rest of the address
// may be a secret.
func (set otelVariables) endpoint(signal string) string {
	fallback := "http://localhost:4318"
	if set.grpc(signal) {
		fallback = "http://localhost:4317"
	}
	u, err := url.Parse(cmp.Or(set["OTEL_EXPORTER_OTLP_"+signal+"_ENDPOINT"], set["OTEL_EXPORTER_OTLP_ENDPOINT"], fallback))
	if err != nil {
		return "" // reported by otlpEndpoint
	}
	return u.Scheme + "://" + u.Host
}

// checkSampler checks the sampler together with its argument.
func (set otelVariables) checkSampler(p *problems) {
	argument := set["OTEL_TRACES_SAMPLER_ARG"]
	if !strings.HasSuffix(set["OTEL_TRACES_SAMPLER"], "traceidratio") || argument == "" {
		return
	}
	if ratio, err := strconv.ParseFloat(argument, 64); err != nil || !(ratio >= 0 && ratio <= 1) {
		p.add("OTEL_TRACES_SAMPLER_ARG", "must be a number from 0 to 1")
	}
}

// checkKeyPairs checks the certificates with which the exporters show who they are,
// together with their keys.
func (set otelVariables) checkKeyPairs(p *problems) {
	keys := otlpNames("CLIENT_KEY")
	for i, certificate := range otlpNames("CLIENT_CERTIFICATE") {
		one, other := certificate, keys[i]
		if set[one] == "" {
			one, other = other, one
		}
		if set[one] == "" {
			continue
		}
		public, err1 := reload.Read(set[certificate])
		private, err2 := reload.Read(set[keys[i]])
		if _, err := tls.X509KeyPair(public, private); err1 != nil || err2 != nil || err != nil {
			p.add(one, "and %s must name two PEM files that belong together", other)
		}
	}
}
