package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	pb "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/vendored/tfplugin5"
	"google.golang.org/grpc"
)

// testTokens is a table of one resource and one function, served by cloud.
const testTokens = "kms/Key aws_kms_key\nindex/getRegion aws_region"

// keyType is the Terraform type of the resource.
var keyType = tftypes.Object{AttributeTypes: map[string]tftypes.Type{
	"id": tftypes.String, "arn": tftypes.String, "key_name": tftypes.String, "enabled": tftypes.Bool,
	"users": tftypes.List{ElementType: tftypes.String},
}}

// cloud is a Terraform provider of one resource type.
type cloud struct {
	pb.ProviderClient
	refuse string // what an apply is answered with, after the resource is made
	lose   string // a field that comes back empty
	sent   []map[string]tftypes.Value
}

func testSchema() *pb.GetProviderSchema_Response {
	text, flag, list := []byte(`"string"`), []byte(`"bool"`), []byte(`["list","string"]`)
	return &pb.GetProviderSchema_Response{
		Provider: &pb.Schema{Block: &pb.Schema_Block{Attributes: []*pb.Schema_Attribute{
			{Name: "region", Type: text, Optional: true}, {Name: "allowed_account_ids", Type: []byte(`["set","string"]`), Optional: true},
		}}},
		ResourceSchemas: map[string]*pb.Schema{"aws_kms_key": {Block: &pb.Schema_Block{Attributes: []*pb.Schema_Attribute{
			{Name: "id", Type: text, Computed: true}, {Name: "arn", Type: text, Computed: true},
			{Name: "key_name", Type: text, Required: true}, {Name: "enabled", Type: flag, Optional: true},
			{Name: "users", Type: list, Optional: true, Computed: true},
		}}}},
		DataSourceSchemas: map[string]*pb.Schema{"aws_region": {Block: &pb.Schema_Block{Attributes: []*pb.Schema_Attribute{
			{Name: "name", Type: text, Computed: true},
		}}}},
	}
}

func (c *cloud) Configure(context.Context, *pb.Configure_Request, ...grpc.CallOption) (*pb.Configure_Response, error) {
	return &pb.Configure_Response{}, nil
}

func (c *cloud) ApplyResourceChange(
	_ context.Context, q *pb.ApplyResourceChange_Request, _ ...grpc.CallOption,
) (*pb.ApplyResourceChange_Response, error) {
	planned, err := dynIn(q.PlannedState).Unmarshal(keyType)
	if err != nil {
		return nil, err
	}
	if planned.IsNull() {
		prior, err := dynIn(q.PriorState).Unmarshal(keyType)
		if err != nil {
			return nil, err
		}
		fields, err := fieldsOf(prior)
		fields["deleted"] = tftypes.NewValue(tftypes.Bool, true)
		c.sent = append(c.sent, fields)
		return &pb.ApplyResourceChange_Response{NewState: q.PlannedState}, err
	}
	fields, err := fieldsOf(planned)
	if err != nil {
		return nil, err
	}
	c.sent = append(c.sent, fields)
	made := map[string]tftypes.Value{}
	for k, v := range fields {
		made[k] = v
		if !v.IsKnown() {
			made[k] = tftypes.NewValue(v.Type(), nil)
		}
	}
	made["id"] = tftypes.NewValue(tftypes.String, "real")
	if c.lose != "" {
		made[c.lose] = tftypes.NewValue(made[c.lose].Type(), nil)
	}
	state, err := encoded(keyType, tftypes.NewValue(keyType, made))
	a := &pb.ApplyResourceChange_Response{NewState: dynOut(state)}
	if flag := false; c.refuse != "" {
		if _ = fields["enabled"].As(&flag); flag {
			a.Diagnostics = []*pb.Diagnostic{{Severity: pb.Diagnostic_ERROR, Summary: c.refuse}}
		}
	}
	return a, err
}

