// Package manifests checks the files of compose/ against the schemas that Compose and Kubernetes publish.
package manifests

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	apps "k8s.io/api/apps/v1"
	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// Compose loads compose files as Docker Compose does: schema, interpolation, merge, and that every service, volume,
// network and secret that is named exists. The variables are all there are.
func Compose(profiles, variables []string, files ...string) (*types.Project, error) {
	options, err := cli.NewProjectOptions(files, cli.WithEnv(variables), cli.WithProfiles(profiles),
		cli.WithName("streamgauge"))
	if err != nil {
		return nil, err
	}
	return options.LoadProject(context.Background())
}

// Kubernetes decodes every document of a file into the API's own type, strictly: an unknown field, a field twice, or a
// value of another type is an error. Returns the kinds in order.
func Kubernetes(file []byte) ([]string, error) {
	var kinds []string
	for _, document := range strings.Split(string(file), "\n---\n") {
		var head struct{ APIVersion, Kind string }
		if err := yaml.Unmarshal([]byte(document), &head); err != nil {
			return nil, err
		}
		var into any
		switch head.APIVersion + " " + head.Kind {
		case "v1 PersistentVolumeClaim":
			into = new(core.PersistentVolumeClaim)
		case "v1 Service":
			into = new(core.Service)
		case "apps/v1 Deployment":
			into = new(apps.Deployment)
		case "batch/v1 Job":
			into = new(batch.Job)
		case "monitoring.coreos.com/v1 ServiceMonitor":
			into = new(monitoring.ServiceMonitor)
		default:
			return nil, fmt.Errorf("%q %q is not known here: add its type", head.APIVersion, head.Kind)
		}
		if err := yaml.UnmarshalStrict(bytes.TrimSpace([]byte(document)), into); err != nil {
			return nil, fmt.Errorf("%s: %w", head.Kind, err)
		}
		kinds = append(kinds, head.Kind)
	}
	return kinds, nil
}
