// Package machine is what a Pulumi program says about machines that exist: which
// keys they make for themselves, and which bundles lie on them. Its provider
// (package provider) reaches a machine by SSH. A refresh reads files, packages
// and units back, so that a preview shows what somebody changed by hand.
//
// It knows no engine and nothing of what machines are for.
package machine

import (
	"fmt"
	"reflect"

	"github.com/berth-iac/berth/machine/bundle"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Provider reaches machines.
type Provider struct{ pulumi.ProviderResourceState }

// NewProvider makes the provider. The private key is what it signs in with, in OpenSSH's format, and becomes a secret; nil: the keys
// of the SSH agent that SSH_AUTH_SOCK names.
func NewProvider(ctx *pulumi.Context, name string, privateKey pulumi.StringInput, opts ...pulumi.ResourceOption) (*Provider, error) {
	props := pulumi.Map{}
	if privateKey != nil {
		props["privateKey"] = pulumi.ToSecret(privateKey)
	}
	p := &Provider{}
	if err := ctx.RegisterResource("pulumi:providers:machine", name, props, p, opts...); err != nil {
		return nil, fmt.Errorf("machine provider %q: %w", name, err)
	}
	return p, nil
}

// Connection is how a machine is reached.
type Connection struct {
	Address pulumi.StringInput // IPv4 address or host name
	Port    int                // of the SSH server
	User    string             // may use sudo without a password
	// HostKey that is taken and no other, such as "ssh-ed25519 AAAA…"; nil keeps the key of the first contact and takes no other after.
	HostKey pulumi.StringInput
	// Instance tells machines apart that have the address one after the other, such as a cloud's id of a server: where it changes, the
	// keys and bundles of the machine before are made on the new one. Nil for a machine that nobody replaces without saying so.
	Instance pulumi.StringInput
	Bastion  *Bastion // nil: straight to the address
}

// With is the connection with a host key, where it has none of its own.
func (c Connection) With(hostKey pulumi.StringInput) Connection {
	if c.HostKey == nil {
		c.HostKey = hostKey
	}
	return c
}

// Pinned is a host key as a file has it; nil where it has none.
func Pinned(hostKey string) pulumi.StringInput {
	if hostKey == "" {
		return nil
	}
	return pulumi.String(hostKey)
}

// Bastion is a machine that SSH goes through.
type Bastion struct {
	Address string
	Port    int
	User    string
	HostKey string
}

func (c Connection) input() pulumi.Map {
	m := pulumi.Map{"address": c.Address, "port": pulumi.Int(c.Port), "user": pulumi.String(c.User), "hostKey": pulumi.String("")}
	if c.HostKey != nil {
		m["hostKey"] = c.HostKey
	}
	if c.Instance != nil {
		m["instance"] = c.Instance
	}
	if b := c.Bastion; b != nil {
		m["bastion"] = pulumi.Map{
			"address": pulumi.String(b.Address), "port": pulumi.Int(b.Port), "user": pulumi.String(b.User), "hostKey": pulumi.String(b.HostKey),
		}
	}
	return m
}

// Keys are key pairs that a machine made for itself. Their private halves never leave it.
type Keys struct {
	pulumi.CustomResourceState

	// WireGuard is the public key of its tunnel, base64.
	WireGuard pulumi.StringOutput `pulumi:"wireguard"`
	// Authority is base64 of the PEM certificates of its own authority: the present one, and after a rotation the one before.
	Authority pulumi.StringOutput `pulumi:"authority"`
	// HostKey is the machine's public SSH host key as it was met.
	HostKey pulumi.StringOutput `pulumi:"hostKey"`
}

// KeysArgs are asked of a machine.
type KeysArgs struct {
	Connection Connection
	// Generation counts rotations from 1: a larger number makes new keys, the authority before stays trusted until the next.
	Generation int
}

// NewKeys makes a machine make its keys, and reads the public halves. They are kept when the resource is deleted.
func NewKeys(ctx *pulumi.Context, name string, args KeysArgs, opts ...pulumi.ResourceOption) (*Keys, error) {
	k := &Keys{}
	props := pulumi.Map{"connection": args.Connection.input(), "generation": pulumi.Int(args.Generation)}
	if err := ctx.RegisterResource("machine:index:Keys", name, props, k, opts...); err != nil {
		return nil, fmt.Errorf("keys %q: %w", name, err)
	}
	return k, nil
}

// Bundle is a bundle that lies on a machine.
type Bundle struct {
	pulumi.CustomResourceState

	// Version is the digest of all that the bundle says, but for settings and secrets.
	Version pulumi.StringOutput `pulumi:"version"`
	// HostKey is the machine's public SSH host key as it was met.
	HostKey pulumi.StringOutput `pulumi:"hostKey"`
}

// BundleArgs are a bundle and the machine that it lies on.
type BundleArgs struct {
	Connection Connection
	Bundle     bundle.Bundle
	// Settings and Secrets have a value for each name that the bundle asks for. Secrets become Pulumi secrets.
	Settings map[string]pulumi.StringInput
	Secrets  map[string]pulumi.StringInput
}

// NewBundle puts a bundle on a machine, and takes it off again when the resource is deleted: what it placed goes, data stays.
func NewBundle(ctx *pulumi.Context, name string, args BundleArgs, opts ...pulumi.ResourceOption) (*Bundle, error) {
	if err := args.check(); err != nil {
		return nil, fmt.Errorf("bundle %q: %w", name, err)
	}
	b := args.Bundle
	files, units, steps := pulumi.Map{}, pulumi.Map{}, pulumi.Map{}
	for _, f := range b.Files {
		files[f.Path] = pulumi.Map{"content": pulumi.String(f.Content), "mode": pulumi.Sprintf("%04o", f.Mode), "owner": pulumi.String(f.Owner)}
	}
	for _, u := range b.Units {
		unit := pulumi.Map{"state": pulumi.String(u.State)}
		if u.Reload {
			unit["reload"] = pulumi.Bool(true)
		}
		if len(u.RestartOn) > 0 {
			unit["restartOn"] = pulumi.ToStringArray(u.RestartOn)
		}
		units[u.Name] = unit
	}
	for _, s := range b.Steps {
		steps[s.Name] = pulumi.String(s.Script)
	}
	secrets := map[string]pulumi.StringInput{}
	for k, v := range args.Secrets {
		secrets[k] = pulumi.ToSecret(v.ToStringOutput()).(pulumi.StringOutput)
	}
	r := &Bundle{}
	props := bundleInputs{
		Connection: args.Connection.input(), Name: pulumi.String(b.Name), Packages: pulumi.ToStringArray(b.Packages),
		Files: files, Units: units, Steps: steps, Settings: args.Settings, Secrets: secrets,
	}
	opts = append(opts, pulumi.AdditionalSecretOutputs([]string{"secrets"}))
	if err := ctx.RegisterResource("machine:index:Bundle", name, props, r, opts...); err != nil {
		return nil, fmt.Errorf("bundle %q: %w", name, err)
	}
	return r, nil
}

// bundleInputs are a bundle's inputs. Settings and secrets are plain maps, so that each value is unknown or secret by itself and
// their names can be read in a preview and in the state: a pulumi.Map becomes unknown or secret as a whole.
type bundleInputs struct {
	Connection, Files, Units, Steps pulumi.Map
	Name                            pulumi.String
	Packages                        pulumi.StringArray
	Settings, Secrets               map[string]pulumi.StringInput
}

// ElementType tells the SDK the names of the inputs and what they are once they are known.
func (bundleInputs) ElementType() reflect.Type { return reflect.TypeFor[bundleValues]() }

type bundleValues struct {
	Connection map[string]any    `pulumi:"connection"`
	Files      map[string]any    `pulumi:"files"`
	Units      map[string]any    `pulumi:"units"`
	Steps      map[string]any    `pulumi:"steps"`
	Name       string            `pulumi:"name"`
	Packages   []string          `pulumi:"packages"`
	Settings   map[string]string `pulumi:"settings"`
	Secrets    map[string]string `pulumi:"secrets"`
}
