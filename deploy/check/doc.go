// Package check holds no code: its tests check what this repository is deployed
// with, as far as that is possible without a container engine, a cluster and a
// subscription. They know the API types of Kubernetes, Compose and Azure, so they
// have a module of their own.
//
//   - image_test.go: the Dockerfile's programs are built as it says, and run the way
//     a container engine would run them.
//   - compose_test.go, kubernetes_test.go: what the files say in the end, decoded
//     strictly, and whether the server starts with it.
//   - arm_test.go: the template for Azure, evaluated by arm_expression_test.go.
//   - …_rules_test.go, kubernetes_network_test.go: what must hold between parts of a file,
//     and between them and the rest of the repository.
//   - release_test.go, workflow_test.go: how a release is built, and who may publish it.
//   - expressions_test.go, alerts_test.go, dashboard_test.go, documented_test.go: what
//     Prometheus and Grafana are given, compared with what a server serves
//     (served_test.go).
//
// To run the programs in a file system and a network of their own, the tests need
// Linux, and root or sudo without a password.
package check
