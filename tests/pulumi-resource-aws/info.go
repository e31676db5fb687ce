package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/pf/proto"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	shim "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// sdkVersion is the pulumi-aws SDK release whose tokens and names are served.
const sdkVersion = "6.83.0"

// override is one way in which a pulumi-aws property differs from what the
// bridge would derive from the Terraform schema alone.
type override struct {
	Name string `json:"name,omitempty"` // property name
	One  *bool  `json:"one,omitempty"`  // a list of at most one item, flattened
	Type string `json:"type,omitempty"` // wire type of a Terraform string: "number" or "boolean"
}

// overrideSet maps "field" and "field.inner" paths of Terraform names to overrides.
type overrideSet map[string]override

// overridesJSON is written by "pulumi-resource-aws -sdk DIR"; see sdkdiff.go.
//
//go:embed overrides.json
var overridesJSON []byte

type allOverrides struct {
	Provider  overrideSet            `json:"provider"`
	Resources map[string]overrideSet `json:"resources"`
	Functions map[string]overrideSet `json:"functions"`
}

// fieldAt finds or makes the SchemaInfo that sits at a dotted path of Terraform names.
func fieldAt(fields map[string]*tfbridge.SchemaInfo, sm shim.SchemaMap, path string) (*tfbridge.SchemaInfo, error) {
	name, rest, more := strings.Cut(path, ".")
	s, ok := sm.GetOk(name)
	if !ok {
		return nil, fmt.Errorf("no field %s", name)
	}
	f := fields[name]
	if f == nil {
		f = &tfbridge.SchemaInfo{}
		fields[name] = f
	}
	if !more {
		return f, nil
	}
	node := f
	elem := s.Elem()
	if inner, ok := elem.(shim.Schema); ok { // a list of object attributes: the object is one level down
		elem = inner.Elem()
	}
	if s.Type() != shim.TypeMap {
		if f.Elem == nil {
			f.Elem = &tfbridge.SchemaInfo{}
		}
		node = f.Elem
	}
	r, ok := elem.(shim.Resource)
	if !ok {
		return nil, fmt.Errorf("field %s has no inner fields", name)
	}
	if node.Fields == nil {
		node.Fields = map[string]*tfbridge.SchemaInfo{}
	}
	return fieldAt(node.Fields, r.Schema(), rest)
}

