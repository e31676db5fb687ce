package catalogue

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

const sampleSource = `package thing

import "github.com/pulumi/pulumi/sdk/v3/go/pulumi"

type Box struct {
	pulumi.CustomResourceState
	// Where the box stands.
	Place pulumi.StringOutput ` + "`pulumi:\"place\"`" + `
	Parts BoxPartArrayOutput ` + "`pulumi:\"parts\"`" + `
	Size pulumi.IntPtrOutput ` + "`pulumi:\"size\"`" + `
	Key pulumi.StringOutput ` + "`pulumi:\"key\"`" + `
}

func NewBox(ctx *pulumi.Context, name string, args *BoxArgs, opts ...pulumi.ResourceOption) (*Box, error) {
	if args.Parts == nil {
		return nil, errors.New("invalid value for required argument 'Parts'")
	}
	secrets := pulumi.AdditionalSecretOutputs([]string{"key"})
	opts = append(opts, secrets)
	var resource Box
	err := ctx.RegisterResource("test:thing/box:Box", name, args, &resource, opts...)
	return &resource, err
}

type boxState struct {
	Key *string ` + "`pulumi:\"key\"`" + `
}

type boxArgs struct {
	Place *string ` + "`pulumi:\"place\"`" + `
	Parts []BoxPart ` + "`pulumi:\"parts\"`" + `
	// How large it is. Defaults to ` + "'7'" + `. **Modifying this attribute will force creation of a new resource.**
	Size *int ` + "`pulumi:\"size\"`" + `
}

type BoxPart struct {
	Colour string ` + "`pulumi:\"colour\"`" + `
	Weight *float64 ` + "`pulumi:\"weight\"`" + `
}
`

func TestReadingAnSDK(t *testing.T) {
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "thing"), 0o755); err != nil {
		t.Fatal(err)
	}
	source := strings.ReplaceAll(sampleSource, "'7'", "`7`")
	if err := os.WriteFile(filepath.Join(root, "thing", "box.go"), []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	sdk := OpenSDK(root)
	sdk.Comments = true
	got, err := sdk.Resource("test:thing/box:Box")
	if err != nil {
		t.Fatal(err)
	}
	want := &Member{
		Inputs: Properties{
			"place": {Type: String, Computed: true},
			"parts": {Type: Array, Required: true, Elem: &Property{Type: Object, Properties: Properties{
				"colour": {Type: String, Required: true},
				"weight": {Type: Number},
			}}},
			"size": {Type: Integer, Replace: true, Default: float64(7)},
		},
		Outputs: Properties{"key": {Type: String, Secret: true}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got inputs\n%s\nwant\n%s", encode(t, &Catalogue{Types: map[string]*Member{"t": got}}),
			encode(t, &Catalogue{Types: map[string]*Member{"t": want}}))
	}
	if _, err := sdk.Resource("test:thing/bag:Bag"); err == nil || err.Error() != "the SDK has no test:thing/bag:Bag" {
		t.Errorf("a type that is not there: %v", err)
	}
}

func TestPropertyNames(t *testing.T) {
	for terraform, property := range map[string]string{
		"cidr_block": "cidrBlock", "policy": "policies", "tag": "tags", "subnet_ids": "subnetId", "alias": "aliases",
	} {
		found := false
		for _, n := range propertyNames(terraform) {
			found = found || n == property
		}
		if !found {
			t.Errorf("%s: %v lacks %s", terraform, propertyNames(terraform), property)
		}
	}
}

func TestLearningFromComplaints(t *testing.T) {
	s := &sampler{resource: "aws_thing"}
	complaint := errors.New("Invalid String Enum Value: …\n\nPath: rule[0].transition[Value({\"days\":<null>})].storage_class\n" +
		"Given Value: value-one\nValid Values: [GLACIER STANDARD_IA ONEZONE_IA DEEP_ARCHIVE ]\n" +
		"Invalid ARN Value: The provided value cannot be parsed as an ARN.\n\nPath: role_arn\nValue: value-one")
	if !s.learn(complaint) {
		t.Fatal("learnt nothing")
	}
	if got := s.Values["aws_thing.rule.transition.storage_class"]; !reflect.DeepEqual(got, []any{"GLACIER", "STANDARD_IA", "ONEZONE_IA"}) {
		t.Errorf("storage classes: %v", got)
	}
	if got := s.Values["aws_thing.role_arn"]; len(got) != 2 {
		t.Errorf("role ARNs: %v", got)
	}
	if s.learn(complaint) {
		t.Error("the same complaint taught something twice")
	}
}

