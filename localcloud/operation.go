package localcloud

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/structpb"
)

// Create makes an object, or shows what it would be.
func (p *provider) Create(ctx context.Context, req *pulumirpc.CreateRequest) (*pulumirpc.CreateResponse, error) {
	t, err := p.typed(ctx, req.GetUrn())
	if err != nil {
		return nil, err
	}
	inputs, err := unmarshal(req.GetProperties())
	if err != nil {
		return nil, err
	}
	inputs = markSecrets(inputs, t.shape.Inputs)
	if req.GetPreview() {
		state, err := p.cloud.foresee(t, inputs)
		if err != nil {
			return nil, p.failure("creating", t, "", err)
		}
		props, err := marshal(state)
		return &pulumirpc.CreateResponse{Properties: props}, err
	}
	call, err := p.cloud.injector.begin(ctx, "create", t.token, t.urn.Name(), p.cloud.options.Delay)
	if err != nil {
		return nil, p.failure("creating", t, "", err)
	}
	c := p.cloud
	c.store.mu.Lock()
	o, state, err := c.create(t, inputs)
	c.store.mu.Unlock()
	if err != nil {
		return nil, p.failure("creating", t, "", err)
	}
	c.logf("created %s %s", t.token, o.key.ID)
	props, err := marshal(state)
	if err != nil {
		return nil, err
	}
	if err := call.end(t, o.key.ID, props, req.GetProperties()); err != nil {
		return nil, err
	}
	return &pulumirpc.CreateResponse{Id: o.key.ID, Properties: props}, nil
}

// foresee is the state of an object that does not exist yet: what the cloud computes is unknown, except tags.
func (c *Cloud) foresee(t typed, inputs resource.PropertyMap) (resource.PropertyMap, error) {
	state := resource.PropertyMap{}
	for name, v := range inputs {
		if !strings.HasPrefix(string(name), "__") {
			state[name] = v
		}
	}
	s := c.scene(t, inputs)
	for _, name := range t.shape.Computed() {
		k := resource.PropertyKey(name)
		if v, ok := state[k]; ok && !v.IsNull() {
			continue
		}
		state[k] = unknown()
		if name == tagsAllProperty {
			r, err := s.computed(name)
			if err != nil {
				return nil, err
			}
			if !r.value.IsNull() {
				state[k] = r.wrapped()
			}
		}
	}
	return state, nil
}

// Update changes an object, or shows what it would be.
func (p *provider) Update(ctx context.Context, req *pulumirpc.UpdateRequest) (*pulumirpc.UpdateResponse, error) {
	t, err := p.typed(ctx, req.GetUrn())
	if err != nil {
		return nil, err
	}
	news, err := unmarshal(req.GetNews())
	if err != nil {
		return nil, err
	}
	news = markSecrets(news, t.shape.Inputs)
	if req.GetPreview() {
		olds, err := unmarshal(req.GetOlds())
		if err != nil {
			return nil, err
		}
		before, err := unmarshal(req.GetOldInputs())
		if err != nil {
			return nil, err
		}
		props, err := marshal(p.cloud.foreseeUpdate(t, req.GetId(), before, olds, news))
		return &pulumirpc.UpdateResponse{Properties: props}, err
	}
	call, err := p.cloud.injector.begin(ctx, "update", t.token, t.urn.Name(), p.cloud.options.Delay)
	if err != nil {
		return nil, p.failure("updating", t, req.GetId(), err)
	}
	c := p.cloud
	c.store.mu.Lock()
	o := c.store.objects[c.store.keyOf(t.token, t.settings.account, t.settings.region, req.GetId())]
	if o == nil || o.pending() {
		c.store.mu.Unlock()
		return nil, p.failure("updating", t, req.GetId(), refusal("NotFound: couldn't find resource: "+
			"it is gone from the cloud; run `pulumi refresh`"))
	}
	state, err := c.update(t, o, news)
	c.store.mu.Unlock()
	if err != nil {
		return nil, p.failure("updating", t, req.GetId(), err)
	}
	c.logf("updated %s %s", t.token, o.key.ID)
	props, err := marshal(state)
	if err != nil {
		return nil, err
	}
	if err := call.end(t, o.key.ID, props, req.GetNews()); err != nil {
		return nil, err
	}
	return &pulumirpc.UpdateResponse{Properties: props}, nil
}

// foreseeUpdate is the state after an update that is not made yet. Computed properties stay as they are but for
// those that the rule calls unsettled, even where the update will change them: the real provider foresees no more.
func (c *Cloud) foreseeUpdate(t typed, id string, before, olds, news resource.PropertyMap) resource.PropertyMap {
	state := resource.PropertyMap{}
	for name, v := range news {
		if !strings.HasPrefix(string(name), "__") {
			state[name] = v
		}
	}
	d := differ{found: map[string]*pulumirpc.PropertyDiff{}, state: olds}
	d.properties("", before, news, t.shape.Inputs)
	s := c.scene(t, news)
	s.id = id
	for _, name := range t.shape.Computed() {
		k := resource.PropertyKey(name)
		if v, ok := state[k]; ok && !v.IsNull() {
			continue
		}
		old, had := olds[k]
		if name == tagsAllProperty {
			if r, err := s.computed(name); err == nil && !r.value.IsNull() {
				state[k] = r.wrapped()
				continue
			}
		}
		switch {
		case d.unsettles(t.rule.Unsettled[name]):
			state[k] = unknown()
		case had:
			state[k] = old
		}
	}
	return state
}

