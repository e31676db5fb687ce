package main

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	shim "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/archive"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/asset"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil/rpcerror"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/structpb"
)

// front stands before the bridge's server to add what its plugin-framework half
// leaves out. A replaced resource whose name the program chose itself must be
// deleted before its successor is created, as two of that name cannot exist at
// once. An asset, which the bridge knows only as a file path, must come back to
// the program as an asset. And a resource whose creation failed halfway must not
// be forgotten.
type front struct {
	pulumirpc.ResourceProviderServer
	named  map[tokens.Type][]string // auto-named properties by resource token
	assets map[tokens.Type]string   // asset properties by resource token
	dir    string                   // where assets' files are
}

func newFront(
	inner pulumirpc.ResourceProviderServer, info tfbridge.ProviderInfo, dir string,
) pulumirpc.ResourceProviderServer {
	f := &front{inner, map[tokens.Type][]string{}, map[tokens.Type]string{}, dir}
	for tf, r := range info.Resources {
		sm := info.P.ResourcesMap().Get(tf).Schema()
		for k, s := range r.Fields {
			if s.Default != nil && s.Default.AutoNamed {
				f.named[r.Tok] = append(f.named[r.Tok], tfbridge.TerraformToPulumiNameV2(k, sm, r.Fields))
			}
		}
		if a, ok := assets[tf]; ok {
			f.assets[r.Tok] = a.prop
		}
	}
	return f
}

// inventedName is the tail that auto-naming leaves on a name.
var inventedName = regexp.MustCompile(`[0-9a-f]{7}(\.fifo)?$`)

func (f *front) Check(ctx context.Context, q *pulumirpc.CheckRequest) (*pulumirpc.CheckResponse, error) {
	a, err := f.ResourceProviderServer.Check(ctx, q)
	f.toAsset(q.GetUrn(), a.GetInputs())
	return a, err
}

func (f *front) Diff(ctx context.Context, q *pulumirpc.DiffRequest) (*pulumirpc.DiffResponse, error) {
	f.toPath(q.GetUrn(), q.GetOlds(), q.GetNews())
	a, err := f.ResourceProviderServer.Diff(ctx, q)
	if err != nil || len(a.GetReplaces()) == 0 {
		return a, err
	}
	for _, p := range f.named[resource.URN(q.GetUrn()).Type()] {
		if v := q.GetNews().GetFields()[p].GetStringValue(); v != "" && !inventedName.MatchString(v) {
			a.DeleteBeforeReplace = true
		}
	}
	return a, nil
}

func (f *front) Create(ctx context.Context, q *pulumirpc.CreateRequest) (*pulumirpc.CreateResponse, error) {
	f.toPath(q.GetUrn(), q.GetProperties())
	var half halfDone
	a, err := f.ResourceProviderServer.Create(context.WithValue(about(ctx, q), halfDoneKey{}, &half), q)
	f.toAsset(q.GetUrn(), a.GetProperties())
	if err == nil && len(half.reasons) > 0 {
		return nil, partial(a.GetId(), a.GetProperties(), half)
	}
	return a, err
}

func (f *front) Update(ctx context.Context, q *pulumirpc.UpdateRequest) (*pulumirpc.UpdateResponse, error) {
	f.toPath(q.GetUrn(), q.GetOlds(), q.GetNews())
	var half halfDone
	a, err := f.ResourceProviderServer.Update(context.WithValue(about(ctx, q), halfDoneKey{}, &half), q)
	f.toAsset(q.GetUrn(), a.GetProperties())
	if err == nil && len(half.reasons) > 0 {
		return nil, partial(q.GetId(), a.GetProperties(), half)
	}
	return a, err
}

// about puts into the context which resource a call is about.
func about(ctx context.Context, q interface{ GetUrn() string }) context.Context {
	return context.WithValue(ctx, urnKey{}, q.GetUrn())
}

// partial is the error with which the engine keeps a half-made resource in its
// state, to be mended or deleted later.
func partial(id string, state *structpb.Struct, half halfDone) error {
	return rpcerror.WithDetails(rpcerror.New(codes.Unknown, half.reasons[0]), &pulumirpc.ErrorResourceInitFailed{
		Id: id, Properties: state, Reasons: half.reasons,
	})
}

func (f *front) Read(ctx context.Context, q *pulumirpc.ReadRequest) (*pulumirpc.ReadResponse, error) {
	f.toPath(q.GetUrn(), q.GetProperties(), q.GetInputs())
	a, err := f.ResourceProviderServer.Read(about(ctx, q), q)
	f.toAsset(q.GetUrn(), a.GetProperties())
	f.toAsset(q.GetUrn(), a.GetInputs())
	return a, err
}

func (f *front) Delete(ctx context.Context, q *pulumirpc.DeleteRequest) (*emptypb.Empty, error) {
	f.toPath(q.GetUrn(), q.GetProperties())
	return f.ResourceProviderServer.Delete(about(ctx, q), q)
}

// toPath and toAsset turn a resource's asset property into the path of its file
// and back, in place. Of an asset in the state the engine hands over the hash
// only, so the file's name is made from it.
func (f *front) toPath(urn string, bags ...*structpb.Struct) {
	p := f.assets[resource.URN(urn).Type()]
	for _, s := range bags {
		a := s.GetFields()[p].GetStructValue().GetFields()
		if hash := a["hash"].GetStringValue(); hash != "" {
			isArchive := a[resource.SigKey].GetStringValue() == archive.ArchiveSig
			s.Fields[p] = structpb.NewStringValue(assetFile(f.dir, hash, isArchive))
		}
	}
}

