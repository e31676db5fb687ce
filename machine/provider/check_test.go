package provider_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/berth-iac/berth/machine/provider"
)

// props are inputs and outputs as plain values.
type props = map[string]any

const (
	oneKey   = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJnbX6zK7vJ1q0F2k3m4n5o6p7q8r9s0t1u2v3w4x5y6"
	otherKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKnbX6zK7vJ1q0F2k3m4n5o6p7q8r9s0t1u2v3w4x5y6"
)

// engine stands in for an engine's connection for one provider resource.
type engine struct {
	t      *testing.T
	client pulumirpc.ResourceProviderClient
}

func attach(t *testing.T) engine {
	t.Helper()
	port := strings.TrimPrefix(serve(t, provider.Options{})["PULUMI_DEBUG_PROVIDERS"], "machine:")
	conn, err := grpc.NewClient("127.0.0.1:"+port, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	e := engine{t, pulumirpc.NewResourceProviderClient(conn)}
	if _, err := e.client.Configure(t.Context(), &pulumirpc.ConfigureRequest{Args: e.marshal(nil)}); err != nil {
		t.Fatal(err)
	}
	return e
}

func (e engine) marshal(p props) *structpb.Struct {
	e.t.Helper()
	values := resource.PropertyMap{}
	for name, v := range p {
		values[resource.PropertyKey(name)] = resource.NewPropertyValue(v)
	}
	s, err := plugin.MarshalProperties(values, plugin.MarshalOptions{KeepUnknowns: true, KeepSecrets: true})
	if err != nil {
		e.t.Fatal(err)
	}
	return s
}

func urn(kind string) string { return "urn:pulumi:test::machines::machine:index:" + kind + "::it" }

func with(base, more props) props {
	all := maps.Clone(base)
	maps.Copy(all, more)
	return all
}

func lies(more props) props {
	return with(props{
		"connection": props{"address": "203.0.113.10", "port": 22, "user": "berth", "hostKey": ""},
		"name":       "host", "packages": []any{"chrony", "nftables"},
		"files":    props{"/etc/nftables.conf": props{"content": "flush ruleset\n", "mode": "0644", "owner": ""}},
		"units":    props{"nftables.service": props{"state": "running", "restartOn": []any{"/etc/nftables.conf"}}},
		"steps":    props{"20-disks": "true\n"},
		"settings": props{"disk-a": "/dev/sdb"},
		"secrets":  props{"backup-passphrase": "hush-hush"},
	}, more)
}

func TestCheckTellsAllProblems(t *testing.T) {
	e := attach(t)
	resp, err := e.client.Check(t.Context(), &pulumirpc.CheckRequest{Urn: urn("Bundle"), News: e.marshal(lies(props{
		"connection": props{"address": "not an address", "port": 70000, "user": "Berth!", "hostKey": "ssh-ed25519 x", "jump": "no"},
		"settings":   props{"disk-a": "two\nlines"},
		"files": props{"/etc/secret": props{"content": resource.MakeSecret(resource.NewStringProperty("hush")), "mode": "rw", "owner": ""},
			"/etc/odd": props{"content": "x", "mode": "0644", "colour": "red"}},
		"units": props{"x.service": props{"state": "running", "reload": "yes"}},
	}))})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range resp.GetFailures() {
		got = append(got, f.GetProperty())
		if strings.Contains(f.GetReason(), "hush") {
			t.Errorf("the reason holds a secret: %s", f.GetReason())
		}
	}
	for _, want := range []string{"connection.address", "connection.port", "connection.user", "connection.hostKey", "connection.jump", `settings.disk-a`,
		`files./etc/secret.content`, `files./etc/secret.mode`, `files./etc/odd.colour`, `units["x.service"].reload`} {
		if !slices.ContainsFunc(got, func(p string) bool { return plain(p) == plain(want) }) {
			t.Errorf("failures at %q, want one at %s", got, want)
		}
	}
	// What the bundle itself refuses comes through, and secrets become secrets.
	resp, err = e.client.Check(t.Context(), &pulumirpc.CheckRequest{Urn: urn("Bundle"), News: e.marshal(lies(props{"name": "Host"}))})
	if err != nil || len(resp.GetFailures()) == 0 {
		t.Errorf("a bad name: %v, %v", resp.GetFailures(), err)
	}
	resp, err = e.client.Check(t.Context(), &pulumirpc.CheckRequest{Urn: urn("Bundle"), News: e.marshal(lies(nil))})
	if err != nil || len(resp.GetFailures()) > 0 {
		t.Fatalf("a good bundle: %v, %v", resp.GetFailures(), err)
	}
	inputs, err := plugin.UnmarshalProperties(resp.GetInputs(), plugin.MarshalOptions{KeepSecrets: true})
	if err != nil || !inputs["secrets"].ObjectValue()["backup-passphrase"].IsSecret() {
		t.Errorf("secrets = %v, want each a secret", inputs["secrets"])
	}
	resp, err = e.client.Check(t.Context(), &pulumirpc.CheckRequest{Urn: urn("Keys"), News: e.marshal(props{"connection": lies(nil)["connection"], "generation": 0})})
	if err != nil || len(resp.GetFailures()) != 1 {
		t.Errorf("generation 0: %v, %v", resp.GetFailures(), err)
	}
}

// plain is a path however its parts are quoted.
func plain(path string) string { return strings.NewReplacer(`["`, ".", `"]`, "").Replace(path) }

func TestDiffNamesWhatChanges(t *testing.T) {
	e := attach(t)
	at := func(address, hostKey string) props {
		return props{"connection": props{"address": address, "port": 22, "user": "berth", "hostKey": hostKey}}
	}
	for name, tc := range map[string]struct {
		state, news props
		want        []string
		replaces    bool
	}{
		"nothing":            {nil, nil, nil, false},
		"a package more":     {nil, props{"packages": []any{"aide", "chrony", "nftables"}}, []string{"packages[0]"}, false},
		"another package":    {nil, props{"packages": []any{"chrony", "wireguard-tools"}}, []string{"packages[1]"}, false},
		"a unit's state":     {nil, props{"units": props{"nftables.service": props{"state": "masked", "restartOn": []any{"/etc/nftables.conf"}}}}, []string{"units.nftables.service.state"}, false},
		"a step":             {nil, props{"steps": props{"20-disks": "false\n"}}, []string{"steps.20-disks"}, false},
		"a secret":           {nil, props{"secrets": props{"backup-passphrase": resource.MakeSecret(resource.NewStringProperty("other"))}}, []string{"secrets.backup-passphrase"}, false},
		"another name":       {nil, props{"name": "other"}, []string{"name"}, true},
		"another address":    {props{"hostKey": oneKey}, at("203.0.113.11", ""), []string{"connection.address"}, false},
		"the same machine":   {props{"hostKey": oneKey}, at("203.0.113.11", oneKey), []string{"connection.address", "connection.hostKey"}, false},
		"another machine":    {props{"hostKey": oneKey}, at("203.0.113.11", otherKey), []string{"connection.address", "connection.hostKey"}, true},
		"set up anew":        {props{"hostKey": oneKey}, at("203.0.113.10", otherKey), []string{"connection.hostKey"}, false},
		"a step to be done":  {props{"pending": props{"20-disks": "mirror /dev/md0 is degraded"}}, nil, []string{"pending.20-disks"}, false},
		"not known yet":      {nil, props{"settings": props{"disk-a": resource.MakeComputed(resource.NewStringProperty(""))}}, []string{"settings.disk-a"}, false},
		"a stranger's steps": {props{"version": strings.Repeat("0", 64)}, nil, []string{"version"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			state := with(lies(nil), tc.state)
			resp, err := e.client.Diff(t.Context(), &pulumirpc.DiffRequest{Id: "host@203.0.113.10", Urn: urn("Bundle"),
				Olds: e.marshal(state), OldInputs: e.marshal(lies(nil)), News: e.marshal(lies(tc.news))})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for path := range resp.GetDetailedDiff() {
				got = append(got, plain(path))
			}
			slices.Sort(got)
			if !slices.Equal(got, tc.want) || len(resp.GetReplaces()) > 0 != tc.replaces {
				t.Errorf("changes %q, replaces %q; want %q, %v", got, resp.GetReplaces(), tc.want, tc.replaces)
			}
			if name == "another name" && !resp.GetDeleteBeforeReplace() {
				t.Error("both bundles would have the same files")
			}
		})
	}
}

func TestPreviewConnectsToNothing(t *testing.T) {
	e := attach(t)
	news := lies(props{"settings": props{"disk-a": resource.MakeComputed(resource.NewStringProperty(""))}})
	resp, err := e.client.Create(t.Context(), &pulumirpc.CreateRequest{Urn: urn("Bundle"), Preview: true, Properties: e.marshal(news)})
	if err != nil {
		t.Fatal(err)
	}
	state, err := plugin.UnmarshalProperties(resp.GetProperties(), plugin.MarshalOptions{KeepUnknowns: true, KeepSecrets: true})
	if err != nil || !state["version"].IsString() || !state["hostKey"].IsComputed() {
		t.Errorf("version %v, host key %v: the one is known before, the other is not", state["version"], state["hostKey"])
	}
}
