//go:build linux

package check_test

import (
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// reaches tells whether the policies let a pod open a connection to an address outside
// of what pod selectors choose.
func (in *installation) reaches(t *testing.T, pod corev1.PodTemplateSpec, protocol corev1.Protocol, to netip.AddrPort) bool {
	t.Helper()
	for _, policy := range in.networkPolicies {
		if !selector(t, &policy.Spec.PodSelector).Matches(labels.Set(pod.Labels)) {
			continue
		}
		for _, rule := range policy.Spec.Egress {
			if hasPort(t, rule.Ports, protocol, to.Port()) && hasAddress(t, rule.To, to.Addr()) {
				return true
			}
		}
	}
	return false
}

func hasPort(t *testing.T, ports []networkingv1.NetworkPolicyPort, protocol corev1.Protocol, port uint16) bool {
	t.Helper()
	for _, p := range ports {
		if p.EndPort != nil || p.Port == nil || p.Port.IntVal == 0 || p.Protocol == nil {
			t.Fatalf("a rule must say protocol and number of a port: %v", p)
		}
		if *p.Protocol == protocol && p.Port.IntVal == int32(port) {
			return true
		}
	}
	return len(ports) == 0
}

func hasAddress(t *testing.T, peers []networkingv1.NetworkPolicyPeer, address netip.Addr) bool {
	t.Helper()
	for _, peer := range peers {
		if peer.IPBlock == nil {
			t.Fatalf("nothing is known about %v", peer)
		}
		inside := must(netip.ParsePrefix(peer.IPBlock.CIDR))(t).Contains(address)
		for _, except := range peer.IPBlock.Except {
			inside = inside && !must(netip.ParsePrefix(except))(t).Contains(address)
		}
		if inside {
			return true
		}
	}
	return len(peers) == 0
}

// Pods reach what they need, wherever it is, and nothing else: not the node's metadata
// above all, which gives tokens of the node to whoever asks.
func TestKubernetesEgress(t *testing.T) {
	t.Parallel()
	const udp, tcp = corev1.ProtocolUDP, corev1.ProtocolTCP
	database := must(url.Parse(postgresAddress))(t).Port()
	forStores(t, func(t *testing.T, s store, in installation) {
		for _, test := range []struct {
			what     string
			protocol corev1.Protocol
			to       string
			want     bool
		}{
			{"Entra ID, Graph and ACS", tcp, "20.190.160.1:443", true},
			{"the same over IPv6", tcp, "[2603:1006:2000::1]:443", true},
			{"by another port", tcp, "20.190.160.1:8443", false},
			{"in plain text", tcp, "20.190.160.1:80", false},
			{"by QUIC", udp, "20.190.160.1:443", false},
			{"names", udp, "10.96.0.10:53", true},
			{"long answers about names", tcp, "10.96.0.10:53", true},
			{"a cache of names on the node", udp, "169.254.20.10:53", true},
			{"the node's metadata", tcp, "169.254.169.254:80", false},
			{"the node's metadata, by another port", tcp, "169.254.169.254:443", false},
			{"the node over IPv6", tcp, "[fe80::1]:443", false},
			{"the database, if there is one", tcp, "10.1.2.3:" + database, s.component == "postgres"},
			{"another database", tcp, "10.1.2.3:1433", false},
		} {
			to := must(netip.ParseAddrPort(test.to))(t)
			for name, pod := range in.pods() {
				if got := in.reaches(t, pod, test.protocol, to); got != test.want {
					t.Errorf("%s reaches %s (%s %s): %t, want %t", name, test.what, test.protocol, to, got, test.want)
				}
			}
		}
	})
}

// routed tells whether the ingress passes a path on, and checks where to.
func (in *installation) routed(t *testing.T, path string) bool {
	t.Helper()
	found := false
	for _, rule := range in.ingress.Spec.Rules {
		for _, p := range rule.HTTP.Paths {
			if p.PathType == nil || *p.PathType != networkingv1.PathTypePrefix {
				t.Fatalf("%s: a path of another type depends on the controller", p.Path)
			}
			prefix := strings.TrimSuffix(p.Path, "/")
			if path == prefix || strings.HasPrefix(path, prefix+"/") {
				found = true
			}
			if backend := p.Backend.Service; backend.Name != in.service.Name || backend.Port.Name != in.service.Spec.Ports[0].Name {
				t.Errorf("%s leads to %v", p.Path, backend)
			}
		}
	}
	return found
}

// The world reaches the API, and neither health nor metrics, by HTTPS. Whoever
// installs it is told where the certificate comes from.
func TestKubernetesIngress(t *testing.T) {
	t.Parallel()
	paths := map[string]bool{"/": false, "/apiary": false, "/metrics": false, "/debug/pprof/": false}
	for _, match := range regexp.MustCompile(`(?m)^  (/\S*):$`).FindAllStringSubmatch(readPage(t, "openapi.yaml"), -1) {
		paths[match[1]] = strings.HasPrefix(match[1], "/api/")
	}
	if len(paths) < 8 {
		t.Fatalf("docs/openapi.yaml has only the paths %v", paths)
	}
	forStores(t, func(t *testing.T, _ store, in installation) {
		for path, want := range paths {
			if got := in.routed(t, path); got != want {
				t.Errorf("the ingress passes %s on: %t, want %t", path, got, want)
			}
		}
		tls := in.ingress.Spec.TLS
		if len(tls) != 1 || fmt.Sprint(tls[0].Hosts) != fmt.Sprintf("[%s]", in.ingress.Spec.Rules[0].Host) || len(in.ingress.Spec.Rules) != 1 {
			t.Fatalf("hosts without a certificate: %v, %v", tls, in.ingress.Spec.Rules)
		}
		if command := "create secret tls " + tls[0].SecretName + " "; !strings.Contains(readPage(t, "deploy-with-containers.md"), command) {
			t.Errorf("docs/deploy-with-containers.md does not say %q", command)
		}
	})
}