func (f *front) toAsset(urn string, s *structpb.Struct) {
	p := f.assets[resource.URN(urn).Type()]
	path := s.GetFields()[p].GetStringValue()
	hash, ok := strings.CutPrefix(filepath.Base(path), assetPrefix)
	if !ok {
		return
	}
	hash, isArchive := strings.CutSuffix(hash, archiveSuffix)
	sig := asset.AssetSig
	if isArchive {
		sig = archive.ArchiveSig
	}
	s.Fields[p] = structpb.NewStructValue(&structpb.Struct{Fields: map[string]*structpb.Value{
		resource.SigKey: structpb.NewStringValue(sig),
		"hash":          structpb.NewStringValue(hash), "path": structpb.NewStringValue(path),
	}})
}

const assetPrefix, archiveSuffix = "asset-", ".zip"

func assetFile(dir, hash string, isArchive bool) string {
	if isArchive {
		hash += archiveSuffix
	}
	return filepath.Join(dir, assetPrefix+hash)
}

// assets lists the properties that are assets in Pulumi and file paths in
// Terraform, with the property that holds the content's hash, if any.
var assets = map[string]struct{ prop, hash string }{
	"aws_lambda_function": {"code", "sourceCodeHash"},
	"aws_s3_object":       {"source", ""},
}

// addHooks gives a resource its value conversions, where its inputs or outputs
// need any.
func addHooks(tf string, r *tfbridge.ResourceInfo, sm shim.SchemaMap, over overrideSet, dir string) {
	file, hasAsset := assets[tf]
	texts := map[resource.PropertyKey]bool{} // Terraform strings
	sm.Range(func(k string, s shim.Schema) bool {
		if s.Type() == shim.TypeString {
			texts[resource.PropertyKey(tfbridge.TerraformToPulumiNameV2(k, sm, r.Fields))] = true
		}
		return true
	})
	tagsAll, hasTags := sm.GetOk("tags_all")
	hasTags = hasTags && tagsAll.Optional() // in a plugin-framework resource it cannot be set
	r.PreCheckCallback = func(_ context.Context, in, provider resource.PropertyMap) (resource.PropertyMap, error) {
		if hasTags {
			setTagsAll(in, provider)
		}
		for k := range in {
			if !texts[k] {
				continue
			}
			if v := in[k]; v.IsObject() || v.IsArray() { // a policy document given as a structure
				if v.ContainsUnknowns() {
					in[k] = resource.MakeComputed(resource.NewStringProperty(""))
					continue
				}
				raw, err := json.Marshal(v.MapRepl(nil, nil))
				if err != nil {
					return nil, err
				}
				in[k] = resource.NewStringProperty(string(raw))
			}
		}
		if hasAsset {
			return assetToFile(in, resource.PropertyKey(file.prop), resource.PropertyKey(file.hash), dir)
		}
		return in, nil
	}
	typed := map[resource.PropertyKey]string{}
	for path, o := range over {
		if _, ok := sm.GetOk(path); ok && o.Type != "" {
			typed[resource.PropertyKey(tfbridge.TerraformToPulumiNameV2(path, sm, r.Fields))] = o.Type
		}
	}
	if len(typed) == 0 {
		return
	}
	r.TransformOutputs = func(_ context.Context, out resource.PropertyMap) (resource.PropertyMap, error) {
		for k, t := range typed {
			if v := out[k]; v.IsString() {
				out[k] = retype(v.StringValue(), t)
			}
		}
		return out, nil
	}
}

func retype(s, t string) resource.PropertyValue {
	if t == "number" {
		if n, err := strconv.ParseFloat(s, 64); err == nil {
			return resource.NewNumberProperty(n)
		}
	} else if b, err := strconv.ParseBool(s); err == nil {
		return resource.NewBoolProperty(b)
	}
	return resource.NewNullProperty()
}

// setTagsAll fills the input tagsAll from the provider's default tags and the
// resource's own, as pulumi-aws does; without it every change of a tag would be
// shown as a removal of tagsAll.
func setTagsAll(in, provider resource.PropertyMap) {
	all := resource.PropertyMap{}
	if d := provider["defaultTags"]; d.IsObject() && d.ObjectValue()["tags"].IsObject() {
		maps.Copy(all, d.ObjectValue()["tags"].ObjectValue())
	}
	switch own := in["tags"]; {
	case own.IsObject():
		maps.Copy(all, own.ObjectValue())
	case !own.IsNull(): // not known yet, or secret as a whole
		in["tagsAll"] = own
		return
	}
	if len(all) > 0 {
		in["tagsAll"] = resource.NewObjectProperty(all)
	}
}

// assetToFile writes an asset or archive under a name made from its content, so
// that the path that Terraform compares changes exactly when the content does.
func assetToFile(in resource.PropertyMap, prop, hash resource.PropertyKey, dir string) (resource.PropertyMap, error) {
	var raw []byte
	var err error
	switch v := in[prop]; {
	case v.IsArchive():
		raw, err = v.ArchiveValue().Bytes(archive.ZIPArchive)
	case v.IsAsset():
		raw, err = v.AssetValue().Bytes()
	default:
		return in, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", prop, err)
	}
	sum := sha256.Sum256(raw)
	file := assetFile(dir, hex.EncodeToString(sum[:]), in[prop].IsArchive())
	if _, err := os.Stat(file); err != nil {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
		if err := os.WriteFile(file, raw, 0o600); err != nil {
			return nil, err
		}
	}
	in[prop] = resource.NewStringProperty(file)
	if _, set := in[hash]; !set && hash != "" {
		in[hash] = resource.NewStringProperty(base64.StdEncoding.EncodeToString(sum[:]))
	}
	return in, nil
}
