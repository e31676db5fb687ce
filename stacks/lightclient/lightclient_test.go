package lightclient_test

import (
	"strings"
	"testing"

	"github.com/berth-iac/berth/components/graphtest"
	"github.com/berth-iac/berth/spec"
	"github.com/berth-iac/berth/stacks/lightclient"
	"github.com/berth-iac/berth/stacks/secrets"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// reference is the reference client, changed by edit.
func reference(t *testing.T, edit func(*spec.LightClient)) *spec.LightClient {
	t.Helper()
	return graphtest.Reference(t, "hooli", func(s *spec.Spec) *spec.LightClient { return s.LightClient }, edit)
}

func program(s *spec.LightClient) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error { return lightclient.Program(ctx, s, secrets.Invented()) }
}

func TestProgram(t *testing.T) {
	for name, edit := range map[string]func(*spec.LightClient){
		"reference": nil,
		"staging":   func(s *spec.LightClient) { s.Environment = spec.Staging },
	} {
		t.Run(name, func(t *testing.T) { graphtest.Outline(t, program(reference(t, edit))) })
	}
}

func TestNothingIsOpenToEveryone(t *testing.T) {
	resources, err := graphtest.Run(graphtest.Update, program(reference(t, nil)))
	if err != nil {
		t.Fatal(err)
	}
	ports := graphtest.Find(t, resources, "aws:lightsail/instancePublicPorts:InstancePublicPorts", "light-ports").Inputs["portInfos"].([]any)
	for _, p := range ports {
		info := p.(map[string]any)
		for _, r := range info["cidrs"].([]any) {
			if r == "0.0.0.0/0" {
				t.Errorf("port %v is open to everyone", info["fromPort"])
			}
		}
		if info["fromPort"] == 22.0 && (len(info["cidrs"].([]any)) != 1 || info["cidrs"].([]any)[0] != "203.0.113.16/29") {
			t.Errorf("SSH is open to %v, want the office alone", info["cidrs"])
		}
	}
	if len(ports) != 2 {
		t.Errorf("%d ports are open, want SSH and HTTPS", len(ports))
	}
	database := graphtest.Find(t, resources, "aws:lightsail/database:Database", "light-database").Inputs
	for key, want := range map[string]any{"publiclyAccessible": false, "backupRetentionEnabled": true, "skipFinalSnapshot": false, "applyImmediately": false} {
		if database[key] != want {
			t.Errorf("%s = %v, want %v", key, database[key], want)
		}
	}
	if password := database["masterPassword"]; !strings.HasPrefix(password.(string), "<secret>") {
		t.Error("the database's password is no secret")
	}
}

func TestOneFirstContactAndAServerThatIsReplaced(t *testing.T) {
	met := func(typeToken, name string, _ resource.PropertyMap) map[string]any {
		if typeToken == "machine:index:Bundle" {
			return map[string]any{"hostKey": "met by " + name}
		}
		return nil
	}
	resources, err := graphtest.Run(graphtest.Update, program(reference(t, nil)), met)
	if err != nil {
		t.Fatal(err)
	}
	connection := func(name string) map[string]any {
		return graphtest.Find(t, resources, "machine:index:Bundle", name).Inputs["connection"].(map[string]any)
	}
	host, client := connection("host"), connection("client")
	if host["hostKey"] != "" || client["hostKey"] != "met by host" {
		t.Errorf("host keys %v and %v: the client's secrets go to whoever answers", host["hostKey"], client["hostKey"])
	}
	if arn, _ := host["instance"].(string); !strings.HasPrefix(arn, "arn:") || host["instance"] != client["instance"] {
		t.Errorf("instances %v and %v: name and address outlive the server", host["instance"], client["instance"])
	}
}
