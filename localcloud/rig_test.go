package localcloud_test

import (
	"context"
	"maps"
	"strconv"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/berth-iac/berth/localcloud"
)

// props are inputs and outputs as plain values; unknown and secret make the other two kinds.
type props = map[string]any

func unknown() resource.PropertyValue { return resource.MakeComputed(resource.NewStringProperty("")) }

func secret(v any) resource.PropertyValue { return resource.MakeSecret(resource.NewPropertyValue(v)) }

func start(t *testing.T, options localcloud.Options) *localcloud.Cloud {
	t.Helper()
	if options.Dir == "" {
		options.Dir = t.TempDir()
	}
	cloud, err := localcloud.Start(context.Background(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cloud.Close(); err != nil {
			t.Error(err)
		}
	})
	return cloud
}

// engine stands in for one engine's connection for one provider resource.
type engine struct {
	t      *testing.T
	client pulumirpc.ResourceProviderClient
}

func connect(t *testing.T, cloud *localcloud.Cloud, pkg string, config props) engine {
	t.Helper()
	e := dial(t, cloud, pkg)
	if _, err := e.client.Handshake(t.Context(), &pulumirpc.ProviderHandshakeRequest{}); err != nil {
		t.Fatal(err)
	}
	if _, err := e.client.Configure(t.Context(), &pulumirpc.ConfigureRequest{Args: e.marshal(config)}); err != nil {
		t.Fatal(err)
	}
	return e
}

