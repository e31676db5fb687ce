package baseline

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/promises/policy"
)

// The types of resources that rules of several services look at.
const (
	bucketType    = "aws:s3/bucketV2:BucketV2"
	bucketOldType = "aws:s3/bucket:Bucket"
	keyType       = "aws:kms/key:Key"
	replicaType   = "aws:kms/replicaKey:ReplicaKey"
	topicType     = "aws:sns/topic:Topic"
	logGroupType  = "aws:cloudwatch/logGroup:LogGroup"
	trailType     = "aws:cloudtrail/trail:Trail"
	databaseType  = "aws:rds/instance:Instance"
	documentsType = "aws:docdb/cluster:Cluster"
	balancerType  = "aws:lb/loadBalancer:LoadBalancer"
	machineType   = "aws:ec2/instance:Instance"
	templateType  = "aws:ec2/launchTemplate:LaunchTemplate"
	subnetType    = "aws:ec2/subnet:Subnet"
	vpcType       = "aws:ec2/vpc:Vpc"
	roleType      = "aws:iam/role:Role"
)

// want is the check that something holds of every resource of a type.
func want(typeToken, property, expected, fix string, holds func(*graph.Resource) bool) promises.Check {
	return func(s promises.Subject, r *promises.Report) {
		for _, resource := range s.Graph.OfType(typeToken) {
			r.Want(resource, holds(resource), property, expected, fix)
		}
	}
}

// wantTrue is the check that a property of every resource of a type is set to true.
func wantTrue(typeToken, property, expected, fix string) promises.Check {
	return want(typeToken, property, expected, fix, func(resource *graph.Resource) bool { return resource.Bool(property) })
}

// reader is a resource or an object inside one.
type reader interface{ At(path string) any }

// off tells whether a switch that is off by default is off. What cannot be read is not off.
func off(in reader, path string) bool {
	v := in.At(path)
	return v == nil || v == false || v == "false"
}

// on tells whether a switch that is on by default is on.
func on(in reader, path string) bool {
	v := in.At(path)
	return v == nil || v == true || v == "true"
}

// atLeast tells whether the number at path is there and not below a minimum.
func atLeast(r *graph.Resource, path string, minimum float64) bool {
	n, ok := r.Number(path)
	return ok && n >= minimum
}

// ownKey is the key of the stack that encrypts with the property at path, or nil.
func ownKey(r *graph.Resource, path string) *graph.Resource { return r.Ref(path, keyType, replicaType) }

// inEveryRegion are the resources of a type that hold for an account and a region. The organisation's account
// must have one in each of its two regions; a client's stack need have none.
func inEveryRegion(s promises.Subject, r *promises.Report, typeToken, what, expected, fix string) []*graph.Resource {
	found := s.Graph.OfType(typeToken)
	if o := s.Organisation(); o != nil {
		for _, region := range []string{o.AWS.Region, o.AWS.SecondRegion} {
			if region != "" && !slices.ContainsFunc(found, func(one *graph.Resource) bool { return one.Region() == region }) {
				r.Missing(what+" in "+region, expected, fix)
			}
		}
	}
	return found
}

// inAccount are the resources of a type that hold for a whole account. The organisation's must have one.
func inAccount(s promises.Subject, r *promises.Report, typeToken, what, expected, fix string) []*graph.Resource {
	found := s.Graph.OfType(typeToken)
	if s.Organisation() != nil {
		return r.Must(found, what, expected, fix)
	}
	return found
}

// account is the stack's own AWS account.
func account(s promises.Subject) string {
	switch {
	case s.Organisation() != nil:
		return s.Organisation().AWS.Account
	case s.Client() != nil:
		return s.Client().AWS.Account
	case s.Spec.LightClient != nil:
		return s.Spec.LightClient.AWS.Account
	}
	return ""
}

// document is the policy in a property. It is not readable where the property is unknown or no policy; no
// policy at all is readable and empty.
func document(r *graph.Resource, path string) (d policy.Document, readable bool) {
	text := r.Text(path)
	if text == "" {
		return d, !r.Has(path)
	}
	d, err := policy.Parse(text)
	return d, err == nil
}

// callers are condition keys that name who calls or on whose behalf.
var callers = []string{
	"aws:principalaccount", "aws:principalarn", "aws:principalorgid", "aws:principalorgpaths", "aws:sourceaccount", "aws:sourcearn",
	"aws:sourceorgid", "aws:sourceorgpaths", "aws:sourceowner", "aws:sourceip", "aws:sourcevpc", "aws:sourcevpce", "aws:userid", "kms:calleraccount",
}

// public tells whether a statement allows anybody on the internet: everyone, and no condition that names callers.
func public(st policy.Statement) bool {
	return st.Effect == "Allow" && st.Everyone() && !slices.ContainsFunc(st.Conditions, func(c policy.Condition) bool {
		named := slices.Contains([]string{"StringEquals", "StringEqualsIgnoreCase", "StringLike", "ArnEquals", "ArnLike", "IpAddress"}, c.Operator)
		return named && slices.Contains(callers, strings.ToLower(c.Key)) && !slices.ContainsFunc(c.Values, func(value string) bool {
			return value == "*" || strings.HasSuffix(value, "/0")
		})
	})
}

// wantPrivate reports whether the policy at path lets the public do any of the actions (anything when none is named).
func wantPrivate(r *promises.Report, resource *graph.Resource, path, fix string, actions ...string) {
	d, readable := document(resource, path)
	open := slices.ContainsFunc(d.Statements, func(st policy.Statement) bool {
		return public(st) && (len(actions) == 0 || slices.ContainsFunc(actions, st.Covers))
	})
	r.Want(resource, readable && !open, path, "a policy that allows nothing to everyone, or to callers that a condition names", fix)
}

// private judges the policies of the types.
func private(types ...string) promises.Check {
	return func(s promises.Subject, r *promises.Report) {
		for _, p := range s.Graph.OfType(types...) {
			wantPrivate(r, p, "policy", "name the principals in the policy")
		}
	}
}

// anybody tells whether a network is so wide that it is practically everyone: wider than any provider's share.
// What is no network counts as such.
func anybody(cidr string) bool {
	network, err := netip.ParsePrefix(cidr)
	if err != nil {
		return true
	}
	if network.Addr().Is4() {
		return network.Bits() < 8
	}
	return network.Bits() < 16
}

// either is yes where something holds and no where it does not.
func either(holds bool, yes, no string) string {
	if holds {
		return yes
	}
	return no
}

// way says whether a subnet's traffic can go to the internet gateway, and in words what its routes are.
func way(subnet *graph.Resource) (found string, closed bool) {
	tables := 0
	for _, association := range subnet.Referrers("subnetId", "aws:ec2/routeTableAssociation:RouteTableAssociation") {
		table := association.Ref("routeTableId", "aws:ec2/routeTable:RouteTable")
		if table == nil {
			return "its route table is not of the stack", false
		}
		tables++
		for _, route := range table.Referrers("routeTableId", "aws:ec2/route:Route") {
			if route.Ref("gatewayId", "aws:ec2/internetGateway:InternetGateway") != nil || strings.HasPrefix(route.Text("gatewayId"), "igw-") {
				return route.Name + " leads to the internet gateway", false
			}
		}
		if len(table.List("routes")) > 0 {
			return table.Name + " has routes of its own", false
		}
	}
	if tables == 0 {
		return "no route table is tied to it", false
	}
	return "no route to the internet gateway", true
}
