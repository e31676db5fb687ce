// Package policy writes IAM policy documents as typed values: roles, buckets,
// keys, topics and endpoints all speak this language. Values may be outputs of
// other resources. The JSON is deterministic, so that an unchanged policy is no
// change.
//
// It knows the language and no service; what may be done by whom is said where
// the resource is.
package policy

import (
	"encoding/json"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Version is the policy language's version.
const Version = "2012-10-17"

// Effect of a statement.
const (
	Allow = "Allow"
	Deny  = "Deny"
)

// Statement is one statement of a document. Empty fields are left out.
type Statement struct {
	Sid          string
	Effect       string // Allow (default) or Deny
	Principals   Principals
	NotPrincipal Principals
	Actions      []string
	NotActions   []string
	Resources    []pulumi.StringInput
	NotResources []pulumi.StringInput
	Conditions   []Condition
}

// Principals by type: "AWS", "Service", "Federated"; Anyone for "*".
type Principals map[string][]pulumi.StringInput

// Anyone is every principal. Use it in Deny statements, or with a condition that narrows it.
func Anyone() Principals { return Principals{"*": nil} }

// Service is an AWS service as principal, such as "logs.eu-west-2.amazonaws.com".
func Service(names ...string) Principals { return Principals{"Service": Strings(names...)} }

// AWS are roles, users or accounts, by ARN.
func AWS(arns ...pulumi.StringInput) Principals { return Principals{"AWS": arns} }

// Condition is one test: operator, key, values.
type Condition struct {
	Operator, Key string
	Values        []pulumi.StringInput
}

// When is a condition over values.
func When(operator, key string, values ...pulumi.StringInput) Condition {
	return Condition{operator, key, values}
}

// Is is a condition over plain strings.
func Is(operator, key string, values ...string) Condition {
	return Condition{operator, key, Strings(values...)}
}

// Strings turns plain strings into inputs.
func Strings(values ...string) []pulumi.StringInput {
	inputs := make([]pulumi.StringInput, len(values))
	for i, v := range values {
		inputs[i] = pulumi.String(v)
	}
	return inputs
}

// OnlyFor are the confused-deputy conditions: the service acts for this account, and for these
// resources (ARNs, may hold wildcards) when any are given.
func OnlyFor(account string, sourceArns ...pulumi.StringInput) []Condition {
	conditions := []Condition{Is("StringEquals", "aws:SourceAccount", account)}
	if len(sourceArns) > 0 {
		conditions = append(conditions, When("ArnLike", "aws:SourceArn", sourceArns...))
	}
	return conditions
}

// TLSOnly denies everything on a bucket and its objects that does not come over TLS 1.2 or later.
func TLSOnly(resources ...pulumi.StringInput) []Statement {
	return []Statement{
		{Sid: "DenyPlainHTTP", Effect: Deny, Principals: Anyone(), Actions: []string{"s3:*"}, Resources: resources,
			Conditions: []Condition{Is("Bool", "aws:SecureTransport", "false")}},
		{Sid: "DenyOldTLS", Effect: Deny, Principals: Anyone(), Actions: []string{"s3:*"}, Resources: resources,
			Conditions: []Condition{Is("NumericLessThan", "s3:TlsVersion", "1.2")}},
	}
}

// OwnAccountOnly are the statements of a secret's own policy: no other account gets at it, and nobody in plain HTTP.
// "*" is the secret itself there.
func OwnAccountOnly(account string) []Statement {
	return []Statement{
		{Sid: "DenyOtherAccounts", Effect: Deny, Principals: Anyone(), Actions: []string{"secretsmanager:*"}, Resources: Strings("*"),
			Conditions: []Condition{Is("StringNotEquals", "aws:PrincipalAccount", account), Is("Bool", "aws:PrincipalIsAWSService", "false")}},
		{Sid: "DenyPlainHTTP", Effect: Deny, Principals: Anyone(), Actions: []string{"secretsmanager:*"}, Resources: Strings("*"),
			Conditions: []Condition{Is("Bool", "aws:SecureTransport", "false")}},
	}
}

// Document is the JSON of a policy document.
func Document(statements ...Statement) pulumi.StringOutput {
	list := make(pulumi.Array, len(statements))
	for i, s := range statements {
		list[i] = s.value()
	}
	document := pulumi.Map{"Version": pulumi.String(Version), "Statement": list}
	return document.ToMapOutput().ApplyT(func(v map[string]any) (string, error) {
		text, err := json.Marshal(v) // map keys come out sorted
		return string(text), err
	}).(pulumi.StringOutput)
}

func (s Statement) value() pulumi.Map {
	m := pulumi.Map{"Effect": pulumi.String(Allow)}
	if s.Effect != "" {
		m["Effect"] = pulumi.String(s.Effect)
	}
	if s.Sid != "" {
		m["Sid"] = pulumi.String(s.Sid)
	}
	s.Principals.into(m, "Principal")
	s.NotPrincipal.into(m, "NotPrincipal")
	for key, values := range map[string][]pulumi.StringInput{
		"Action": Strings(s.Actions...), "NotAction": Strings(s.NotActions...),
		"Resource": s.Resources, "NotResource": s.NotResources,
	} {
		if len(values) > 0 {
			m[key] = oneOrMany(values)
		}
	}
	if len(s.Conditions) > 0 {
		byOperator := map[string]pulumi.Map{}
		for _, c := range s.Conditions {
			if byOperator[c.Operator] == nil {
				byOperator[c.Operator] = pulumi.Map{}
			}
			byOperator[c.Operator][c.Key] = oneOrMany(c.Values)
		}
		conditions := pulumi.Map{}
		for operator, keys := range byOperator {
			conditions[operator] = keys
		}
		m["Condition"] = conditions
	}
	return m
}

func (p Principals) into(m pulumi.Map, key string) {
	if len(p) == 0 {
		return
	}
	if _, anyone := p["*"]; anyone {
		m[key] = pulumi.String("*")
		return
	}
	types := pulumi.Map{}
	for kind, values := range p {
		types[kind] = oneOrMany(values)
	}
	m[key] = types
}

func oneOrMany(values []pulumi.StringInput) pulumi.Input {
	if len(values) == 1 {
		return values[0]
	}
	return pulumi.StringArray(values)
}
