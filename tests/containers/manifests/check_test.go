package manifests

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const compose = "../../../compose/"

// What a user's .env says.
var variables = []string{"POSTGRES_PASSWORD=secret", "GRAFANA_PASSWORD=secret",
	"OWN_POSTGRES=postgresql://a/b", "OWN_MONGO=mongodb://a/b"}

var scenarios = []string{"e2e-latency", "baseline", "stress", "spike", "soak", "mixed", "capacity"}

func TestEachScenarioIsAProfile(t *testing.T) {
	for _, name := range scenarios {
		project, err := Compose([]string{name}, variables, compose+"compose.yaml")
		if err != nil {
			t.Fatal(err)
		}
		service, err := project.GetService(name)
		if err != nil {
			t.Fatal(err)
		}
		if service.Command[1] != "scenarios/"+name+".toml" {
			t.Errorf("%s runs %v", name, service.Command)
		}
		if _, err := os.Stat("../../../" + service.Command[1]); err != nil {
			t.Error(err)
		}
	}
}

func TestEveryServiceIsPinnedAndLimited(t *testing.T) {
	project, err := Compose([]string{"*"}, variables, compose+"compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for name, service := range project.Services {
		tag := service.Image[strings.LastIndex(service.Image, ":")+1:]
		if !strings.Contains(service.Image, ":") || tag == "latest" || !strings.ContainsAny(tag, "0123456789") {
			t.Errorf("%s: %s names no version", name, service.Image)
		}
		if service.Deploy == nil || service.Deploy.Resources.Limits == nil ||
			service.Deploy.Resources.Limits.MemoryBytes == 0 {
			t.Errorf("%s has no limit of memory", name)
		}
		for _, volume := range service.Volumes {
			if volume.Type == "bind" {
				if _, err := os.Stat(volume.Source); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		}
	}
}

func TestAPasswordThatIsMissingIsAnError(t *testing.T) {
	if _, err := Compose([]string{"*"}, nil, compose+"compose.yaml"); err == nil ||
		!strings.Contains(err.Error(), "PASSWORD") {
		t.Errorf("loaded without a password: %v", err)
	}
}

func TestBesideAPipelineOfOnesOwnOnlyOursAreLeft(t *testing.T) {
	project, err := Compose([]string{"writer"}, variables, compose+"compose.yaml", compose+"compose.own-pipeline.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range project.ServiceNames() {
		if name != "writer" && name != "observer" {
			t.Errorf("%s would be started too", name)
		}
	}
	writer := project.Services["writer"]
	if got := writer.GetDependencies(); len(got) != 1 || got[0] != "observer" {
		t.Errorf("the writer waits for %v", got)
	}
	if got := writer.Environment["STREAMGAUGE_POSTGRES"]; got == nil || *got != "postgresql://a/b" {
		t.Error("the writer has not the user's PostgreSQL")
	}
}

func TestAWrongFieldOfComposeIsAnError(t *testing.T) {
	text, err := os.ReadFile(compose + "compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for right, wrong := range map[string]string{"stop_grace_period": "stop_grace_time", "service_healthy": "service_well"} {
		file := filepath.Join(t.TempDir(), "compose.yaml")
		changed := strings.Replace(string(text), right, wrong, 1)
		if changed == string(text) {
			t.Fatalf("no %s to change", right)
		}
		if err := os.WriteFile(file, []byte(changed), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Compose([]string{"*"}, variables, file); err == nil {
			t.Errorf("%s passes", wrong)
		}
	}
}

func TestKubernetesFilesAreTheApis(t *testing.T) {
	files, err := filepath.Glob(compose + "kubernetes/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		kinds, err := Kubernetes(text)
		if err != nil {
			t.Errorf("%s: %v", file, err)
		}
		t.Log(filepath.Base(file), kinds)
	}
}

func TestAWrongFieldOfKubernetesIsAnError(t *testing.T) {
	for file, change := range map[string][2]string{
		"writer.yaml":         {"completionMode:", "completionsMode:"},
		"observer.yaml":       {"replicas: 1", "replicas: one"},
		"servicemonitor.yaml": {"interval:", "every:"},
	} {
		text, err := os.ReadFile(compose + "kubernetes/" + file)
		if err != nil {
			t.Fatal(err)
		}
		changed := strings.Replace(string(text), change[0], change[1], 1)
		if changed == string(text) {
			t.Fatalf("%s has no %s", file, change[0])
		}
		if _, err := Kubernetes([]byte(changed)); err == nil {
			t.Errorf("%s with %s passes", file, change[1])
		}
	}
}
