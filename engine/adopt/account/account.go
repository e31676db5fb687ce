// Package account asks an AWS account for what package adopt wants to know,
// with the region and the credentials that a Pulumi AWS provider has in the
// state. What the provider leaves open comes from where AWS's SDKs take it: the
// environment and the shared files, endpoints among it.
package account

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/berth-iac/berth/engine/adopt"
)

// Account is one account in one region.
type Account struct {
	settings aws.Config
	identity adopt.Identity
}

// notFollowed are settings of a provider that lead elsewhere and that this package does not follow: asking another
// account or endpoint than the provider's would find nothing, and nothing is an answer.
var notFollowed = []string{"assumeRoleWithWebIdentity", "assumeRoles", "endpoints", "sharedConfigFiles", "sharedCredentialsFiles", "httpProxy", "httpsProxy"}

// Open opens the account of a provider with these inputs, as the engine's state has them.
func Open(ctx context.Context, provider map[string]any) (adopt.Account, error) {
	for _, name := range notFollowed {
		if set(provider[name]) {
			return nil, fmt.Errorf("its provider sets %s, which berth does not follow", name)
		}
	}
	value := func(name string) string { text, _ := provider[name].(string); return text }
	var options []func(*config.LoadOptions) error
	if region := value("region"); region != "" {
		options = append(options, config.WithRegion(region))
	}
	if profile := value("profile"); profile != "" {
		options = append(options, config.WithSharedConfigProfile(profile))
	}
	if key := value("accessKey"); key != "" {
		options = append(options, config.WithCredentialsProvider(
			credentials.NewStaticCredentialsProvider(key, value("secretKey"), value("token"))))
	}
	settings, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("load the settings of AWS: %w", err)
	}
	if settings.Region == "" {
		return nil, errors.New("neither its provider nor the environment names a region")
	}
	if role := role(provider["assumeRole"]); role.ARN != "" {
		settings.Credentials = aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(sts.NewFromConfig(settings), role.ARN,
			func(o *stscreds.AssumeRoleOptions) {
				if role.Session != "" {
					o.RoleSessionName = role.Session
				}
				if role.ExternalID != "" {
					o.ExternalID = &role.ExternalID
				}
			}))
	}
	return &Account{settings: settings}, nil
}

// set tells whether a provider's input is there and not empty.
func set(v any) bool {
	switch value := v.(type) {
	case nil:
		return false
	case string:
		return value != "" && value != "[]" && value != "{}" && value != "null"
	case []any:
		return len(value) > 0
	case map[string]any:
		return len(value) > 0
	}
	return true
}

type assumed struct {
	ARN        string `json:"roleArn"`
	Session    string `json:"sessionName"`
	ExternalID string `json:"externalId"`
}

// role reads the role that a provider takes: a structure, or its JSON.
func role(v any) (r assumed) {
	text, ok := v.(string)
	if !ok {
		encoded, err := json.Marshal(v)
		if err != nil {
			return r
		}
		text = string(encoded)
	}
	_ = json.Unmarshal([]byte(text), &r) // an input of another shape is none that the provider takes
	return r
}

// Identity asks who the credentials are.
func (a *Account) Identity(ctx context.Context) (adopt.Identity, error) {
	if a.identity.Number != "" {
		return a.identity, nil
	}
	who, err := sts.NewFromConfig(a.settings).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return adopt.Identity{}, fmt.Errorf("ask AWS whose the credentials are: %w", err)
	}
	parsed, err := arn.Parse(aws.ToString(who.Arn))
	if err != nil {
		return adopt.Identity{}, fmt.Errorf("read %q: %w", aws.ToString(who.Arn), err)
	}
	a.identity = adopt.Identity{Number: aws.ToString(who.Account), Partition: parsed.Partition, Region: a.settings.Region}
	return a.identity, nil
}

// literal makes EC2's filters take a value for what it is.
var literal = strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`)

// EC2Tagged asks EC2 itself, whose own index knows of a tag sooner than the one over all services.
func (a *Account) EC2Tagged(ctx context.Context, tags map[string]string) ([]string, error) {
	var keys, values []string
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		keys = append(keys, literal.Replace(key))
		if v := literal.Replace(tags[key]); !slices.Contains(values, v) {
			values = append(values, v)
		}
	}
	pages := ec2.NewDescribeTagsPaginator(ec2.NewFromConfig(a.settings), &ec2.DescribeTagsInput{Filters: []ec2types.Filter{
		{Name: aws.String("key"), Values: keys}, {Name: aws.String("value"), Values: values}}})
	matches := map[string]int{}
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("describe tags: %w", err)
		}
		for _, tag := range page.Tags {
			if want, ok := tags[aws.ToString(tag.Key)]; ok && want == aws.ToString(tag.Value) {
				matches[aws.ToString(tag.ResourceId)]++
			}
		}
	}
	var ids []string
	for _, id := range slices.Sorted(maps.Keys(matches)) {
		if matches[id] == len(tags) {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// Tagged asks the index over all services.
func (a *Account) Tagged(ctx context.Context, service string, tags map[string]string) ([]string, error) {
	var filters []types.TagFilter
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		filters = append(filters, types.TagFilter{Key: aws.String(key), Values: []string{tags[key]}})
	}
	settings := a.settings.Copy()
	if service == "route53" && a.identity.Partition == "aws" {
		settings.Region = "us-east-1" // where global services have their tags
	}
	pages := resourcegroupstaggingapi.NewGetResourcesPaginator(resourcegroupstaggingapi.NewFromConfig(settings),
		&resourcegroupstaggingapi.GetResourcesInput{ResourceTypeFilters: []string{service}, TagFilters: filters})
	var arns []string
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("get resources: %w", err)
		}
		for _, one := range page.ResourceTagMappingList {
			arns = append(arns, aws.ToString(one.ResourceARN))
		}
	}
	return arns, nil
}

// RevokeDefaultEgress revokes the rules that let everything out, to IPv4 and to IPv6, when they carry no tags.
func (a *Account) RevokeDefaultEgress(ctx context.Context, group string) (bool, error) {
	client := ec2.NewFromConfig(a.settings)
	pages := ec2.NewDescribeSecurityGroupRulesPaginator(client, &ec2.DescribeSecurityGroupRulesInput{
		Filters: []ec2types.Filter{{Name: aws.String("group-id"), Values: []string{group}}}})
	var rules []string
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return false, fmt.Errorf("describe the rules of %s: %w", group, err)
		}
		for _, rule := range page.SecurityGroupRules {
			everywhere := aws.ToString(rule.CidrIpv4) == "0.0.0.0/0" || aws.ToString(rule.CidrIpv6) == "::/0"
			if aws.ToBool(rule.IsEgress) && aws.ToString(rule.IpProtocol) == "-1" && everywhere && len(rule.Tags) == 0 {
				rules = append(rules, aws.ToString(rule.SecurityGroupRuleId))
			}
		}
	}
	if len(rules) == 0 {
		return false, nil
	}
	_, err := client.RevokeSecurityGroupEgress(ctx, &ec2.RevokeSecurityGroupEgressInput{GroupId: &group, SecurityGroupRuleIds: rules})
	if err != nil {
		return false, fmt.Errorf("revoke the rules that AWS made in %s: %w", group, err)
	}
	return true, nil
}
