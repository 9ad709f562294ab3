//go:build linux

package check_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// A store is one of the components that say where mappings are kept.
type store struct {
	component string
	secret    string // entry of the Secret
	content   string
	monitored bool // with the components for metrics, too
}

var kubernetesStores = []store{
	{"graph", "graph-mapping-keys", mappingKeys, false},
	{"postgres", "mapping-store", postgresAddress, false},
	{"graph", "graph-mapping-keys", mappingKeys, true},
}

// An installation is what the example overlay makes, decoded.
type installation struct {
	all             map[string]metav1.Object // by kind and name
	namespace       *corev1.Namespace
	settings        *corev1.ConfigMap
	secrets         *corev1.Secret
	account         *corev1.ServiceAccount
	deployment      *appsv1.Deployment
	service         *corev1.Service
	ingress         *networkingv1.Ingress
	budget          *policyv1.PodDisruptionBudget
	networkPolicies []*networkingv1.NetworkPolicy
	reconcile       *batchv1.CronJob         // nil with the store graph
	podMonitor      *monitoringv1.PodMonitor // nil unless monitored
}

// install renders the example overlay with a store, filled in as its reader would.
func install(t *testing.T, s store) installation {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(moduleRoot+"/deploy/kubernetes")); err != nil {
		t.Fatal(err)
	}
	overlay := filepath.Join(dir, "overlays", "example")
	rewrite(t, filepath.Join(overlay, "kustomization.yaml"), func(text string) string {
		text = strings.Replace(text, "../../components/graph # or", "../../components/"+s.component+" # or", 1)
		text = strings.Replace(text, "secrets/graph-mapping-keys # or", "secrets/"+s.secret+" # or", 1)
		if s.monitored {
			text = strings.ReplaceAll(text, "  # - ../../components/", "  - ../../components/")
		}
		return text
	})
	rewrite(t, filepath.Join(overlay, "settings.env"), func(text string) string {
		var lines strings.Builder
		for line := range strings.Lines(text) {
			name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
			fmt.Fprintf(&lines, "%s=%s\n", name, filled(t, name, value))
		}
		return lines.String()
	})
	secrets := filepath.Join(overlay, "secrets")
	_ = os.Mkdir(secrets, 0o700) // a reader of this repository may have one
	if err := os.WriteFile(filepath.Join(secrets, s.secret), []byte(s.content+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return render(t, overlay)
}

func rewrite(t *testing.T, file string, change func(string) string) {
	t.Helper()
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(change(string(before))), 0o600); err != nil {
		t.Fatal(err)
	}
}

// strictDecoder decodes as the API server does with --validate=strict: unknown and
// repeated fields are errors.
func strictDecoder(t *testing.T) runtime.Decoder {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		corev1.AddToScheme, appsv1.AddToScheme, batchv1.AddToScheme, networkingv1.AddToScheme, policyv1.AddToScheme, monitoringv1.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	return serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
}

func render(t *testing.T, overlay string) installation {
	t.Helper()
	resources, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), overlay)
	if err != nil {
		t.Fatal(err)
	}
	decoder := strictDecoder(t)
	in := installation{all: map[string]metav1.Object{}}
	for _, resource := range resources.Resources() {
		text, err := resource.AsYAML()
		if err != nil {
			t.Fatal(err)
		}
		object, kind, err := decoder.Decode(text, nil, nil)
		if err != nil {
			t.Fatalf("%s: %v", resource.CurId(), err)
		}
		meta, ok := object.(metav1.Object)
		if !ok {
			t.Fatalf("%s has no metadata", resource.CurId())
		}
		in.all[kind.Kind+" "+meta.GetName()] = meta
		in.take(t, object)
	}
	return in
}