func (c *cloud) ReadResource(_ context.Context, q *pb.ReadResource_Request, _ ...grpc.CallOption) (*pb.ReadResource_Response, error) {
	state, err := dynIn(q.CurrentState).Unmarshal(keyType)
	if err != nil {
		return nil, err
	}
	if c.lose != "" {
		if state, err = withField(state, c.lose, tftypes.NewValue(keyType.AttributeTypes[c.lose], nil)); err != nil {
			return nil, err
		}
	}
	raw, err := encoded(keyType, state)
	return &pb.ReadResource_Response{NewState: dynOut(raw)}, err
}

func newServer(t *testing.T, c *cloud, gaps string) (*gapServer, *bytes.Buffer) {
	t.Helper()
	ready := make(chan struct{})
	close(ready)
	s := &gapServer{tfServer: &tfServer{proc: &tfProcess{ready: ready, client: c}, schema: testSchema()}}
	set, err := decode(t, gaps)
	if err != nil {
		t.Fatal(err)
	}
	var lines bytes.Buffer
	if err := s.use(t.Context(), set, true, &report{w: &lines}); err != nil {
		t.Fatal(err)
	}
	config := tftypes.NewValue(tftypes.Object{AttributeTypes: map[string]tftypes.Type{
		"region": tftypes.String, "allowed_account_ids": tftypes.Set{ElementType: tftypes.String},
	}}, map[string]tftypes.Value{
		"region": tftypes.NewValue(tftypes.String, "eu-west-2"),
		"allowed_account_ids": tftypes.NewValue(tftypes.Set{ElementType: tftypes.String}, []tftypes.Value{
			tftypes.NewValue(tftypes.String, "111122223333")}),
	})
	raw, err := encoded(config.Type(), config)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.ConfigureProvider(t.Context(), &tfprotov6.ConfigureProviderRequest{Config: raw}); err != nil {
		t.Fatal(err)
	}
	return s, &lines
}

func decode(t *testing.T, gaps string) (gapSet, error) {
	t.Helper()
	table, err := parseTables(testTokens)
	if err != nil {
		t.Fatal(err)
	}
	info, err := describe(t.Context(), &tfServer{schema: testSchema()}, table)
	if err != nil {
		t.Fatal(err)
	}
	return decodeGaps("gaps.yaml", []byte(gaps), table, info)
}

// key is a value of the resource: nil stands for unknown.
func key(enabled bool, id any) tftypes.Value {
	of := func(v any) tftypes.Value {
		if v == nil {
			v = tftypes.UnknownValue
		}
		return tftypes.NewValue(tftypes.String, v)
	}
	users := tftypes.NewValue(tftypes.List{ElementType: tftypes.String}, tftypes.UnknownValue)
	return tftypes.NewValue(keyType, map[string]tftypes.Value{"id": of(id), "arn": of(id), "key_name": of("main"),
		"enabled": tftypes.NewValue(tftypes.Bool, enabled), "users": users})
}

func apply(t *testing.T, s *gapServer, prior, planned tftypes.Value) tftypes.Value {
	t.Helper()
	q := &tfprotov6.ApplyResourceChangeRequest{TypeName: "aws_kms_key"}
	for to, v := range map[**tfprotov6.DynamicValue]tftypes.Value{&q.PriorState: prior, &q.PlannedState: planned, &q.Config: planned} {
		raw, err := encoded(keyType, v)
		if err != nil {
			t.Fatal(err)
		}
		*to = raw
	}
	a, err := s.ApplyResourceChange(context.WithValue(t.Context(), urnKey{}, "urn:key"), q)
	if err != nil {
		t.Fatal(err)
	}
	if text := errorText(a.Diagnostics); text != "" {
		t.Fatal(text)
	}
	state, err := a.NewState.Unmarshal(keyType)
	if err != nil {
		t.Fatal(err)
	}
	return state
}

func text(t *testing.T, v tftypes.Value, field string) string {
	t.Helper()
	f, err := fieldOf(v, field)
	if err != nil {
		t.Fatal(err)
	}
	var s string
	if err := f.As(&s); err != nil {
		t.Fatal(err)
	}
	return s
}

