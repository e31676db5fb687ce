package localcloud_test

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"

	"github.com/berth-iac/berth/localcloud"
)

const (
	machineKeysType   = "machine:index:Keys"
	machineBundleType = "machine:index:Bundle"
)

func connection(address string) props {
	return props{"address": address, "port": 22, "user": "berth", "hostKey": ""}
}

func lies(address string, more props) props {
	return with(props{
		"connection": connection(address), "name": "host", "packages": []any{"nftables", "wireguard-tools"},
		"files":    props{"/etc/nftables.conf": props{"content": "hello\n", "mode": "0644", "owner": ""}},
		"units":    props{"nftables.service": props{"state": "running"}},
		"steps":    props{"20-disks": "true\n"},
		"settings": props{"disk-a": "/dev/sdb"}, "secrets": props{"backup-passphrase": secret("hush")},
	}, more)
}

func TestMachineKeys(t *testing.T) {
	cloud := start(t, localcloud.Options{Seed: 3})
	e := connect(t, cloud, "machine", props{"privateKey": secret("-----BEGIN…")})
	one := e.mustCreate(machineKeysType, "jnb", props{"connection": connection("203.0.113.10"), "generation": 1})
	raw, err := base64.StdEncoding.DecodeString(one.text("wireguard"))
	if err != nil || len(raw) != 32 {
		t.Errorf("wireguard = %q", one.text("wireguard"))
	}
	if !strings.HasPrefix(one.text("hostKey"), "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI") || len(one.text("hostKey")) != 80 {
		t.Errorf("hostKey = %q", one.text("hostKey"))
	}
	if n := len(certificates(t, one.text("authority"))); n != 1 {
		t.Errorf("%d authorities, want 1", n)
	}
	two, err := e.update(machineKeysType, "jnb", one, props{"connection": connection("203.0.113.10"), "generation": 2})
	if err != nil {
		t.Fatal(err)
	}
	if two.text("wireguard") == one.text("wireguard") {
		t.Error("a rotation kept the tunnel's key")
	}
	before, after := certificates(t, one.text("authority")), certificates(t, two.text("authority"))
	if len(after) != 2 || !after[1].Equal(before[0]) {
		t.Errorf("after a rotation %d authorities, want the new one and the old", len(after))
	}
}

func certificates(t *testing.T, encoded string) []*x509.Certificate {
	t.Helper()
	rest, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		t.Fatal(err)
	}
	var all []*x509.Certificate
	for block, rest := pem.Decode(rest); block != nil; block, rest = pem.Decode(rest) {
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	return all
}

func TestMachineBundle(t *testing.T) {
	cloud := start(t, localcloud.Options{})
	e := connect(t, cloud, "machine", nil)
	jnb := e.mustCreate(machineBundleType, "jnb-host", lies("203.0.113.10", nil))
	if len(jnb.text("version")) != 64 || jnb.id != "host@203.0.113.10" {
		t.Errorf("id %s, version %s", jnb.id, jnb.text("version"))
	}
	keys := e.mustCreate(machineKeysType, "jnb", props{"connection": connection("203.0.113.10"), "generation": 1})
	if jnb.text("hostKey") != keys.text("hostKey") {
		t.Error("two resources on one machine met different host keys")
	}
	_, err := e.create(machineBundleType, "again", lies("203.0.113.10", nil))
	wantError(t, err, "lies on 203.0.113.10 already")
	e.mustCreate(machineBundleType, "cpt-host", lies("203.0.113.11", nil))

	d := e.diff(machineBundleType, "jnb-host", jnb, lies("203.0.113.10", props{
		"files": props{"/etc/nftables.conf": props{"content": "bye\n", "mode": "0644", "owner": ""}}}))
	if got := d.GetDetailedDiff(); len(got) != 1 || got[`files["/etc/nftables.conf"].content`].GetKind() != pulumirpc.PropertyDiff_UPDATE {
		t.Errorf("a changed file: %v", got)
	}
	d = e.diff(machineBundleType, "jnb-host", jnb, lies("203.0.113.10", props{"name": "other"}))
	if len(d.GetReplaces()) == 0 {
		t.Errorf("another name: %v", d)
	}
	d = e.diff(machineBundleType, "jnb-host", jnb, lies("203.0.113.12", nil))
	if len(d.GetReplaces()) != 0 || d.GetChanges() != pulumirpc.DiffResponse_DIFF_SOME {
		t.Errorf("another address: %v", d)
	}
	changed, err := e.update(machineBundleType, "jnb-host", jnb, lies("203.0.113.10", props{"steps": props{"20-disks": "false\n"}}))
	if err != nil || changed.text("version") == jnb.text("version") {
		t.Errorf("a changed step left the version, err %v", err)
	}
	for want, bad := range map[string]props{
		"is no address":   lies("", nil),
		"names no bundle": lies("203.0.113.13", props{"name": "Host"}),
		"running enabled": lies("203.0.113.13", props{"units": props{"x.service": props{"state": "on"}}}),
	} {
		if _, failures := e.check(machineBundleType, "bad", nil, bad); !strings.Contains(fmt.Sprint(failures), want) {
			t.Errorf("failures = %v, want one with %q", failures, want)
		}
	}
}