func (in *installation) take(t *testing.T, object runtime.Object) {
	t.Helper()
	switch object := object.(type) {
	case *corev1.Namespace:
		in.namespace = object
	case *corev1.ConfigMap:
		in.settings = object
	case *corev1.Secret:
		in.secrets = object
	case *corev1.ServiceAccount:
		in.account = object
	case *appsv1.Deployment:
		in.deployment = object
	case *corev1.Service:
		in.service = object
	case *networkingv1.Ingress:
		in.ingress = object
	case *policyv1.PodDisruptionBudget:
		in.budget = object
	case *networkingv1.NetworkPolicy:
		in.networkPolicies = append(in.networkPolicies, object)
	case *batchv1.CronJob:
		in.reconcile = object
	case *monitoringv1.PodMonitor:
		in.podMonitor = object
	default:
		t.Errorf("nothing checks a %T", object)
	}
}

// pods returns the templates of all pods, by what makes them.
func (in *installation) pods() map[string]corev1.PodTemplateSpec {
	pods := map[string]corev1.PodTemplateSpec{"server": in.deployment.Spec.Template}
	if in.reconcile != nil {
		pods["reconcile"] = in.reconcile.Spec.JobTemplate.Spec.Template
	}
	return pods
}

// forStores runs a test with each of the stores.
func forStores(t *testing.T, test func(t *testing.T, s store, in installation)) {
	t.Helper()
	for _, s := range kubernetesStores {
		t.Run(s.component+map[bool]string{true: ", monitored"}[s.monitored], func(t *testing.T) {
			t.Parallel()
			test(t, s, install(t, s))
		})
	}
}

// What there is, all of it in one namespace.
func TestKubernetesObjects(t *testing.T) {
	t.Parallel()
	forStores(t, func(t *testing.T, s store, in installation) {
		want := []string{
			"ConfigMap " + in.settings.Name, "Deployment acs-auth-server", "Ingress acs-auth-server", "Namespace acs-auth",
			"NetworkPolicy acs-auth-server", "PodDisruptionBudget acs-auth-server", "Secret acs-auth-server",
			"Service acs-auth-server", "ServiceAccount acs-auth-server",
		}
		if s.component == "postgres" {
			want = append(want, "CronJob acs-auth-reconcile", "NetworkPolicy acs-auth-postgres")
		}
		if s.monitored {
			want = append(want, "NetworkPolicy acs-auth-metrics", "PodMonitor acs-auth-server")
		}
		slices.Sort(want)
		if diff := cmp.Diff(want, slices.Sorted(maps.Keys(in.all))); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
		for name, object := range in.all {
			if object.GetNamespace() != in.namespace.Name && object != metav1.Object(in.namespace) {
				t.Errorf("%s is in the namespace %q", name, object.GetNamespace())
			}
		}
	})
}

// Every pod keeps the strictest of the Pod Security Standards, which the namespace
// enforces, and some rules that it does not have.
func TestKubernetesPodsAreRestricted(t *testing.T) {
	t.Parallel()
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	restricted := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
	img := readImage(t)
	forStores(t, func(t *testing.T, _ store, in installation) {
		if in.namespace.Labels[api.EnforceLevelLabel] != string(api.LevelRestricted) {
			t.Error("the namespace enforces something else")
		}
		for name, pod := range in.pods() {
			if result := policy.AggregateCheckResults(evaluator.EvaluatePod(restricted, &pod.ObjectMeta, &pod.Spec)); !result.Allowed {
				t.Errorf("%s: %s", name, result.ForbiddenDetail())
			}
			user := pod.Spec.SecurityContext
			if *user.RunAsUser != int64(img.uid) || *user.RunAsGroup != int64(img.gid) || *user.FSGroup != int64(img.gid) {
				t.Errorf("%s: its user is not the image's, or cannot read its secrets", name)
			}
			if _, ok := pod.Labels["azure.workload.identity/use"]; ok {
				t.Errorf("%s: Azure's webhook would set AZURE_TENANT_ID to the cluster's tenant, whatever the settings say", name)
			}
			if *pod.Spec.AutomountServiceAccountToken || *pod.Spec.EnableServiceLinks || pod.Spec.ServiceAccountName != in.account.Name {
				t.Errorf("%s gets more of the cluster than it needs", name)
			}
			for _, c := range pod.Spec.Containers {
				if !*c.SecurityContext.ReadOnlyRootFilesystem || c.Resources.Requests.Cpu().IsZero() ||
					c.Resources.Requests.Memory().IsZero() || c.Resources.Limits.Memory().IsZero() {
					t.Errorf("%s: %s may write, or says not what it needs", name, c.Name)
				}
				if c.Image != "registry.example/acs-auth-server:v1.0.0" {
					t.Errorf("%s: %s runs %s", name, c.Name, c.Image)
				}
				for _, command := range c.Command[:min(1, len(c.Command))] {
					if _, err := os.Stat(filepath.Join(filepath.Dir(programs(t)[0]), command)); err != nil {
						t.Errorf("%s: %s is not in the image", name, command)
					}
				}
			}
		}
	})
}

