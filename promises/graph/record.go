package graph

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
	"sync"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// Answer gives more outputs for a resource, or replaces those that are invented. It may be nil.
type Answer func(typeToken, name string, inputs resource.PropertyMap) map[string]any

// Recording says how a program is run under mocks.
type Recording struct {
	Project, Stack string
	Config         map[string]string // the stack's configuration, by full key
	Secrets        []string          // keys of Config that are encrypted
	// Unknown leaves outputs unknown, as in the preview of a new stack. Otherwise they are invented, so that
	// who refers to whom can be followed.
	Unknown bool
	// Account is the AWS account that invented ARNs lie in. Default: an example's.
	Account string
	Answers []Answer
}

// Registration is one resource as a program registered it.
type Registration struct {
	Type, Name, ID, URN string
	Inputs, Outputs     resource.PropertyMap
	Request             *pulumirpc.RegisterResourceRequest // nil for a resource that was only read
}

// Record runs a program in this process under mocks and returns its graph. Nothing is registered with an
// engine and no cloud is asked. The error is the program's own.
func Record(ctx context.Context, program pulumi.RunFunc, how Recording) (*Graph, error) {
	registrations, err := Register(ctx, program, how)
	if err != nil {
		return nil, err
	}
	var resources []*Resource
	for _, r := range registrations {
		if r.Request == nil {
			continue
		}
		resources = append(resources, &Resource{
			Type: r.Type, Name: r.Name, ID: r.ID, URN: r.URN, Parent: r.Request.GetParent(), Provider: ProviderURN(r.Request.GetProvider()),
			Inputs: object(r.Inputs), Outputs: object(r.Outputs),
			Protect: r.Request.GetProtect(), Retain: r.Request.GetRetainOnDelete(), IgnoreChanges: r.Request.GetIgnoreChanges(),
		})
	}
	return New(resources), nil
}

// Register runs a program as Record does and returns what it registered, in no order, also when it failed.
func Register(ctx context.Context, program pulumi.RunFunc, how Recording) ([]Registration, error) {
	how.Account = cmp.Or(how.Account, "123456789012")
	m := &mocks{how: how}
	err := pulumi.RunErr(func(inner *pulumi.Context) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return program(inner)
	}, pulumi.WithMocks(how.Project, how.Stack, m), func(info *pulumi.RunInfo) {
		info.DryRun = how.Unknown
		info.Config = how.Config
		info.ConfigSecretKeys = how.Secrets
	})
	return m.registrations, err
}

// mocks answer a program as an engine and its providers would.
type mocks struct {
	how Recording

	mu            sync.Mutex
	registrations []Registration
}

// invented are outputs that programs read from resources and that clouds compute.
var invented = []string{
	"arn", "dnsName", "zoneId", "hostedZoneId", "address", "endpoint", "readerEndpoint", "primaryEndpointAddress",
	"keyId", "name", "bucketRegionalDomainName", "bucketDomainName", "prefixListId", "url", "clusterIdentifier",
	"defaultNetworkAclId", "defaultRouteTableId", "defaultSecurityGroupId", "uniqueId", "resourceId", "versionId",
	"arnSuffix", "ipv6CidrBlock", "networkInterfaceId", "publicIp", "allocationId", "healthCheckId",
}

// computed are further outputs that programs read, by type.
var computed = map[string][]string{
	"hcloud:index/volume:Volume":             {"linuxDevice"},
	"hcloud:index/primaryIp:PrimaryIp":       {"ipAddress"},
	"hcloud:index/loadBalancer:LoadBalancer": {"ipv4"},
	"aws:lightsail/staticIp:StaticIp":        {"ipAddress"},
	"aws:lightsail/database:Database":        {"masterEndpointAddress"},
	"machine:index:Keys":                     {"wireguard", "authority", "hostKey"},
	"machine:index:Bundle":                   {"version", "hostKey"},
}

// shaped are invented outputs that are no plain text, by type.
var shaped = map[string]map[string]any{
	"aws:ec2/launchTemplate:LaunchTemplate": {"latestVersion": 1.0},
	"aws:lightsail/database:Database":       {"masterEndpointPort": 5432.0},
	"aws:acm/certificate:Certificate": {"domainValidationOptions": []any{map[string]any{
		"domainName": "certificate.domainName", "resourceRecordName": "certificate.resourceRecordName.",
		"resourceRecordType": "CNAME", "resourceRecordValue": "certificate.resourceRecordValue."}}},
}

// hasMasterSecret are the types whose master password AWS keeps in a secret of its own.
var hasMasterSecret = map[string]bool{"aws:rds/instance:Instance": true, "aws:docdb/cluster:Cluster": true}

func masterSecret(account string) resource.PropertyValue {
	return resource.NewPropertyValue([]any{map[string]any{
		"secretArn": "arn:aws:secretsmanager:eu-west-2:" + account + ":secret:master", "kmsKeyId": "master", "secretStatus": "active"}})
}