func outcomes(t *testing.T, lines *bytes.Buffer) []string {
	t.Helper()
	var out []string
	for _, l := range strings.Split(strings.TrimSpace(lines.String()), "\n") {
		var got tried
		if err := json.Unmarshal([]byte(l), &got); err != nil {
			t.Fatalf("%q: %v", l, err)
		}
		if got.URN != "urn:key" || got.Token != "aws:kms/key:Key" || got.Lacks == "" {
			t.Errorf("incomplete line %s", l)
		}
		out = append(out, got.Operation+" "+got.Outcome)
	}
	return out
}

func none() tftypes.Value { return tftypes.NewValue(keyType, nil) }

func TestStandIn(t *testing.T) {
	c := &cloud{refuse: "CreateKey: 500 after 2 attempts"}
	s, lines := newServer(t, c, `
aws:kms/key:Key:
  - lacks: CreateKey
    answer: "CreateKey: … attempts"
    do: stand-in
    values: {id: "${keyName}-${hex 4}", arn: "arn:aws:kms:${region}:${account}:key/${id}"}
`)
	made := apply(t, s, none(), key(true, nil))
	if got := outcomes(t, lines); len(got) != 1 || got[0] != "create open" {
		t.Errorf("outcomes = %v", got)
	}
	if len(c.sent) != 2 || c.sent[1]["deleted"].IsNull() {
		t.Errorf("sent %v, want a trial and its deletion", c.sent)
	}
	id, arn := text(t, made, "id"), text(t, made, "arn")
	if !strings.HasPrefix(id, "main-") || len(id) != 9 || arn != "arn:aws:kms:eu-west-2:111122223333:key/"+id {
		t.Errorf("id = %q, arn = %q", id, arn)
	}
	if !made.IsFullyKnown() {
		t.Errorf("%s is not fully known", made)
	}
	// An update keeps what was made up, and neither it nor a read or a deletion is sent.
	if updated := apply(t, s, made, key(false, nil)); text(t, updated, "arn") != arn {
		t.Errorf("an update changes %s to %s", arn, text(t, updated, "arn"))
	}
	raw, err := encoded(keyType, made)
	if err != nil {
		t.Fatal(err)
	}
	read, err := s.ReadResource(t.Context(), &tfprotov6.ReadResourceRequest{TypeName: "aws_kms_key", CurrentState: raw})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := read.NewState.Unmarshal(keyType); err != nil || !got.Equal(made) {
		t.Errorf("read %s, %v", got, err)
	}
	if gone := apply(t, s, made, none()); !gone.IsNull() {
		t.Errorf("deleted, %s is left", gone)
	}
	if len(c.sent) != 2 {
		t.Errorf("%d calls, want the trial's two", len(c.sent))
	}
}

func TestTrialOfWhatIsNotLacking(t *testing.T) {
	s, lines := newServer(t, &cloud{}, "aws:kms/key:Key:\n- {lacks: CreateKey, answer: no, do: stand-in}\n")
	apply(t, s, none(), key(true, nil))
	if got := outcomes(t, lines); len(got) != 1 || got[0] != "create closed" {
		t.Errorf("outcomes = %v", got)
	}
	s, lines = newServer(t, &cloud{refuse: "another answer"}, "aws:kms/key:Key:\n- {lacks: CreateKey, answer: no such, do: stand-in}\n")
	apply(t, s, none(), key(true, nil))
	if got := outcomes(t, lines); len(got) != 1 || got[0] != "create other" {
		t.Errorf("outcomes = %v", got)
	}
	c := &cloud{refuse: "no such"}
	s, lines = newServer(t, c, "aws:kms/key:Key:\n- {lacks: CreateKey, answer: no such, do: stand-in, costly: true}\n")
	apply(t, s, none(), key(true, nil))
	if lines.Len() != 0 || len(c.sent) != 0 {
		t.Errorf("a costly gap was tried: %s", lines)
	}
}

