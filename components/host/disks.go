package host

import (
	"slices"

	"github.com/berth-iac/berth/machine/bundle"
)

// disks is the mirror at /srv/data (AV-10), and what watches it.
func (d Description) disks() bundle.Bundle {
	if d.Disks == nil {
		return bundle.Bundle{}
	}
	tools := map[string]string{"ext4": "e2fsprogs", "xfs": "xfsprogs"}
	b := bundle.Bundle{
		Packages: []string{"mdadm", "util-linux", tools[d.Disks.Filesystem]},
		Files: []bundle.File{
			program(hostLib+"array-event", baseText("disks/array-event", nil)),
			program(hostLib+"start-array", baseText("disks/start-array", nil)),
			plain(unitFolder+"berth-array.service", baseText("disks/berth-array.service", nil)),
			// The distribution's timers check the mirror, once a month; the same from cron would do it twice.
			plain("/etc/default/mdadm", "# Written by Berth.\nAUTOCHECK=false\nAUTOSCAN=true\nSTART_DAEMON=true\nDAEMON_OPTIONS=\"--syslog\"\nVERBOSE=false\n"),
		},
		Units: []bundle.Unit{
			{Name: "berth-array.service", State: bundle.Enabled},
			{Name: "mdcheck_continue.timer", State: bundle.Running},
			{Name: "mdcheck_start.timer", State: bundle.Running},
			{Name: "mdmonitor-oneshot.timer", State: bundle.Running},
			{Name: "mdmonitor.service", State: bundle.Running, RestartOn: []string{"/etc/mdadm/mdadm.conf"}},
		},
		Steps:    []bundle.Step{{Name: "10-disks", Script: baseText("disks/10-disks", *d.Disks)}},
		Settings: []string{"disk-a", "disk-b"},
	}
	if d.Disks.Encrypt {
		b.Packages = append(b.Packages, "cryptsetup")
	}
	slices.Sort(b.Packages)
	return b
}