// NewResource notes a resource and answers with its id and outputs.
func (m *mocks) NewResource(args pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	r := Registration{Type: args.TypeToken, Name: args.Name, Inputs: args.Inputs, Request: args.RegisterRPC}
	if rpc := args.RegisterRPC; rpc != nil {
		if m.how.Unknown { // the mock's own Inputs leave out what is unknown; the request still has it
			inputs, err := plugin.UnmarshalProperties(rpc.GetObject(), plugin.MarshalOptions{
				KeepUnknowns: true, KeepSecrets: true, KeepResources: true, KeepOutputValues: true})
			if err != nil {
				return "", nil, fmt.Errorf("read inputs of %s: %w", args.Name, err)
			}
			r.Inputs = inputs
		}
		parent := tokens.Type("")
		if urn := resource.URN(rpc.GetParent()); urn != "" && urn.QualifiedType() != resource.RootStackType {
			parent = urn.QualifiedType()
		}
		r.URN = string(resource.NewURN(tokens.QName(m.how.Stack), tokens.PackageName(m.how.Project), parent, tokens.Type(args.TypeToken), args.Name))
	}
	r.Outputs = args.Inputs.Copy()
	if !m.how.Unknown {
		r.ID = args.Name + "-id"
		if strings.HasPrefix(args.TypeToken, "hcloud:") { // whose ids are numbers, and are referred to as such
			r.ID = number(args.TypeToken + args.Name)
		}
		m.invent(&r, args)
	}
	m.mu.Lock()
	m.registrations = append(m.registrations, r)
	m.mu.Unlock()
	return r.ID, r.Outputs, nil
}

func (m *mocks) invent(r *Registration, args pulumi.MockResourceArgs) {
	if strings.HasPrefix(args.TypeToken, "berth:") {
		return // a component computes its own
	}
	for _, key := range invented {
		if _, set := r.Outputs[resource.PropertyKey(key)]; !set {
			r.Outputs[resource.PropertyKey(key)] = resource.NewProperty(m.text(args.TypeToken, args.Name, key))
		}
	}
	for _, key := range computed[args.TypeToken] {
		if _, set := r.Outputs[resource.PropertyKey(key)]; !set {
			r.Outputs[resource.PropertyKey(key)] = resource.NewProperty(m.text(args.TypeToken, args.Name, key))
		}
	}
	for key, value := range shaped[args.TypeToken] {
		r.Outputs[resource.PropertyKey(key)] = resource.NewPropertyValue(value)
	}
	if hasMasterSecret[args.TypeToken] {
		r.Outputs["masterUserSecrets"] = masterSecret(m.how.Account)
	}
	for _, answer := range m.how.Answers {
		for key, value := range answer(args.TypeToken, args.Name, args.Inputs) {
			r.Outputs[resource.PropertyKey(key)] = resource.NewPropertyValue(value)
		}
	}
}

// number is an id of digits that stands for a text.
func number(text string) string {
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(text)) // cannot fail
	return strconv.FormatUint(uint64(sum.Sum32()), 10)
}

// text is an invented output.
func (m *mocks) text(typeToken, name, key string) string {
	kind := typeToken[strings.LastIndex(typeToken, ":")+1:]
	if key == "arn" {
		return fmt.Sprintf("arn:aws:test:eu-west-2:%s:%s/%s", m.how.Account, kind, name)
	}
	return fmt.Sprintf("%s.%s.%s", name, kind, key)
}

// Call answers a provider's function.
func (m *mocks) Call(args pulumi.MockCallArgs) (resource.PropertyMap, error) {
	switch args.Token {
	case "aws:secretsmanager/getRandomPassword:getRandomPassword":
		return resource.PropertyMap{"randomPassword": resource.NewProperty("mock-random-password")}, nil
	default:
		return nil, fmt.Errorf("run the program under mocks: no answer for the function %s", args.Token)
	}
}

// object makes JSON values of properties; secrets and unknowns are masked.
func object(properties resource.PropertyMap) map[string]any {
	out := make(map[string]any, len(properties))
	for key, value := range properties {
		out[string(key)] = plain(value)
	}
	return out
}

func plain(v resource.PropertyValue) any {
	switch {
	case v.IsSecret():
		return Secret
	case v.IsOutput():
		switch {
		case v.OutputValue().Secret:
			return Secret
		case !v.OutputValue().Known:
			return Unknown
		}
		return plain(v.OutputValue().Element)
	case v.IsComputed():
		return Unknown
	case v.IsArray():
		list := make([]any, len(v.ArrayValue()))
		for i, element := range v.ArrayValue() {
			list[i] = plain(element)
		}
		return list
	case v.IsObject():
		return object(v.ObjectValue())
	case v.IsBool():
		return v.BoolValue()
	case v.IsNumber():
		return v.NumberValue()
	case v.IsString():
		return v.StringValue()
	case v.IsNull():
		return nil
	default: // assets, archives, references to resources: nothing that checks read
		return Unknown
	}
}
