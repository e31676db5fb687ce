package localcloud

import (
	"context"
	"fmt"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/berth-iac/berth/localcloud/catalogue"
)

// Invoke answers a function from the catalogue's data.
func (p *provider) Invoke(ctx context.Context, req *pulumirpc.InvokeRequest) (*pulumirpc.InvokeResponse, error) {
	s, err := configured(ctx)
	if err != nil {
		return nil, err
	}
	shape, rule, err := p.cloud.cat.Function(req.GetTok())
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	args, err := unmarshal(req.GetArgs())
	if err != nil {
		return nil, err
	}
	if _, err := p.cloud.injector.begin(ctx, "invoke", req.GetTok(), "", 0); err != nil {
		return nil, status.Errorf(codes.Unknown, "invoking %s: %v", req.GetTok(), err)
	}
	if rule.Refusal != "" {
		return nil, status.Errorf(codes.FailedPrecondition, "%s: the embedded cloud does not answer it: %s", req.GetTok(), rule.Refusal)
	}
	var v validator
	v.properties("", args, shape.Inputs)
	args = withDefaults(args, shape.Inputs)
	v.required("", args, shape.Inputs)
	if len(v.failures) > 0 {
		return &pulumirpc.InvokeResponse{Failures: v.failures}, nil
	}
	answer, err := p.cloud.answer(s, req.GetTok(), shape, rule, args)
	if err != nil {
		return nil, status.Errorf(codes.Unknown, "invoking %s: %v", req.GetTok(), err)
	}
	ret, err := marshal(answer)
	return &pulumirpc.InvokeResponse{Return: ret}, err
}

func (c *Cloud) answer(
	settings settings, token string, shape *catalogue.Function, rule *catalogue.FunctionRule, args resource.PropertyMap,
) (resource.PropertyMap, error) {
	rules, err := c.cat.Rules()
	if err != nil {
		return nil, err
	}
	s := &scene{
		store: c.store, rules: rules, rule: &catalogue.Rule{}, settings: settings, token: token, now: c.options.Clock(),
		salt: c.functionSalt(token), inputs: args, templates: rule.Outputs, done: map[string]result{}, busy: map[string]bool{},
	}
	c.store.mu.Lock()
	defer c.store.mu.Unlock()
	answer := args.Copy()
	for _, name := range sortedKeys(rule.Outputs) {
		r, err := s.computed(name)
		if err != nil {
			return nil, err
		}
		if !r.value.IsNull() {
			answer[resource.PropertyKey(name)] = r.wrapped()
		}
	}
	return markSecrets(answer, shape.Outputs), nil
}

// functionSalt makes random answers differ from call to call, unless the cloud is seeded.
func (c *Cloud) functionSalt(token string) string {
	if c.options.Seed == 0 {
		return rand32()
	}
	return fmt.Sprintf("%x", seeded(c.options.Seed, "function", token, 0))
}

// packageOf is the provider package of a type or function.
func packageOf(token string) string {
	pkg, _, _ := strings.Cut(token, ":")
	return pkg
}