func dial(t *testing.T, cloud *localcloud.Cloud, pkg string) engine {
	t.Helper()
	for _, entry := range strings.Split(cloud.Providers(), ",") {
		name, port, _ := strings.Cut(entry, ":")
		if name != pkg {
			continue
		}
		conn, err := grpc.NewClient("127.0.0.1:"+port, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return engine{t, pulumirpc.NewResourceProviderClient(conn)}
	}
	t.Fatalf("no provider %s in %s", pkg, cloud.Providers())
	return engine{}
}

// london is the provider that most tests use.
func london(t *testing.T, cloud *localcloud.Cloud) engine {
	return connect(t, cloud, "aws", props{"region": "eu-west-2"})
}

func urn(typ, name string) string { return "urn:pulumi:test::localcloud::" + typ + "::" + name }

func options() plugin.MarshalOptions {
	return plugin.MarshalOptions{KeepUnknowns: true, KeepSecrets: true, KeepResources: true}
}

func (e engine) marshal(p props) *structpb.Struct {
	e.t.Helper()
	values := resource.PropertyMap{}
	for name, v := range p {
		values[resource.PropertyKey(name)] = resource.NewPropertyValue(v)
	}
	s, err := plugin.MarshalProperties(values, options())
	if err != nil {
		e.t.Fatal(err)
	}
	return s
}

func (e engine) unmarshal(s *structpb.Struct) resource.PropertyMap {
	e.t.Helper()
	p, err := plugin.UnmarshalProperties(s, options())
	if err != nil {
		e.t.Fatal(err)
	}
	return p
}

// check returns the checked inputs and the failures by property.
func (e engine) check(typ, name string, olds, news props) (*structpb.Struct, map[string]string) {
	e.t.Helper()
	resp, err := e.client.Check(e.t.Context(), &pulumirpc.CheckRequest{
		Urn: urn(typ, name), Olds: e.marshal(olds), News: e.marshal(news), RandomSeed: []byte("01234567890123456789012345678901"),
	})
	if err != nil {
		e.t.Fatal(err)
	}
	failures := map[string]string{}
	for _, f := range resp.GetFailures() {
		failures[f.GetProperty()] = f.GetReason()
	}
	return resp.GetInputs(), failures
}

// object is one that a test made.
type object struct {
	id     string
	inputs *structpb.Struct
	state  *structpb.Struct
	props  resource.PropertyMap
}

func (o object) text(name string) string {
	v := o.props[resource.PropertyKey(name)]
	if v.IsSecret() {
		v = v.SecretValue().Element
	}
	if !v.IsString() {
		return ""
	}
	return v.StringValue()
}

// number is the id of an object of a cloud that counts.
func (o object) number() float64 {
	n, _ := strconv.ParseFloat(o.id, 64)
	return n
}

// create checks and creates; the error is the cloud's.
func (e engine) create(typ, name string, news props) (object, error) {
	e.t.Helper()
	inputs, failures := e.check(typ, name, nil, news)
	if len(failures) > 0 {
		e.t.Fatalf("check of %s %s: %v", typ, name, failures)
	}
	resp, err := e.client.Create(e.t.Context(), &pulumirpc.CreateRequest{Urn: urn(typ, name), Properties: inputs})
	if err != nil {
		return object{}, err
	}
	return object{resp.GetId(), inputs, resp.GetProperties(), e.unmarshal(resp.GetProperties())}, nil
}

func (e engine) mustCreate(typ, name string, news props) object {
	e.t.Helper()
	o, err := e.create(typ, name, news)
	if err != nil {
		e.t.Fatal(err)
	}
	return o
}

func (e engine) diff(typ, name string, o object, news props) *pulumirpc.DiffResponse {
	e.t.Helper()
	resp, err := e.client.Diff(e.t.Context(), &pulumirpc.DiffRequest{
		Id: o.id, Urn: urn(typ, name), OldInputs: o.inputs, Olds: o.state, News: e.marshal(news),
	})
	if err != nil {
		e.t.Fatal(err)
	}
	return resp
}

func (e engine) update(typ, name string, o object, news props) (object, error) {
	e.t.Helper()
	inputs := e.marshal(news)
	resp, err := e.client.Update(e.t.Context(), &pulumirpc.UpdateRequest{
		Id: o.id, Urn: urn(typ, name), OldInputs: o.inputs, Olds: o.state, News: inputs,
	})
	if err != nil {
		return object{}, err
	}
	return object{o.id, inputs, resp.GetProperties(), e.unmarshal(resp.GetProperties())}, nil
}

func (e engine) read(typ, name string, o object) object {
	e.t.Helper()
	resp, err := e.client.Read(e.t.Context(), &pulumirpc.ReadRequest{
		Id: o.id, Urn: urn(typ, name), Inputs: o.inputs, Properties: o.state,
	})
	if err != nil {
		e.t.Fatal(err)
	}
	return object{resp.GetId(), resp.GetInputs(), resp.GetProperties(), e.unmarshal(resp.GetProperties())}
}

func (e engine) delete(typ, name string, o object) error {
	_, err := e.client.Delete(e.t.Context(), &pulumirpc.DeleteRequest{
		Id: o.id, Urn: urn(typ, name), OldInputs: o.inputs, Properties: o.state,
	})
	return err
}

func with(base props, more props) props {
	all := maps.Clone(base)
	maps.Copy(all, more)
	return all
}

func wantError(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("err = %v, want one with %q", err, want)
	}
}

const (
	vpcType      = "aws:ec2/vpc:Vpc"
	subnetType   = "aws:ec2/subnet:Subnet"
	groupType    = "aws:ec2/securityGroup:SecurityGroup"
	dbType       = "aws:rds/instance:Instance"
	bucketType   = "aws:s3/bucketV2:BucketV2"
	bucketObject = "aws:s3/bucketObjectv2:BucketObjectv2"
	secretType   = "aws:secretsmanager/secret:Secret"
	versionType  = "aws:secretsmanager/secretVersion:SecretVersion"
	keyType      = "aws:kms/key:Key"
)

// database is the least that a database needs.
func database(more props) props {
	return with(props{
		"identifier": "acme-db", "engine": "postgres", "instanceClass": "db.t4g.medium", "allocatedStorage": 20,
		"username": "berth", "password": secret("correct horse"), "skipFinalSnapshot": true,
	}, more)
}