// What refers to something refers to something that is there.
func TestKubernetesReferences(t *testing.T) {
	t.Parallel()
	forStores(t, func(t *testing.T, s store, in installation) {
		for name, pod := range in.pods() {
			mounted, volumes := map[string]string{}, map[string]bool{}
			for _, c := range pod.Spec.Containers {
				if len(c.EnvFrom) != 1 || c.EnvFrom[0].ConfigMapRef.Name != in.settings.Name || len(c.Env) > 0 {
					t.Errorf("%s does not get the settings, or some that count more", name)
				}
				for _, mount := range c.VolumeMounts {
					if mount.SubPath != "" || !mount.ReadOnly {
						t.Errorf("%s: %s must be a whole directory, or it would not follow changes", name, mount.Name)
					}
					mounted[mount.Name] = mount.MountPath
				}
			}
			for _, volume := range pod.Spec.Volumes {
				volumes[volume.Name] = true
			}
			if diff := cmp.Diff(slices.Sorted(maps.Keys(volumes)), slices.Sorted(maps.Keys(mounted))); diff != "" {
				t.Errorf("%s: volumes (-) and mounts (+) differ:\n%s", name, diff)
			}
			for setting, path := range in.settings.Data {
				isFile := strings.HasSuffix(setting, "_FILE")
				if isFile && filesOf(t, in, pod, s)[path] == "" {
					t.Errorf("%s: %s=%s names a file that no volume has", name, setting, path)
				}
			}
		}
		hasNoSecrets(t, in.settings.Data)
	})
}

// filesOf returns what a pod finds in its volumes.
func filesOf(t *testing.T, in installation, pod corev1.PodTemplateSpec, s store) map[string]string {
	t.Helper()
	files := map[string]string{}
	for _, mount := range pod.Spec.Containers[0].VolumeMounts {
		for _, volume := range pod.Spec.Volumes {
			switch {
			case volume.Name != mount.Name:
			case volume.Secret != nil && volume.Secret.SecretName == in.secrets.Name:
				for key, content := range in.secrets.Data {
					files[mount.MountPath+"/"+key] = string(content)
				}
			case volume.Projected != nil:
				token := volume.Projected.Sources[0].ServiceAccountToken
				if token.Audience != "api://AzureADTokenExchange" {
					t.Errorf("Entra ID refuses a token for %q", token.Audience)
				}
				files[mount.MountPath+"/"+token.Path] = unsignedToken(token.Audience)
			default:
				t.Errorf("nothing is known about the volume %s", volume.Name)
			}
		}
	}
	return files
}

// unsignedToken looks like what Kubernetes projects.
func unsignedToken(audience string) string {
	encode := base64.RawURLEncoding.EncodeToString
	claims, _ := json.Marshal(map[string]any{"aud": []string{audience}, "exp": time.Now().Add(time.Hour).Unix()})
	return encode([]byte(`{"alg":"RS256"}`)) + "." + encode(claims) + "." + encode([]byte("signature"))
}