func TestKeep(t *testing.T) {
	s, lines := newServer(t, &cloud{lose: "enabled"}, "aws:kms/key:Key:\n- {lacks: Enabled, answer: empty, do: keep, properties: [enabled]}\n")
	made := apply(t, s, none(), key(true, nil))
	if got, err := fieldOf(made, "enabled"); err != nil || !got.Equal(tftypes.NewValue(tftypes.Bool, true)) {
		t.Errorf("enabled = %s, %v", got, err)
	}
	if id := text(t, made, "id"); id != "real" {
		t.Errorf("id = %q, want the provider's", id)
	}
	raw, err := encoded(keyType, made)
	if err != nil {
		t.Fatal(err)
	}
	read, err := s.ReadResource(context.WithValue(t.Context(), urnKey{}, "urn:key"),
		&tfprotov6.ReadResourceRequest{TypeName: "aws_kms_key", CurrentState: raw})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := read.NewState.Unmarshal(keyType); err != nil || !got.Equal(made) {
		t.Errorf("read %s, %v", got, err)
	}
	if got := outcomes(t, lines); len(got) != 2 || got[0] != "create open" || got[1] != "read open" {
		t.Errorf("outcomes = %v", got)
	}
}

func TestSend(t *testing.T) {
	c := &cloud{refuse: "Enable: 500"}
	s, lines := newServer(t, c, "aws:kms/key:Key:\n- {lacks: Enable, answer: Enable, do: send, properties: {enabled: false}}\n")
	made := apply(t, s, none(), key(true, nil))
	if got, err := fieldOf(made, "enabled"); err != nil || !got.Equal(tftypes.NewValue(tftypes.Bool, true)) {
		t.Errorf("enabled = %s, %v, want the program's", got, err)
	}
	if got := outcomes(t, lines); len(got) != 1 || got[0] != "create open" {
		t.Errorf("outcomes = %v", got)
	}
	if last := c.sent[len(c.sent)-1]; !last["enabled"].Equal(tftypes.NewValue(tftypes.Bool, false)) {
		t.Errorf("sent %v", last)
	}
}

func TestSendOnDeletion(t *testing.T) {
	c := &cloud{}
	s, _ := newServer(t, c, "aws:kms/key:Key:\n- {lacks: a, answer: b, do: send, on: delete, costly: true, properties: {enabled: false, id: '${keyName}'}}\n")
	made := apply(t, s, none(), key(true, nil))
	if !c.sent[0]["enabled"].Equal(tftypes.NewValue(tftypes.Bool, true)) {
		t.Errorf("created with %v", c.sent[0])
	}
	apply(t, s, made, none())
	if !c.sent[1]["enabled"].Equal(tftypes.NewValue(tftypes.Bool, false)) {
		t.Errorf("deleted with %v", c.sent[1])
	}
	if got := tftypes.NewValue(tftypes.String, "main"); !c.sent[1]["id"].Equal(got) {
		t.Errorf("deleted with %v", c.sent[1])
	}
}

func TestWhere(t *testing.T) {
	const gaps = "aws:kms/key:Key:\n- {lacks: CreateKey, answer: b, where: {keyName: %q}, do: stand-in, costly: true}\n"
	for pattern, sent := range map[string]int{"ma…n": 0, "second": 1} {
		c := &cloud{}
		s, _ := newServer(t, c, fmt.Sprintf(gaps, pattern))
		if apply(t, s, none(), key(true, nil)); len(c.sent) != sent {
			t.Errorf("where the name is like %s: %d calls, want %d", pattern, len(c.sent), sent)
		}
	}
}