// Read tells what the cloud has, for a refresh or an import. An empty id means that it is gone.
func (p *provider) Read(ctx context.Context, req *pulumirpc.ReadRequest) (*pulumirpc.ReadResponse, error) {
	t, err := p.typed(ctx, req.GetUrn())
	if err != nil {
		return nil, err
	}
	if _, err := p.cloud.injector.begin(ctx, "read", t.token, t.urn.Name(), 0); err != nil {
		return nil, p.failure("reading", t, req.GetId(), err)
	}
	knownState, err := unmarshal(req.GetProperties())
	if err != nil {
		return nil, err
	}
	knownInputs, err := unmarshal(req.GetInputs())
	if err != nil {
		return nil, err
	}
	c := p.cloud
	c.store.mu.Lock()
	o := c.store.objects[c.store.keyOf(t.token, t.settings.account, t.settings.region, req.GetId())]
	c.store.mu.Unlock()
	if o == nil || o.pending() {
		return &pulumirpc.ReadResponse{}, nil
	}
	// What the provider chose and what the engine has in state are told apart by the marker in the inputs.
	inputs := c.store.seal.unsealMap(o.inputs, knownInputs)
	if v, ok := knownInputs[defaultsKey]; ok {
		inputs[defaultsKey] = v
	}
	state, err := marshal(c.store.seal.unsealMap(o.state, knownState))
	if err != nil {
		return nil, err
	}
	in, err := marshal(inputs)
	return &pulumirpc.ReadResponse{Id: o.key.ID, Properties: state, Inputs: in}, err
}

// Delete removes an object. One that is gone already is fine.
func (p *provider) Delete(ctx context.Context, req *pulumirpc.DeleteRequest) (*emptypb.Empty, error) {
	t, err := p.typed(ctx, req.GetUrn())
	if err != nil {
		return nil, err
	}
	call, err := p.cloud.injector.begin(ctx, "delete", t.token, t.urn.Name(), p.cloud.options.Delay)
	if err != nil {
		return nil, p.failure("deleting", t, req.GetId(), err)
	}
	c := p.cloud
	c.store.mu.Lock()
	o := c.store.objects[c.store.keyOf(t.token, t.settings.account, t.settings.region, req.GetId())]
	if o == nil || o.pending() {
		c.store.mu.Unlock()
		return &emptypb.Empty{}, nil
	}
	err = c.delete(t, o)
	c.store.mu.Unlock()
	if err != nil {
		return nil, p.failure("deleting", t, req.GetId(), err)
	}
	c.logf("deleted %s %s", t.token, o.key.ID)
	return &emptypb.Empty{}, call.end(t, o.key.ID, nil, nil)
}

// failure is an error as the real providers word it: "creating EC2 Subnet (subnet-1): InvalidSubnet.Conflict: …".
func (p *provider) failure(doing string, t typed, id string, err error) error {
	if _, ok := status.FromError(err); ok {
		return err
	}
	what := t.title()
	if name := cmp.Or(id, t.urn.Name()); name != "" {
		what = fmt.Sprintf("%s (%s)", what, name)
	}
	// The real providers return plain errors, which arrive with this code.
	return status.Errorf(codes.Unknown, "%s %s: %v", doing, what, err)
}

// title is what errors call the type: "EC2 Subnet".
func (t typed) title() string {
	if t.rule.Title != "" {
		return t.rule.Title
	}
	_, rest, _ := strings.Cut(t.token, ":")
	module, name, _ := strings.Cut(rest, ":")
	module, _, _ = strings.Cut(module, "/")
	var words strings.Builder
	for i, r := range strings.TrimSuffix(name, "V2") {
		if i > 0 && unicode.IsUpper(r) {
			words.WriteByte(' ')
		}
		words.WriteRune(r)
	}
	service := t.rules.Tables["services"][module]
	if service == nil || t.settings.pkg != "aws" {
		return words.String()
	}
	return fmt.Sprintf("%v %s", service, words.String())
}

// initFailed says that an object exists but did not come up, with the state that it has.
func initFailed(t typed, id string, state, inputs *structpb.Struct) error {
	s, err := status.New(codes.Unknown, "resource partially created but not ready").WithDetails(&pulumirpc.ErrorResourceInitFailed{
		Id: id, Properties: state, Inputs: inputs,
		Reasons: []string{fmt.Sprintf("waiting for %s (%s): unexpected state 'failed', wanted target 'available'",
			t.title(), id)},
	})
	if err != nil {
		return err
	}
	return s.Err()
}

const tagsAllProperty = "tagsAll"

func sortedReferrers(referrers map[key]*object) []key {
	return slices.SortedFunc(maps.Keys(referrers), func(a, b key) int {
		return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.Region, b.Region), cmp.Compare(a.ID, b.ID))
	})
}

func rand32() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails: the runtime aborts instead
	return hex.EncodeToString(b)
}
