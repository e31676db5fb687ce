package provider

import (
	"context"
	"fmt"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/berth-iac/berth/machine/ssh"
)

// How long work on a machine may take where the program says nothing: a first apply installs packages and builds an array.
const (
	applyWithin = 2 * time.Hour
	readWithin  = 10 * time.Minute
)

// Check reports all that is wrong with a resource's inputs at once.
func (p *provider) Check(ctx context.Context, req *pulumirpc.CheckRequest) (*pulumirpc.CheckResponse, error) {
	a, err := p.asked(ctx, req.GetUrn())
	if err != nil {
		return nil, err
	}
	news, err := unmarshal(req.GetNews())
	if err != nil {
		return nil, err
	}
	var found problems
	if a.kind == keysType {
		_, found = readKeys(news)
	} else {
		_, found = readBundle(news)
		if secrets, known, _ := bare(news["secrets"]); known && secrets.IsObject() {
			all := secrets.ObjectValue().Copy()
			for name, v := range all {
				all[name] = secret(v)
			}
			news["secrets"] = resource.NewObjectProperty(all)
		}
	}
	inputs, err := marshal(news)
	return &pulumirpc.CheckResponse{Inputs: inputs, Failures: found.list}, err
}

// Diff names each file, package, unit, step and setting that an update would change.
func (p *provider) Diff(ctx context.Context, req *pulumirpc.DiffRequest) (*pulumirpc.DiffResponse, error) {
	a, err := p.asked(ctx, req.GetUrn())
	if err != nil {
		return nil, err
	}
	state, olds, news, err := three(req.GetOlds(), req.GetOldInputs(), req.GetNews())
	if err != nil {
		return nil, err
	}
	if a.kind == keysType {
		return compareKeys(olds, news).response(), nil
	}
	d := compareBundle(state, olds, news)
	r := d.response()
	// The old bundle goes first: the new one has the same files.
	_, renamed := d.found["name"]
	r.DeleteBeforeReplace = renamed
	return r, nil
}

// Create makes a machine make its keys, or puts a bundle on it. A preview makes no connection.
func (p *provider) Create(ctx context.Context, req *pulumirpc.CreateRequest) (*pulumirpc.CreateResponse, error) {
	a, err := p.asked(ctx, req.GetUrn())
	if err != nil {
		return nil, err
	}
	inputs, err := unmarshal(req.GetProperties())
	if err != nil {
		return nil, err
	}
	if req.GetPreview() {
		state, err := marshal(a.foresee(resource.PropertyMap{}, inputs, true))
		return &pulumirpc.CreateResponse{Properties: state}, err
	}
	ctx, cancel := a.machine.bounded(ctx, req.GetTimeout(), applyWithin)
	defer cancel()
	id, state, err := p.make(ctx, a, "", "", inputs)
	if err != nil {
		return nil, failure(err)
	}
	props, err := marshal(state)
	return &pulumirpc.CreateResponse{Id: id, Properties: props}, err
}

// Update does the same for what exists: an applier changes what differs and nothing else.
func (p *provider) Update(ctx context.Context, req *pulumirpc.UpdateRequest) (*pulumirpc.UpdateResponse, error) {
	a, err := p.asked(ctx, req.GetUrn())
	if err != nil {
		return nil, err
	}
	olds, before, news, err := three(req.GetOlds(), req.GetOldInputs(), req.GetNews())
	if err != nil {
		return nil, err
	}
	if req.GetPreview() {
		fresh := otherMachine(olds, news) || replaced(before, news) || a.kind == keysType && !same(before["generation"], news["generation"])
		state, err := marshal(a.foresee(olds, news, fresh))
		return &pulumirpc.UpdateResponse{Properties: state}, err
	}
	ctx, cancel := a.machine.bounded(ctx, req.GetTimeout(), applyWithin)
	defer cancel()
	var ignored problems
	known, _ := ignored.text("hostKey", olds["hostKey"])
	if replaced(before, news) {
		known = "" // that of the machine before: the one in its place is met for the first time, or is pinned by the program
	}
	_, state, err := p.make(ctx, a, req.GetId(), known, news)
	if err != nil {
		return nil, failure(err)
	}
	props, err := marshal(state)
	return &pulumirpc.UpdateResponse{Properties: props}, err
}

