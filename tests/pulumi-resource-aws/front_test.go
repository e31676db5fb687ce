package main

import (
	"os"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/archive"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/asset"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"google.golang.org/protobuf/types/known/structpb"
)

func TestTables(t *testing.T) {
	got, err := parseTables(tokenTable)
	if err != nil {
		t.Fatal(err)
	}
	if tok := got.resources["aws_s3_bucket"]; tok != "aws:s3/bucketV2:BucketV2" {
		t.Errorf("aws_s3_bucket is %s", tok)
	}
	if tok := got.functions["aws_region"]; tok != "aws:index/getRegion:getRegion" {
		t.Errorf("aws_region is %s", tok)
	}
}

func TestSetTagsAll(t *testing.T) {
	text := resource.NewStringProperty
	provider := resource.PropertyMap{"defaultTags": resource.NewObjectProperty(resource.PropertyMap{
		"tags": resource.NewObjectProperty(resource.PropertyMap{"a": text("1"), "b": text("1")}),
	})}
	in := resource.PropertyMap{"tags": resource.NewObjectProperty(resource.PropertyMap{"b": text("2")})}
	setTagsAll(in, provider)
	want := resource.NewObjectProperty(resource.PropertyMap{"a": text("1"), "b": text("2")})
	if !in["tagsAll"].DeepEquals(want) {
		t.Errorf("got %v, want %v", in["tagsAll"], want)
	}
	in = resource.PropertyMap{}
	setTagsAll(in, resource.PropertyMap{})
	if _, ok := in["tagsAll"]; ok {
		t.Errorf("no tags at all gave %v", in["tagsAll"])
	}
}

func TestAssetRoundTrip(t *testing.T) {
	const tok, urn = tokens.Type("aws:lambda/function:Function"), "urn:pulumi:s::p::aws:lambda/function:Function::f"
	dir := t.TempDir()
	f := &front{assets: map[tokens.Type]string{tok: "code"}, dir: dir}
	part, err := asset.FromText("x")
	if err != nil {
		t.Fatal(err)
	}
	ar, err := archive.FromAssets(map[string]any{"a": part})
	if err != nil {
		t.Fatal(err)
	}
	in, err := assetToFile(resource.PropertyMap{"code": resource.NewArchiveProperty(ar)}, "code", "sourceCodeHash", dir)
	if err != nil {
		t.Fatal(err)
	}
	path := in["code"].StringValue()
	if _, err := os.Stat(path); err != nil || in["sourceCodeHash"].StringValue() == "" {
		t.Fatalf("file %v, hash %q", err, in["sourceCodeHash"])
	}
	bag := &structpb.Struct{Fields: map[string]*structpb.Value{"code": structpb.NewStringValue(path)}}
	f.toAsset(urn, bag)
	a := bag.Fields["code"].GetStructValue().GetFields()
	if a[resource.SigKey].GetStringValue() != archive.ArchiveSig {
		t.Fatalf("not an archive: %v", a)
	}
	delete(a, "path") // as the engine does with what it has in its state
	f.toPath(urn, bag)
	if got := bag.Fields["code"].GetStringValue(); got != path {
		t.Errorf("got %q, want %q", got, path)
	}
}

func TestInventedName(t *testing.T) {
	for name, want := range map[string]bool{
		"db-1a2b3c4": true, "q-1a2b3c4.fifo": true, "prod-db": false, "orders.fifo": false,
	} {
		if inventedName.MatchString(name) != want {
			t.Errorf("%s: want %t", name, want)
		}
	}
}

func TestRetype(t *testing.T) {
	if v := retype("300", "number"); !v.IsNumber() || v.NumberValue() != 300 {
		t.Errorf("300: %v", v)
	}
	if v := retype("true", "boolean"); !v.IsBool() || !v.BoolValue() {
		t.Errorf("true: %v", v)
	}
	if v := retype("", "number"); !v.IsNull() {
		t.Errorf("empty: %v", v)
	}
}
