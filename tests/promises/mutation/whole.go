package mutation

import (
	"slices"
	"strings"

	"github.com/berth-iac/berth/promises/graph"
)

// whole changes a resource as such: its options, its being there, and what is tied to it.
func (s *study) whole(i int, r *graph.Resource) {
	if strings.Contains(r.Type, "ecurityGroup") && strings.HasSuffix(r.Type, "Rule") || strings.Contains(r.Type, "networkAclRule") {
		s.firewall(i, r)
	}
	if r.Protect {
		s.found = append(s.found,
			&Mutant{Type: r.Type, Name: r.Name, Operator: "protection lifted", index: i, edit: func(r *graph.Resource) { r.Protect = false }},
			&Mutant{Type: r.Type, Name: r.Name, Operator: "changes ignored", index: i, edit: func(r *graph.Resource) { r.IgnoreChanges = append(slices.Clone(r.IgnoreChanges), "*") }})
	}
	if !s.used[r] {
		s.found = append(s.found, &Mutant{Type: r.Type, Name: r.Name, Operator: "resource removed", index: i, remove: true})
	}
	s.extra(i, r)
}

// provider changes where a provider makes things.
func (s *study) provider(i int, r *graph.Resource) {
	if region := text(r.Inputs["region"]); region != "" {
		s.found = append(s.found, &Mutant{Type: r.Type, Name: r.Name, Path: "region", Property: "region", Operator: "moved abroad", Before: region, After: "us-east-2", index: i,
			edit: func(r *graph.Resource) { r.Inputs["region"] = "us-east-2" }})
	}
}

// extra adds what should not be there.
func (s *study) extra(i int, r *graph.Resource) {
	add := func(operator, typeToken string, inputs map[string]any) {
		name := r.Name + "-extra"
		s.found = append(s.found, &Mutant{Type: r.Type, Name: r.Name, Operator: operator, index: i, add: &graph.Resource{
			Type: typeToken, Name: name, ID: name + "-id", URN: r.URN + "-extra", Parent: r.Parent, Provider: r.Provider, Inputs: inputs, Outputs: inputs}})
	}
	switch r.Type {
	case "aws:ec2/securityGroup:SecurityGroup":
		add("SSH let in by another rule", "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
			map[string]any{"securityGroupId": r.ID, "ipProtocol": "tcp", "fromPort": 22.0, "toPort": 22.0, "cidrIpv4": everyIPv4})
		add("everyone let in by another rule", "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
			map[string]any{"securityGroupId": r.ID, "ipProtocol": "-1", "cidrIpv6": everyIPv6})
		add("let out everywhere by another rule", "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
			map[string]any{"securityGroupId": r.ID, "ipProtocol": "-1", "cidrIpv4": everyIPv4})
	case "aws:ec2/routeTable:RouteTable":
		gateway := s.graph.OfType("aws:ec2/internetGateway:InternetGateway")
		if len(gateway) > 0 && !strings.Contains(r.Name, "public") {
			add("way to the internet added", "aws:ec2/route:Route",
				map[string]any{"routeTableId": r.ID, "destinationCidrBlock": everyIPv4, "gatewayId": gateway[0].ID})
		}
	case "aws:iam/role:Role":
		add("administrator attached", "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
			map[string]any{"role": text(r.Inputs["name"]), "policyArn": "arn:aws:iam::aws:policy/AdministratorAccess"})
	case "aws:iam/user:User":
		add("access key added", "aws:iam/accessKey:AccessKey", map[string]any{"user": text(r.Inputs["name"])})
		add("administrator attached", "aws:iam/userPolicyAttachment:UserPolicyAttachment",
			map[string]any{"user": text(r.Inputs["name"]), "policyArn": "arn:aws:iam::aws:policy/AdministratorAccess"})
	case "aws:iam/group:Group":
		add("shell in the console attached", "aws:iam/groupPolicyAttachment:GroupPolicyAttachment",
			map[string]any{"group": text(r.Inputs["name"]), "policyArn": "arn:aws:iam::aws:policy/AWSCloudShellFullAccess"})
		add("administrator attached", "aws:iam/groupPolicyAttachment:GroupPolicyAttachment",
			map[string]any{"group": text(r.Inputs["name"]), "policyArn": "arn:aws:iam::aws:policy/AdministratorAccess"})
	case "aws:s3/bucketV2:BucketV2":
		add("made public", "aws:s3/bucketAclV2:BucketAclV2", map[string]any{"bucket": text(r.Outputs["bucket"]), "acl": "public-read"})
	case "aws:ec2/launchTemplate:LaunchTemplate", "aws:ec2/instance:Instance":
		s.found = append(s.found, &Mutant{Type: r.Type, Name: r.Name, Path: "keyName", Property: "keyName", Operator: "key pair added", After: "ops", index: i,
			edit: func(r *graph.Resource) { r.Inputs["keyName"] = "ops" }})
	}
}
