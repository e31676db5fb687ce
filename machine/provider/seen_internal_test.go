package provider

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/berth-iac/berth/machine/bundle"
)

// TestSeen: what a refresh writes of packages, units and steps, which a machine without systemd cannot show.
func TestSeen(t *testing.T) {
	inputs := resource.NewPropertyMapFromMap(map[string]any{
		"connection": map[string]any{"address": "203.0.113.10", "port": 22, "user": "berth"}, "name": "host",
		"packages": []any{"chrony", "nftables"},
		"units": map[string]any{"chrony.service": map[string]any{"state": "running"}, "nftables.service": map[string]any{"state": "running"},
			"taskflow@globex.socket": map[string]any{"state": "enabled"}, "apt-daily.timer": map[string]any{"state": "disabled"}},
		"steps":   map[string]any{"20-disks": "true\n", "50-postgres": "true\n"},
		"secrets": map[string]any{"mail-password": "hush-hush"},
	})
	in, found := readBundle(inputs)
	if err := found.err(in.known); err != nil {
		t.Fatal(err)
	}
	props := inputs.Copy()
	seen(in, bundle.State{Name: "host", Version: in.bundle.Version(), Applied: true, Secrets: []string{"mail-password"},
		Packages: map[string]string{"chrony": "4.3-2", "nftables": ""},
		Units: map[string]bundle.UnitState{"chrony.service": bundle.Running, "nftables.service": bundle.Failed,
			"taskflow@globex.socket": bundle.Running, "apt-daily.timer": bundle.Static},
		Steps: map[string]string{"20-disks": "mirror is degraded, hush-hush", "50-postgres": ""},
	}, props, inputs)
	for path, want := range map[string]string{
		"packages": "{[{chrony}]}", `units["chrony.service"].state`: "{running}", `units["nftables.service"].state`: "{failed}",
		`units["taskflow@globex.socket"].state`: "{enabled}", `units["apt-daily.timer"].state`: "{disabled}",
		"secrets.mail-password": "{hush-hush}",
	} {
		p, err := resource.ParsePropertyPath(path)
		if err != nil {
			t.Fatal(err)
		}
		got, _ := p.Get(resource.NewObjectProperty(inputs))
		if fmt.Sprint(got) != want {
			t.Errorf("%s = %v, want %s", path, got, want)
		}
	}
	if got := fmt.Sprint(props["pending"].ObjectValue().Mappable()); got != "map[20-disks:mirror is degraded, [secret]]" {
		t.Errorf("pending = %s", got)
	}

	for _, tc := range []struct {
		is, want bundle.UnitState
		fulfils  bool
	}{
		{bundle.Running, bundle.Running, true}, {bundle.Enabled, bundle.Running, false}, {bundle.Started, bundle.Running, false},
		{bundle.Enabled, bundle.Enabled, true}, {bundle.Static, bundle.Enabled, true}, {bundle.Disabled, bundle.Enabled, false},
		{bundle.Started, bundle.Disabled, false}, {bundle.Masked, bundle.Masked, true}, {bundle.Absent, bundle.Running, false},
	} {
		if got := fulfils(tc.is, tc.want); got != tc.fulfils {
			t.Errorf("a unit that is %s and should be %s: %v", tc.is, tc.want, got)
		}
	}
}

// TestAHalfDoneApplySaysWhy: also to whoever shows the error's message alone.
func TestAHalfDoneApplySaysWhy(t *testing.T) {
	err := partial("host@203.0.113.10", resource.PropertyMap{}, resource.PropertyMap{}, errors.New("apply bundle host: nftables.service would not reload"))
	if !strings.Contains(err.Error(), "nftables.service would not reload") {
		t.Errorf("the error says only %q", err)
	}
}