// Whatever selects pods selects the right ones.
func TestKubernetesSelectors(t *testing.T) {
	t.Parallel()
	forStores(t, func(t *testing.T, _ store, in installation) {
		selectors := map[string]labels.Selector{
			"the deployment": selector(t, in.deployment.Spec.Selector),
			"the service":    labels.SelectorFromSet(in.service.Spec.Selector),
			"the budget":     selector(t, in.budget.Spec.Selector),
			"the spread":     selector(t, in.deployment.Spec.Template.Spec.TopologySpreadConstraints[0].LabelSelector),
		}
		if in.podMonitor != nil {
			selectors["the monitor"] = selector(t, &in.podMonitor.Spec.Selector)
		}
		for what, selects := range selectors {
			for name, pod := range in.pods() {
				if got, want := selects.Matches(labels.Set(pod.Labels)), name == "server"; got != want {
					t.Errorf("%s selects pods of %s: %t, want %t", what, name, got, want)
				}
			}
		}
		for name, pod := range in.pods() {
			isolated := map[networkingv1.PolicyType]bool{}
			for _, p := range in.networkPolicies {
				if selector(t, &p.Spec.PodSelector).Matches(labels.Set(pod.Labels)) {
					for _, direction := range p.Spec.PolicyTypes {
						isolated[direction] = true
					}
				}
			}
			if !isolated[networkingv1.PolicyTypeIngress] || !isolated[networkingv1.PolicyTypeEgress] {
				t.Errorf("no policy limits whom pods of %s talk with: %v", name, isolated)
			}
		}
	})
}

func selector(t *testing.T, s *metav1.LabelSelector) labels.Selector {
	t.Helper()
	selects, err := metav1.LabelSelectorAsSelector(s)
	if err != nil || selects.Empty() {
		t.Fatalf("selector %v: %v", s, err)
	}
	return selects
}

// The ports are those that the server listens on, and the probes, the service and
// the policy know them.
func TestKubernetesPorts(t *testing.T) {
	t.Parallel()
	forStores(t, func(t *testing.T, s store, in installation) {
		server := in.deployment.Spec.Template.Spec.Containers[0]
		ports := map[string]int32{}
		for _, port := range server.Ports {
			ports[port.Name] = port.ContainerPort
		}
		want := map[string]int32{"http": serverPort(t, in.settings.Data)}
		if admin := in.settings.Data["ADMIN_ADDR"]; s.monitored {
			want["admin"] = portOf(t, admin)
			checkMonitored(t, in, want["admin"])
		} else if !strings.HasPrefix(admin, "127.0.0.1:") {
			t.Errorf("operators' port is open to other pods: %s", admin)
		}
		if diff := cmp.Diff(want, ports); diff != "" {
			t.Errorf("the server listens on (-), the container says (+):\n%s", diff)
		}
		for _, test := range []struct {
			kind  string
			probe *corev1.Probe
			path  string
		}{
			{"startup", server.StartupProbe, "/healthz"}, // must not wait for what is only ready later
			{"liveness", server.LivenessProbe, "/healthz"},
			{"readiness", server.ReadinessProbe, "/readyz"},
		} {
			if test.probe == nil || test.probe.HTTPGet == nil {
				t.Errorf("there is no %s probe", test.kind)
			} else if get := test.probe.HTTPGet; get.Path != test.path || get.Port.StrVal != "http" {
				t.Errorf("the %s probe asks for %s on %s", test.kind, get.Path, get.Port.String())
			}
		}
		if got := in.service.Spec.Ports; len(got) != 1 || got[0].TargetPort.StrVal != "http" {
			t.Errorf("the service must publish the API alone: %v", got)
		}
		for _, p := range in.networkPolicies {
			for _, rule := range p.Spec.Ingress {
				port, everybody := rule.Ports[0].Port.IntVal, len(rule.From) == 0
				if len(rule.Ports) != 1 || port == ports["http"] != everybody {
					t.Errorf("%s opens port %d; to everybody: %t", p.Name, port, everybody)
				}
			}
		}
	})
}

// checkMonitored checks that all ways to the metrics lead to the port that has them.
func checkMonitored(t *testing.T, in installation, port int32) {
	t.Helper()
	annotations := in.deployment.Spec.Template.Annotations
	if annotations["prometheus.io/port"] != strconv.Itoa(int(port)) || annotations["prometheus.io/scrape"] != "true" || annotations["prometheus.io/path"] != "/metrics" {
		t.Errorf("annotations %v", annotations)
	}
	endpoints := in.podMonitor.Spec.PodMetricsEndpoints
	if len(endpoints) != 1 || *endpoints[0].Port != "admin" || endpoints[0].Path != "/metrics" {
		t.Errorf("the monitor asks %v", endpoints)
	}
	// The alerts expect the name of the job.
	if job := in.deployment.Spec.Template.Labels[in.podMonitor.Spec.JobLabel]; job != "acs-auth-server" {
		t.Errorf("the job is called %q", job)
	}
}

