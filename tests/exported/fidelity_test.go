package exported_test

import (
	"encoding/json"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/berth-iac/berth/engine/redact"
	"github.com/berth-iac/berth/localcloud/catalogue"
	"github.com/berth-iac/berth/tests/fidelity"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// What the real provider was recorded to do with resources that hold secrets, the embedded cloud says of their redacted states
// too: no case comes out otherwise because a fingerprint stands where a secret was. Other resources are the same with and
// without secrets.
func TestRedactedStatesChangeNoVerdictOnRecordedCases(t *testing.T) {
	bases, err := fidelity.ReadBases("../fidelity/testdata")
	if err != nil {
		t.Fatal(err)
	}
	cases, err := fidelity.ReadRecorded(filepath.Join("..", "fidelity", "testdata", "recorded"))
	if err != nil {
		t.Fatal(err)
	}
	var plain, redacted []*fidelity.Base
	of := map[string]bool{}
	for _, b := range bases {
		shape, _, err := catalogue.Embedded().Type(b.Type)
		if err != nil {
			t.Fatal(err)
		}
		inputs := maps.Clone(b.Inputs)
		for name, value := range b.Inputs {
			property := shape.Inputs[string(name)]
			if property != nil && property.Secret && value.IsString() && value.StringValue() != "" {
				inputs[name] = resource.NewProperty(fingerprintOf(t, value.StringValue()))
			}
		}
		if !reflect.DeepEqual(inputs, b.Inputs) {
			other := *b
			other.Inputs = inputs
			plain, redacted, of[b.Type+" "+b.Name] = append(plain, b), append(redacted, &other), true
		}
	}
	cases = slices.DeleteFunc(cases, func(c fidelity.Case) bool { return !of[c.Type+" "+c.Base] })
	if len(cases) == 0 {
		t.Fatal("no recorded case has a secret")
	}
	with, err := fidelity.Compare(t.Context(), t.TempDir(), plain, cases)
	if err != nil {
		t.Fatal(err)
	}
	without, err := fidelity.Compare(t.Context(), t.TempDir(), redacted, cases)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d resources with secrets, %d recorded cases, %d verdicts", len(plain), len(cases), len(with))
	if len(with) != len(without) {
		t.Fatalf("%d verdicts with secrets, %d without", len(with), len(without))
	}
	for i, f := range with {
		if without[i] != f {
			t.Errorf("%s (%s): %q with the secret, %q without; the real provider said %q", f.Key(), f.Base, f.Embedded, without[i].Embedded, f.Real)
		}
	}
}

// fingerprintOf is what stands for a secret in a redacted state.
func fingerprintOf(t *testing.T, secret string) string {
	t.Helper()
	quoted, err := json.Marshal(secret)
	if err != nil {
		t.Fatal(err)
	}
	state, err := json.Marshal(map[string]any{"resources": []any{map[string]any{"urn": "urn:a", "type": "aws:x:Y", "inputs": map[string]any{
		"s": map[string]any{"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "plaintext": string(quoted)}}}}})
	if err != nil {
		t.Fatal(err)
	}
	export, err := redact.Make(redact.Input{Project: "berth", Stack: "any", State: apitype.UntypedDeployment{Version: 3, Deployment: state},
		Config: map[string]redact.Configured{"berth:s": {Ciphertext: "c", Value: secret}}})
	if err != nil {
		t.Fatal(err)
	}
	return export.Secrets["berth:s"].Fingerprint
}