// make is create and update. The id is empty for what is new, known the host key that the machine showed before.
func (p *provider) make(ctx context.Context, a asked, id, known string, inputs resource.PropertyMap) (string, resource.PropertyMap, error) {
	if a.kind == keysType {
		return p.makeKeys(ctx, a, id, known, inputs)
	}
	return p.makeBundle(ctx, a, id, known, inputs)
}

// Read tells what the machine has. An empty id means that it has nothing of the resource; a machine that does not answer is an error.
func (p *provider) Read(ctx context.Context, req *pulumirpc.ReadRequest) (*pulumirpc.ReadResponse, error) {
	a, err := p.asked(ctx, req.GetUrn())
	if err != nil {
		return nil, err
	}
	state, inputs, err := two(req.GetProperties(), req.GetInputs())
	if err != nil {
		return nil, err
	}
	if len(inputs) == 0 {
		return nil, failure(fmt.Errorf("%s cannot be imported by its id: declare it and run up, which takes over what is there", a.kind))
	}
	ctx, cancel := a.machine.bounded(ctx, 0, readWithin)
	defer cancel()
	there := false
	if a.kind == keysType {
		there, err = p.readKeys(ctx, a, state, inputs)
	} else {
		there, err = p.readBundle(ctx, a, state, inputs)
	}
	if err != nil {
		return nil, failure(err)
	}
	if !there {
		return &pulumirpc.ReadResponse{}, nil
	}
	props, err := marshal(state)
	if err != nil {
		return nil, err
	}
	in, err := marshal(inputs)
	return &pulumirpc.ReadResponse{Id: req.GetId(), Properties: props, Inputs: in}, err
}

// Delete takes a bundle off its machine. Keys stay: other machines trust them, and data is read with them.
func (p *provider) Delete(ctx context.Context, req *pulumirpc.DeleteRequest) (*emptypb.Empty, error) {
	a, err := p.asked(ctx, req.GetUrn())
	if err != nil {
		return nil, err
	}
	if a.kind == keysType {
		return &emptypb.Empty{}, nil
	}
	state, inputs, err := two(req.GetProperties(), req.GetOldInputs())
	if err != nil {
		return nil, err
	}
	ctx, cancel := a.machine.bounded(ctx, req.GetTimeout(), applyWithin)
	defer cancel()
	if err := p.deleteBundle(ctx, a, state, inputs); err != nil {
		return nil, failure(err)
	}
	return &emptypb.Empty{}, nil
}

// pinned is the machine with the host key that it has to show: the one that the program names, or the one that it showed before.
func pinned(t ssh.Target, known string) ssh.Target {
	if t.HostKey == "" {
		t.HostKey = known
	}
	return t
}

// foresee is the state that an apply would leave, without asking a machine.
func (a asked) foresee(olds, inputs resource.PropertyMap, fresh bool) resource.PropertyMap {
	state := inputs.Copy()
	var ignored problems
	outputs := []resource.PropertyKey{"hostKey"}
	if a.kind == keysType {
		outputs = append(outputs, "wireguard", "authority")
	}
	target, known := ignored.target(inputs["connection"])
	for _, name := range outputs {
		was, there := olds[name]
		switch {
		case name == "hostKey" && known && target.HostKey != "":
			state[name] = resource.NewStringProperty(target.HostKey)
		case there && known && !fresh:
			state[name] = was
		default:
			state[name] = unknown()
		}
	}
	if a.kind == bundleType {
		in, found := readBundle(inputs)
		state["version"] = unknown()
		if in.described && len(found.list) == 0 {
			state["version"] = resource.NewStringProperty(in.bundle.Version())
		}
	}
	return state
}

func unknown() resource.PropertyValue { return resource.MakeComputed(resource.NewStringProperty("")) }