// Replacing pods, or losing one, interrupts nobody.
func TestKubernetesAvailability(t *testing.T) {
	t.Parallel()
	forStores(t, func(t *testing.T, _ store, in installation) {
		spec := in.deployment.Spec
		if *spec.Replicas < 2 || spec.Strategy.RollingUpdate.MaxUnavailable.IntVal != 0 || in.budget.Spec.MaxUnavailable.IntVal != 1 {
			t.Error("there can be a time without a pod")
		}
		endsInTime(t, in.settings.Data, time.Duration(*spec.Template.Spec.TerminationGracePeriodSeconds)*time.Second)
	})
}

// The server starts with the settings and files that its pods have.
func TestKubernetesServerStarts(t *testing.T) {
	t.Parallel()
	forStores(t, func(t *testing.T, s store, in installation) {
		starts(t, in.settings.Data, filesOf(t, in, in.deployment.Spec.Template, s))
	})
}

// The CronJob has all that its command needs but the database, which is not there: it
// fails in a way that another run could mend.
func TestKubernetesReconcileStarts(t *testing.T) {
	t.Parallel()
	s := kubernetesStores[1]
	in := install(t, s)
	pod := in.reconcile.Spec.JobTemplate.Spec.Template
	c := newContainer(t)
	c.Command, c.Health = pod.Spec.Containers[0].Command, nil
	c.give(t, in.settings.Data, filesOf(t, in, pod, s))
	if got, log := c.run(t); got.Status != 1 || !strings.Contains(log, "the database did not answer") {
		t.Errorf("status %d, want 1:\n%s", got.Status, log)
	}
	c.Env = nil
	if got, log := c.run(t); got.Status != 2 {
		t.Errorf("without settings: status %d, want 2:\n%s", got.Status, log)
	}
}

// What an installation has to decide has no default.
func TestKubernetesBaseDecidesNothing(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(moduleRoot + "/deploy/kubernetes/base/settings.env")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"AZURE_TENANT_ID", "AZURE_CLIENT_ID", "ACS_ENDPOINT", "MAPPING_STORE", "GRAPH_MAPPING_KEYS"} {
		if strings.Contains(string(text), name+"=") {
			t.Errorf("the base decides %s", name)
		}
	}
}

// Overlays that readers make leave their clone clean, and are not committed by mistake.
func TestKubernetesOverlaysOfReaders(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]bool{
		"mine/kustomization.yaml":            true,
		"mine/secrets/graph-mapping-keys":    true,
		"example/kustomization.yaml":         false,
		"example/secrets/graph-mapping-keys": true,
	} {
		file = "deploy/kubernetes/overlays/" + file
		err := exec.CommandContext(t.Context(), "git", "-C", moduleRoot, "check-ignore", "--quiet", "--no-index", file).Run()
		if got := err == nil; got != want {
			t.Errorf("git ignores %s: %t, want %t", file, got, want)
		}
	}
}

// Strictness is worth nothing if it does not work.
func TestKubernetesDecoderIsStrict(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"{apiVersion: apps/v1, kind: Deployment, spec: {replica: 2}}",
		"{apiVersion: apps/v1, kind: Deployment, spec: {Replicas: 2}}",
		"{apiVersion: apps/v1, kind: Deployment, spec: {replicas: two}}",
		"{apiVersion: apps/v1, kind: Deployment, spec: {replicas: 2, replicas: 3}}",
		"{apiVersion: apps/v1beta9, kind: Deployment, spec: {replicas: 2}}",
	} {
		if _, _, err := strictDecoder(t).Decode([]byte(text), nil, nil); err == nil {
			t.Errorf("%s is accepted", text)
		}
	}
}
