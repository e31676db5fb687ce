package host

import (
	"github.com/berth-iac/berth/machine/bundle"
)

// kernel closes what the kernel offers and a server does not need.
func (d Description) kernel() bundle.Bundle {
	modules := []string{"dccp", "sctp", "rds", "tipc", "cramfs", "freevxfs", "hfs", "hfsplus", "jffs2", "firewire-core"}
	if d.Role != Premises { // there, a disk at the USB port may take the copies of backups
		modules = append(modules, "usb-storage")
	}
	return bundle.Bundle{
		Files: []bundle.File{
			plain("/etc/modprobe.d/90-berth.conf", baseText("kernel/modprobe.conf", modules)),
			plain("/etc/sysctl.d/90-berth.conf", baseText("kernel/sysctl.conf", nil)),
		},
		Units: []bundle.Unit{{Name: "systemd-sysctl.service", State: bundle.Running, RestartOn: []string{"/etc/sysctl.d/90-berth.conf"}}},
	}
}

// auditing notes what people do, and who changes what (AC-5).
func (d Description) auditing() bundle.Bundle {
	return bundle.Bundle{
		Packages: []string{"acct", "auditd"},
		Files: []bundle.File{
			{Path: "/etc/audit/auditd.conf", Content: baseText("auditing/auditd.conf", nil), Mode: 0o640},
			{Path: "/etc/audit/rules.d/90-berth.rules", Content: baseText("auditing/berth.rules", nil), Mode: 0o640},
		},
		// It takes no restart from anybody: a new auditd.conf holds from the next boot on.
		Units: []bundle.Unit{{Name: "acct.service", State: bundle.Running}, {Name: "auditd.service", State: bundle.Running}},
		Steps: []bundle.Step{{Name: "55-auditing", Script: baseText("auditing/55-auditing", nil)}},
	}
}

// updates are the distribution's security updates, and the hour at which the machine may start anew for them.
func (d Description) updates() bundle.Bundle {
	return bundle.Bundle{
		Packages: []string{"unattended-upgrades"},
		Files: []bundle.File{
			plain("/etc/apt/apt.conf.d/20auto-upgrades", baseText("updates/periodic", nil)),
			plain("/etc/apt/apt.conf.d/52berth-unattended-upgrades", baseText("updates/unattended", d.Reboot)),
		},
		Units: []bundle.Unit{
			{Name: "apt-daily-upgrade.timer", State: bundle.Running},
			{Name: "apt-daily.timer", State: bundle.Running},
			{Name: "unattended-upgrades.service", State: bundle.Running},
		},
	}
}

// clock is NTP.
func (d Description) clock() bundle.Bundle {
	return bundle.Bundle{
		Packages: []string{"chrony"},
		Files:    []bundle.File{plain("/etc/chrony/conf.d/berth.conf", baseText("clock/berth.conf", nil))},
		Units:    []bundle.Unit{{Name: "chrony.service", State: bundle.Running, RestartOn: []string{"/etc/chrony/conf.d/berth.conf"}}},
	}
}

// logs stay through reboots and, with a sister, lie at her site as well, where who breaks in here cannot change them.
func (d Description) logs() bundle.Bundle {
	size := "4G"
	if d.Role == Light {
		size = "1G"
	}
	journald := "/etc/systemd/journald.conf.d/90-berth.conf"
	b := bundle.Bundle{
		Files: []bundle.File{plain(journald, baseText("logs/journald.conf", size))},
		Units: []bundle.Unit{{Name: "systemd-journald.service", State: bundle.Running, RestartOn: []string{journald}}},
	}
	if d.Sister == nil {
		return b
	}
	upload := "/etc/systemd/journal-upload.conf.d/90-berth.conf"
	b.Packages = []string{"systemd-journal-remote"}
	b.Files = append(b.Files,
		plain(upload, baseText("logs/upload.conf", *d.Sister)),
		plain(unitFolder+"systemd-journal-upload.service.d/berth.conf", baseText("logs/upload-unit.conf", nil)),
		plain(unitFolder+"systemd-journal-remote.socket.d/berth.conf", baseText("logs/remote-socket.conf", *d.Sister)),
		plain(unitFolder+"systemd-journal-remote.service.d/berth.conf", baseText("logs/remote-unit.conf", nil)),
		program(hostLib+"sister-logs", baseText("logs/sister-logs", nil)),
		program(hostLib+"checks/sister-logs", baseText("logs/check", nil)),
		plain(unitFolder+"berth-logs.service", baseText("logs/berth-logs.service", nil)),
		plain(unitFolder+"berth-logs.timer", baseText("logs/berth-logs.timer", nil)))
	b.Units = append(b.Units,
		bundle.Unit{Name: "berth-logs.timer", State: bundle.Running},
		bundle.Unit{Name: "systemd-journal-remote.socket", State: bundle.Running},
		bundle.Unit{Name: "systemd-journal-upload.service", State: bundle.Running, RestartOn: []string{upload}})
	return b
}

// integrity finds files that changed, and that neither a bundle nor an update explains.
func (d Description) integrity() bundle.Bundle {
	return bundle.Bundle{
		Packages: []string{"aide"},
		Files: []bundle.File{
			{Path: "/etc/aide/aide.conf", Content: baseText("integrity/aide.conf", nil), Mode: 0o644},
			program(sbin+"berth-integrity", baseText("integrity/berth-integrity", nil)),
			plain(unitFolder+"berth-integrity.service", baseText("integrity/berth-integrity.service", nil)),
			plain(unitFolder+"berth-integrity.timer", baseText("integrity/berth-integrity.timer", nil)),
		},
		Units: []bundle.Unit{{Name: "berth-integrity.timer", State: bundle.Running}},
	}
}