func applyOverrides(set overrideSet, sm shim.SchemaMap) (map[string]*tfbridge.SchemaInfo, error) {
	fields := map[string]*tfbridge.SchemaInfo{}
	for path, o := range set {
		f, err := fieldAt(fields, sm, path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if o.Name != "" {
			f.Name = o.Name
		}
		if o.One != nil {
			f.MaxItemsOne = o.One
		}
	}
	return fields, nil
}

// autoName is a default made from the resource's name and random digits. It
// keeps whatever the prior state holds, so a name stays once given.
func autoName(sep string, max, random int, change func(string) string, suffixIf string) *tfbridge.DefaultInfo {
	opts := tfbridge.AutoNameOptions{Separator: sep, Maxlen: max, Randlen: random, Transform: change}
	if suffixIf != "" {
		opts.PostTransform = func(r *tfbridge.PulumiResource, name string) (string, error) {
			if v, ok := r.Properties[resource.PropertyKey(suffixIf)]; ok && v.IsBool() && v.BoolValue() {
				return name + ".fifo", nil
			}
			return name, nil
		}
	}
	return &tfbridge.DefaultInfo{
		AutoNamed: true,
		ComputeDefault: func(ctx context.Context, o tfbridge.ComputeDefaultOptions) (any, error) {
			return tfbridge.ComputeAutoNameDefault(ctx, opts, o)
		},
	}
}

// defaults lists what pulumi-aws fills in when the program leaves a property
// out, beside the rule that a property called "name" is auto-named (255, "-").
func defaults() map[string]*tfbridge.DefaultInfo {
	managed := func() *tfbridge.DefaultInfo { return &tfbridge.DefaultInfo{Value: "Managed by Pulumi"} }
	return map[string]*tfbridge.DefaultInfo{
		"aws_cloudwatch_event_rule.name":                         autoName("-", 64, 7, nil, ""),
		"aws_cloudwatch_event_target.target_id":                  autoName("-", 255, 7, nil, ""),
		"aws_cloudwatch_metric_alarm.alarm_name":                 autoName("-", 255, 7, nil, ""),
		"aws_db_instance.identifier":                             autoName("", 255, 7, nil, ""),
		"aws_db_parameter_group.description":                     managed(),
		"aws_db_subnet_group.description":                        managed(),
		"aws_db_option_group.option_group_description":           managed(),
		"aws_docdb_cluster_parameter_group.description":          managed(),
		"aws_docdb_subnet_group.description":                     managed(),
		"aws_elasticache_parameter_group.description":            managed(),
		"aws_elasticache_replication_group.replication_group_id": autoName("-", 40, 7, strings.ToLower, ""),
		"aws_elasticache_subnet_group.description":               managed(),
		"aws_iam_role.inline_policy.name":                        autoName("-", 128, 7, nil, ""),
		"aws_iam_role.name":                                      autoName("-", 64, 7, nil, ""),
		"aws_key_pair.key_name":                                  autoName("-", 255, 7, nil, ""),
		"aws_kms_alias.name":                                     autoName("-", 238, 7, aliasPrefix, ""),
		"aws_lambda_function.function_name":                      autoName("-", 64, 7, nil, ""),
		"aws_lambda_permission.statement_id":                     autoName("-", 100, 7, nil, ""),
		"aws_lb_target_group.name":                               autoName("-", 32, 7, nil, ""),
		"aws_rds_cluster_parameter_group.description":            managed(),
		"aws_route53_zone.comment":                               managed(),
		"aws_s3_bucket.bucket":                                   autoName("-", 63, 7, strings.ToLower, ""),
		"aws_s3_object.key":                                      autoName("", 0, 0, nil, ""),
		"aws_security_group.description":                         managed(),
		"aws_sns_topic.name":                                     autoName("-", 80, 7, nil, "fifoTopic"),
		"aws_sqs_queue.name":                                     autoName("-", 80, 7, nil, "fifoQueue"),
	}
}

func aliasPrefix(s string) string { return "alias/" + strings.TrimPrefix(s, "alias/") }

// notAutoNamed: here "name" is a real-world name, not an identifier to invent.
var notAutoNamed = []string{"aws_route53_record"}

// deleteFirst: the old one must go before its replacement can be made.
var deleteFirst = []string{
	"aws_ecr_lifecycle_policy", "aws_iam_group_policy_attachment",
	"aws_iam_role_policy_attachment", "aws_security_group_rule",
}

func readOverrides() (over allOverrides, err error) {
	if err = json.Unmarshal(overridesJSON, &over); err != nil {
		err = fmt.Errorf("overrides.json: %w", err)
	}
	return over, err
}

// describe names the package's resources and functions, and their properties.
func describe(ctx context.Context, s tfprotov6.ProviderServer, t tables) (tfbridge.ProviderInfo, error) {
	p := proto.New(ctx, s)
	over, err := readOverrides()
	if err != nil {
		return tfbridge.ProviderInfo{}, err
	}
	info := tfbridge.ProviderInfo{
		P: p, Name: "aws", Version: sdkVersion, ResourcePrefix: "aws",
		MetadataInfo:                  &tfbridge.MetadataInfo{Path: "", Data: tfbridge.ProviderMetadata(nil)},
		Resources:                     map[string]*tfbridge.ResourceInfo{},
		DataSources:                   map[string]*tfbridge.DataSourceInfo{},
		EnableAccuratePFBridgePreview: true,
		// Validation would make the provider check all of its schemas, which takes
		// seconds, at every start; Configure finds what is wrong all the same.
		SkipValidateProviderConfigForPluginFramework: true,
	}
	for tf, tok := range t.resources {
		sm := p.ResourcesMap().Get(tf).Schema()
		fields, err := applyOverrides(over.Resources[tf], sm)
		if err != nil {
			return info, fmt.Errorf("%s: %w", tf, err)
		}
		info.Resources[tf] = &tfbridge.ResourceInfo{Tok: tok, Fields: fields}
	}
	for tf, tok := range t.functions {
		sm := p.DataSourcesMap().Get(tf).Schema()
		fields, err := applyOverrides(over.Functions[tf], sm)
		if err != nil {
			return info, fmt.Errorf("%s: %w", tf, err)
		}
		info.DataSources[tf] = &tfbridge.DataSourceInfo{Tok: tok, Fields: fields}
	}
	return info, nil
}

// providerInfo describes the whole package to the bridge.
func providerInfo(ctx context.Context, s tfprotov6.ProviderServer, t tables, dir string) (tfbridge.ProviderInfo, error) {
	over, err := readOverrides()
	if err != nil {
		return tfbridge.ProviderInfo{}, err
	}
	info, err := describe(ctx, s, t)
	if err != nil {
		return info, err
	}
	p := info.P
	if info.Config, err = applyOverrides(over.Provider, p.Schema()); err != nil {
		return info, fmt.Errorf("provider: %w", err)
	}
	for path, d := range map[string]*tfbridge.DefaultInfo{
		"region":                      {EnvVars: []string{"AWS_REGION", "AWS_DEFAULT_REGION"}},
		"skip_region_validation":      {Value: true},
		"skip_credentials_validation": {Value: false},
	} {
		f, err := fieldAt(info.Config, p.Schema(), path)
		if err != nil {
			return info, err
		}
		f.Default = d
	}
	for _, k := range []string{"access_key", "secret_key", "token"} {
		f, err := fieldAt(info.Config, p.Schema(), k)
		if err != nil {
			return info, err
		}
		f.Secret = tfbridge.True()
	}

	for key, d := range defaults() {
		tf, path, _ := strings.Cut(key, ".")
		f, err := fieldAt(info.Resources[tf].Fields, p.ResourcesMap().Get(tf).Schema(), path)
		if err != nil {
			return info, fmt.Errorf("%s: %w", tf, err)
		}
		f.Default = d
	}
	for _, tf := range notAutoNamed {
		info.Resources[tf].Fields["name"] = &tfbridge.SchemaInfo{Name: "name"}
	}
	for _, tf := range deleteFirst {
		info.Resources[tf].DeleteBeforeReplace = true
	}
	info.SetAutonaming(255, "-")
	for tf, r := range info.Resources {
		addHooks(tf, r, p.ResourcesMap().Get(tf).Schema(), over.Resources[tf], dir)
	}
	return info, nil
}
