package graph_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/berth-iac/berth/promises/graph"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const keyType, queueType = "aws:kms/key:Key", "aws:sqs/queue:Queue"

type custom struct{ pulumi.CustomResourceState }

type component struct{ pulumi.ResourceState }

// program is a component with a key and a queue that uses it, through a provider of its own.
func program(ctx *pulumi.Context) error {
	var provider pulumi.ProviderResourceState
	if err := ctx.RegisterResource("pulumi:providers:aws", "london", pulumi.Map{"region": pulumi.String("eu-west-2")}, &provider); err != nil {
		return err
	}
	var group component
	if err := ctx.RegisterComponentResource("berth:test:Mail", "mail", &group); err != nil {
		return err
	}
	var key, queue custom
	if err := ctx.RegisterResource(keyType, "mail-key", pulumi.Map{"enableKeyRotation": pulumi.Bool(true), "policy": pulumi.String("[]")}, &key,
		pulumi.Parent(&group), pulumi.Protect(true)); err != nil {
		return err
	}
	return ctx.RegisterResource(queueType, "mail-queue", pulumi.Map{
		"kmsMasterKeyId": key.ID(), "days": pulumi.Int(14), "password": pulumi.ToSecret(pulumi.String("hunter2")),
		"rules": pulumi.Array{pulumi.Map{"port": pulumi.Int(22), "from": pulumi.StringArray{pulumi.String("a"), pulumi.String("b")}},
			pulumi.Map{"port": pulumi.Int(443), "from": pulumi.StringArray{pulumi.String("c")}}},
	}, &queue, pulumi.Parent(&group), pulumi.IgnoreChanges([]string{"days"}))
}

func record(t *testing.T, unknown bool) *graph.Graph {
	t.Helper()
	g, err := graph.Record(t.Context(), program, graph.Recording{Project: "berth", Stack: "test", Unknown: unknown})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestRecord(t *testing.T) {
	g := record(t, false)
	key, queue := g.Named("mail-key"), g.Named("mail-queue", queueType)
	if len(g.Clouds()) != 2 || key == nil || queue == nil {
		t.Fatalf("%d resources of a cloud, want the key and the queue", len(g.Clouds()))
	}
	if queue.Ref("kmsMasterKeyId", keyType) != key || queue.Ref("kmsMasterKeyId", queueType) != nil || queue.Ref("password") != nil {
		t.Error("the queue names the key, and nothing else")
	}
	if got := key.Referrers("kmsMasterKeyId", queueType); len(got) != 1 || got[0] != queue {
		t.Errorf("the key is named by %v", got)
	}
	if !key.Protect || queue.Protect || !slices.Equal(queue.IgnoreChanges, []string{"days"}) {
		t.Error("options are lost")
	}
	if !slices.Equal(queue.Components(), []string{"mail"}) || queue.Service() != "sqs" {
		t.Errorf("components %v, service %q", queue.Components(), queue.Service())
	}
	if text, err := json.Marshal(g); err != nil || strings.Contains(string(text), "hunter2") {
		t.Errorf("the secret is in the graph (%v)", err)
	}
	if queue.Text("password") != graph.Secret {
		t.Errorf("password = %q", queue.Text("password"))
	}
	if record(t, true).Named("mail-queue").Text("kmsMasterKeyId") != graph.Unknown {
		t.Error("in a preview of a new stack the key's id is unknown")
	}
}

func TestValues(t *testing.T) {
	q := record(t, false).Named("mail-queue")
	if n, ok := q.Number("days"); !ok || n != 14 {
		t.Errorf("days = %v", n)
	}
	if n, ok := q.Number("rules.1.port"); !ok || n != 443 {
		t.Errorf("rules.1.port = %v", n)
	}
	if _, ok := q.Number("none"); ok || q.Has("rules.7.port") || q.Has("days.more") || q.Bool("days") {
		t.Error("what is not there is there")
	}
	if got := q.Texts("rules.*.from"); !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Errorf("rules.*.from = %v", got)
	}
	if got := q.Texts("rules.*.port"); !slices.Equal(got, []string{"22", "443"}) {
		t.Errorf("rules.*.port = %v", got)
	}
	items := q.Items("rules")
	if len(items) != 2 || items[1].Text("port") != "443" || !slices.Equal(items[0].Texts("from"), []string{"a", "b"}) || items[1].Path != "rules.1" {
		t.Errorf("items %+v", items)
	}
}

func TestTraced(t *testing.T) {
	var read []string
	g := record(t, false).Traced(func(typeToken, path string) { read = append(read, typeToken+" "+path) })
	q := g.Named("mail-queue")
	q.Bool("fifo")
	for _, rule := range q.Items("rules") {
		rule.Text("port")
	}
	want := []string{queueType + " fifo", queueType + " rules", queueType + " rules.0.port", queueType + " rules.1.port"}
	if !slices.Equal(read, want) {
		t.Errorf("read %v\nwant %v", read, want)
	}
}

func TestJSONRoundTrip(t *testing.T) {
	g := record(t, false)
	text, err := json.Marshal(g)
	if err != nil {
		t.Fatal(err)
	}
	var again graph.Graph
	if err := json.Unmarshal(text, &again); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(g.Resources, again.Resources, cmpopts.IgnoreUnexported(graph.Resource{}), cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
	if again.Named("mail-queue").Ref("kmsMasterKeyId", keyType) == nil {
		t.Error("links are lost")
	}
}

func TestFromState(t *testing.T) {
	urn := func(kind, name string) resource.URN {
		return resource.URN("urn:pulumi:test::berth::" + kind + "::" + name)
	}
	london := urn("pulumi:providers:aws", "london")
	secret := map[string]any{resource.SigKey: resource.SecretSig, "plaintext": `"hunter2"`}
	g := graph.FromState([]apitype.ResourceV3{
		{URN: london, Type: "pulumi:providers:aws", Custom: true, ID: "7", Inputs: map[string]any{"region": "eu-west-2"}},
		{URN: urn(keyType, "key"), Type: keyType, Custom: true, ID: "1234", Outputs: map[string]any{"arn": "arn:aws:kms:::key/1234"}, Protect: true, Provider: string(london) + "::7"},
		{URN: urn(queueType, "queue"), Type: queueType, Custom: true, ID: "q", Inputs: map[string]any{"kmsMasterKeyId": "arn:aws:kms:::key/1234", "password": secret}},
		{URN: urn("berth:test:Group", "group"), Type: "berth:test:Group", Outputs: map[string]any{"arn": "arn:aws:kms:::key/1234"}},
		{URN: urn(queueType, "old"), Type: queueType, Custom: true, ID: "o", Delete: true},
	})
	if g.Named("old") != nil {
		t.Error("what waits for its deletion counts")
	}
	key, queue := g.Named("key"), g.Named("queue")
	if g.Named("group").Goes("arn:aws:kms:::key/1234") {
		t.Error("a component goes by its child's name")
	}
	if queue.Ref("kmsMasterKeyId", keyType) != key || !key.Protect || key.Region() != "eu-west-2" || queue.Region() != "" {
		t.Errorf("key %+v", key)
	}
	if queue.Text("password") != graph.Secret {
		t.Errorf("password = %v", queue.At("password"))
	}
}

func TestResolveDoesNotGuess(t *testing.T) {
	twin := func(name string) *graph.Resource {
		return &graph.Resource{Type: queueType, Name: name, URN: "urn::" + name, ID: "same"}
	}
	if got := graph.New([]*graph.Resource{twin("a"), twin("b")}).Resolve("same"); got != nil {
		t.Errorf("one of two of the same id is taken: %s", got.Name)
	}
}