func TestLeave(t *testing.T) {
	c := &cloud{}
	s, lines := newServer(t, c, "aws:kms/key:Key:\n- {lacks: DeleteKey, answer: b, do: leave}\n")
	made := apply(t, s, none(), key(true, nil))
	if gone := apply(t, s, made, none()); !gone.IsNull() {
		t.Errorf("%s is left in the state", gone)
	}
	if got := outcomes(t, lines); len(got) != 1 || got[0] != "delete closed" {
		t.Errorf("outcomes = %v", got)
	}
}

func TestGapsFileIsStrict(t *testing.T) {
	_, err := decode(t, `
aws:kms/key:Key:
  - lacks: a
    answer: b
    do: perhaps
  - lacks: a
    do: keep
    properties: [colour]
  - lacks: a
    answer: b
    do: send
    properties: {enabled: 1, size: 2}
    price: 3
  - {lacks: a, answer: b, do: stand-in, values: {id: "${colour}"}}
  - {lacks: a, answer: b, do: keep}
aws:kms/door:Door: []
aws:index/getRegion:getRegion: {}
`)
	if err == nil {
		t.Fatal("no problem")
	}
	for _, want := range []string{
		`gaps.yaml:3: do: "perhaps" is none of stand-in, keep, send, leave`,
		`gaps.yaml:6: answer is missing`, `gaps.yaml:8: aws:kms/key:Key has no property "colour"`,
		`gaps.yaml:12: no property "size" here`, `gaps.yaml:12: enabled: want a boolean`, `gaps.yaml:13: unknown key "price"`,
		`gaps.yaml:14: ${colour}: want a property`, `gaps.yaml:14: a stand-in is never sent, so it is the only gap of its type`,
		`gaps.yaml:15: do: keep needs properties`, `gaps.yaml:16: "aws:kms/door:Door" is no token`,
		`gaps.yaml:17: aws:index/getRegion:getRegion: want a list of gaps`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in:\n%v", want, err)
		}
	}
}

func TestMatches(t *testing.T) {
	g := gap{answer: "CreateKey, … StatusCode: 500"}
	for answer, want := range map[string]bool{
		"api: CreateKey, 2 attempts, StatusCode: 500, x": true, "CreateKey, StatusCode: 404": false, "StatusCode: 500, CreateKey, ": false,
	} {
		if g.matches(answer) != want {
			t.Errorf("%q: want %t", answer, want)
		}
	}
}

func TestTableHoldsWhatIsCatalogued(t *testing.T) {
	served, err := parseTables(tokenTable)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("../catalogue/cover/aws.txt")
	if err != nil {
		t.Fatal(err)
	}
	wanted, err := parseTables(string(text))
	if err != nil {
		t.Fatal(err)
	}
	for tf, token := range wanted.resources {
		if served.resources[tf] != token {
			t.Errorf("tokens.txt lacks %s (%s)", token, tf)
		}
	}
	for tf, token := range wanted.functions {
		if served.functions[tf] != token {
			t.Errorf("tokens.txt lacks %s (%s)", token, tf)
		}
	}
	if n, m := len(served.resources)+len(served.functions), len(wanted.resources)+len(wanted.functions); n != m {
		t.Errorf("tokens.txt has %d tokens, the embedded cloud's list %d", n, m)
	}
}

// TestSuitesGaps holds the gaps file of the suite against the real schema.
func TestSuitesGaps(t *testing.T) {
	set, err := readSettings(func(name string) string {
		if name == envCache {
			return t.TempDir()
		}
		return os.Getenv(name)
	})
	if err != nil {
		t.Skipf("no Terraform AWS provider: %v", err)
	}
	file := "../aws/gaps.yaml"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	table, err := parseTables(tokenTable)
	if err != nil {
		t.Fatal(err)
	}
	proc := startTF(t.Context(), set.binary, "")
	defer proc.stop()
	schema, err := loadSchema(t.Context(), proc, set.binary, set.cache, table)
	if err != nil {
		t.Fatal(err)
	}
	info, err := providerInfo(t.Context(), &tfServer{proc: proc, schema: schema}, table, set.cache)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := decodeGaps(file, text, table, info); err != nil {
		t.Error(err)
	}
}