func TestOverridesMustFit(t *testing.T) {
	c := func() *Catalogue {
		return &Catalogue{Types: map[string]*Member{"a:b:C": {
			Inputs: Properties{"list": {Type: Array, Elem: &Property{Type: Object, Properties: Properties{"x": {Type: Boolean, Computed: true}}}}},
		}}}
	}
	good := &overrides{Types: map[string]correction{"a:b:C": {Replace: []string{"list.x"}, Defaults: map[string]any{"list.x": false}}}}
	have := c()
	if err := good.apply(have); err != nil {
		t.Fatal(err)
	}
	if p := have.Types["a:b:C"].Inputs.Find("list", "x"); !p.Replace || p.Computed || p.Default != false {
		t.Errorf("after the corrections: %+v", p)
	}
	for want, o := range map[string]*overrides{
		"the overrides of a:b:C: no property list.y":             {Types: map[string]correction{"a:b:C": {Replace: []string{"list.y"}}}},
		"the overrides name a:b:D, which the catalogue lacks":    {Types: map[string]correction{"a:b:D": {}}},
		"the overrides name a:b:getC, which the catalogue lacks": {Functions: map[string]correction{"a:b:getC": {}}},
	} {
		if err := o.apply(c()); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestEncodingIsStable(t *testing.T) {
	c := &Catalogue{Source: "<s>", Types: map[string]*Member{
		"b": {Inputs: Properties{"y": {Type: String}, "x": {Type: Boolean, Default: false, Required: true}}, Outputs: Properties{}},
		"a": {Inputs: Properties{}, Outputs: Properties{}},
	}}
	want := `{
"source":"<s>",
"types":{
 "a":{"inputs":{},"outputs":{}},
 "b":{"inputs":{"x":{"type":"boolean","required":true,"default":false},"y":{"type":"string"}},"outputs":{}}
},
"functions":{
}
}
`
	if got := encode(t, c); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestLearningWhichValuesAreTaken(t *testing.T) {
	for said, want := range map[string][]any{
		`expected usage to be one of ["SIGN" "ENCRYPT"], got x`:                           {"SIGN", "ENCRYPT"},
		`expected days to be one of [0 1 30], got -7`:                                     {0.0, 1.0, 30.0},
		"Path: class\nGiven Value: no such value!\nValid Values: [STANDARD GLACIER]":      {"STANDARD", "GLACIER"},
		`Attribute a value must be one of: ["*"]`:                                         nil, // or an ARN, say
		`expected deletion_window_in_days to be in the range (7 - 30), got 123456789`:     nil,
		`"kms_key_arn" (no such value!) is an invalid ARN: arn: invalid prefix`:           nil,
		`invalid value for name (must contain only alphanumeric characters and hyphens).`: nil,
	} {
		if got := oneOf(said); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %v, want %v", said, got, want)
		}
	}
	for said, want := range map[string][2]float64{
		`expected deletion_window_in_days to be in the range (7 - 30), got -7`: {7, 30},
		`Attribute hops value must be between 1 and 64, got: -7`:               {1, 64},
		`expected size to be at least (20), got -7`:                            {20, -1},
		`expected size to be at most (9), got 123456789`:                       {-1, 9},
	} {
		got := [2]float64{-1, -1}
		low, high := bounds(said)
		if low != nil {
			got[0] = *low
		}
		if high != nil {
			got[1] = *high
		}
		if got != want {
			t.Errorf("%s: got %v, want %v", said, got, want)
		}
	}
}
