package catalogue

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/host"
)

// How little can be done with a machine by whoever gets onto it, and what is noted of it.

func ranges(from []netip.Prefix) string {
	texts := make([]string, len(from))
	for i, p := range from {
		texts[i] = p.String()
	}
	return strings.Join(texts, ", ")
}

// sshdLimits are further settings of an SSH server, of what a session may do and how it is encrypted.
var sshdLimits = map[string]string{
	"AllowAgentForwarding": "no", "AllowTcpForwarding": "no", "AllowStreamLocalForwarding": "no", "PermitTunnel": "no", "GatewayPorts": "no", "X11Forwarding": "no",
	"TCPKeepAlive": "no", "Compression": "no", "LoginGraceTime": "30", "MaxAuthTries": "3", "MaxSessions": "4", "MaxStartups": "10:30:60", "ClientAliveInterval": "300", "ClientAliveCountMax": "2",
	"HostKey": "/etc/ssh/ssh_host_ed25519_key", "HostKeyAlgorithms": "ssh-ed25519", "PubkeyAcceptedAlgorithms": "ssh-ed25519,sk-ssh-ed25519@openssh.com", "Banner": "/etc/issue.net",
	"KexAlgorithms": "sntrup761x25519-sha512@openssh.com,curve25519-sha256,curve25519-sha256@libssh.org",
	"Ciphers":       "chacha20-poly1305@openssh.com,aes256-gcm@openssh.com,aes128-gcm@openssh.com", "MACs": "hmac-sha2-512-etm@openssh.com,hmac-sha2-256-etm@openssh.com",
}

// kernelSettings are what the kernel is told. A key with a hyphen before it is one that not each kernel has.
var kernelSettings = map[string]string{
	"dev.tty.ldisc_autoload": "0", "fs.protected_fifos": "2", "fs.protected_hardlinks": "1", "fs.protected_regular": "2", "fs.protected_symlinks": "1", "fs.suid_dumpable": "0",
	"kernel.core_pattern": "|/bin/false", "kernel.dmesg_restrict": "1", "kernel.kexec_load_disabled": "1", "kernel.kptr_restrict": "2", "kernel.perf_event_paranoid": "3",
	"kernel.randomize_va_space": "2", "kernel.sysrq": "0", "kernel.unprivileged_bpf_disabled": "1", "kernel.yama.ptrace_scope": "2", "net.core.bpf_jit_harden": "2",
	"net.ipv4.conf.all.accept_redirects": "0", "net.ipv4.conf.all.accept_source_route": "0", "net.ipv4.conf.all.log_martians": "1", "net.ipv4.conf.all.rp_filter": "1",
	"net.ipv4.conf.all.secure_redirects": "0", "net.ipv4.conf.all.send_redirects": "0", "net.ipv4.conf.default.accept_redirects": "0", "net.ipv4.conf.default.accept_source_route": "0",
	"net.ipv4.conf.default.log_martians": "1", "net.ipv4.conf.default.rp_filter": "1", "net.ipv4.conf.default.secure_redirects": "0", "net.ipv4.conf.default.send_redirects": "0",
	"net.ipv4.icmp_echo_ignore_broadcasts": "1", "net.ipv4.icmp_ignore_bogus_error_responses": "1", "net.ipv4.ip_forward": "0", "net.ipv4.tcp_rfc1337": "1", "net.ipv4.tcp_syncookies": "1",
	"net.ipv6.conf.all.accept_redirects": "0", "net.ipv6.conf.all.accept_source_route": "0", "net.ipv6.conf.default.accept_redirects": "0", "net.ipv6.conf.default.accept_source_route": "0",
	"kernel.unprivileged_userns_clone": "0", "kernel.core_uses_pid": "1",
}

// restrained reports whether kernel, sign-in and packages are set as a server needs them, and no further.
func (m machineCheck) restrained() {
	path, said := "/etc/sysctl.d/", host.Settings{}
	for _, file := range m.files.Matching("/etc/sysctl.d/*.conf") {
		path = file
		for key, value := range host.ReadSettings(m.files[file].Content) {
			said[strings.TrimPrefix(key, "-")] = value
		}
	}
	for _, key := range sorted(kernelSettings) {
		m.wantKey(path, key, said[key], said[key] == kernelSettings[key], kernelSettings[key])
	}
	conf, sshd := host.ReadSSHD(m.files), m.sshdPath()
	for _, option := range sorted(sshdLimits) {
		value := conf.Value(option)
		m.wantKey(sshd, option, value, conf.Always(option, sshdLimits[option]), sshdLimits[option])
	}
	m.wantFile("/etc/issue.net", false, "who connects is told that this is a private system")
	blocked := map[string]bool{}
	modules := "/etc/modprobe.d/"
	for _, file := range m.files.Matching("/etc/modprobe.d/*.conf") {
		modules = file
		for _, line := range host.Lines(m.files[file].Content) {
			if words := strings.Fields(line); len(words) == 3 && words[0] == "install" && words[2] == "/bin/false" {
				blocked[words[1]] = true
			}
		}
	}
	unneeded := []string{"dccp", "sctp", "rds", "tipc", "cramfs", "freevxfs", "hfs", "hfsplus", "jffs2", "firewire-core", "usb-storage"}
	if m.s.Spec.OnPremises != nil { // there, a disk at the USB port may take copies of backups
		unneeded = unneeded[:len(unneeded)-1]
	}
	for _, module := range unneeded {
		m.wantKey(modules, module, map[bool]string{true: "blocked"}[blocked[module]], blocked[module], "blocked: a server does not need it, and it has been a way in")
	}
	for _, one := range []struct{ name, what string }{
		{"apparmor", "profiles keep programs to what is theirs"}, {"auditd", "what people do is noted"}, {"chrony", "the clock is right"}, {"aide", "files that change are noticed"},
		{"unattended-upgrades", "security updates come by themselves"}, {"libpam-pwquality", "a password, where there is one, is strong"}, {"sudo", "root's work is done by name"},
	} {
		m.wantPackage(one.name, one.what)
	}
	for _, unit := range []struct{ name, what string }{{"chrony.service", "the clock is right"}, {"auditd.service", "what people do is noted"}, {"berth-integrity.timer", "files that change are noticed"}} {
		m.wantRunning(unit.name, unit.what)
	}
	for _, unit := range []string{"avahi-daemon.service", "bluetooth.service", "cups.service", "debug-shell.service", "rpcbind.service", "rpcbind.socket"} {
		m.Note(m.host, m.units[unit] == "masked", "units["+unit+"]", or(m.units[unit], "absent"), "masked: a server does not need it", fixBundle)
	}
	m.wantRunning("apparmor.service", "profiles keep programs to what is theirs")
	m.wantTimer("berth-integrity", atMostEvery(24*time.Hour), sbin+"berth-integrity", "files that change without an explanation are told of, every day")
	m.passwords()
}

// passwords reports whether whatever passwords there are have to be strong, and programs of root's are logged.
func (m machineCheck) passwords() {
	path := "/etc/security/pwquality.conf"
	if all := m.files.Matching("/etc/security/pwquality.conf.d/*.conf"); len(all) > 0 {
		path = all[0]
	}
	quality := host.ReadSettings(m.files[path].Content)
	for key, want := range map[string]int{"minlen": 12, "minclass": 4} {
		n, _ := strconv.Atoi(quality[key])
		m.wantKey(path, key, quality[key], n >= want, strconv.Itoa(want)+" or more")
	}
	defs := host.ReadSettings(m.files["/etc/login.defs"].Content)
	for key, want := range map[string]string{"UMASK": "027", "HOME_MODE": "0700", "ENCRYPT_METHOD": "SHA512"} {
		m.wantKey("/etc/login.defs", key, defs[key], defs[key] == want, want)
	}
	sudo := m.files.Matching("/etc/sudoers.d/*")
	for _, file := range sudo {
		for _, line := range host.Lines(m.files[file].Content) {
			if strings.HasPrefix(line, "Defaults") {
				continue
			}
			who, _, _ := strings.Cut(line, " ")
			m.wantKey(file, who, line, who == "%berth-admins" || who == "berth", "administrators of the stack's file and the account that applies bundles, and nobody else")
		}
		m.Note(m.by(file), !m.files[file].Writable() && m.files[file].Mode == "0440", fileAt(file), "mode "+m.files[file].Mode, "0440", fixBundle)
	}
}

func sorted(all map[string]string) []string {
	keys := make([]string, 0, len(all))
	for key := range all {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// updated reports whether security updates of the distribution come by themselves, and machines start anew for them in their window.
func (m machineCheck) updated() {
	path, said := "/etc/apt/apt.conf.d/", host.Settings{}
	origins := ""
	for _, file := range m.files.Matching("/etc/apt/apt.conf.d/*") {
		for key, value := range host.ReadAPT(m.files[file].Content) {
			said[key], path = value, file
		}
		if strings.Contains(m.files[file].Content, "Origins-Pattern {") {
			origins = file
		}
	}
	for _, key := range []string{"APT::Periodic::Enable", "APT::Periodic::Update-Package-Lists", "APT::Periodic::Download-Upgradeable-Packages", "APT::Periodic::Unattended-Upgrade"} {
		m.wantKey(path, key, said[key], said[key] == "1", "1: every day")
	}
	security := origins != "" && strings.Contains(m.files[origins].Content, "label=Debian-Security")
	m.wantKey(or(origins, path), "Origins-Pattern", map[bool]string{true: "label=Debian-Security"}[security], security, "the distribution's security updates")
	if window, known := rebootOf(m.s, m.machine); known {
		at := said["Unattended-Upgrade::Automatic-Reboot-Time"]
		m.wantKey(path, "Unattended-Upgrade::Automatic-Reboot", said["Unattended-Upgrade::Automatic-Reboot"], said["Unattended-Upgrade::Automatic-Reboot"] == strconv.FormatBool(window != ""), strconv.FormatBool(window != "")+", as reboot.automatic says")
		m.wantKey(path, "Unattended-Upgrade::Automatic-Reboot-Time", at, at == window, or(window, "absent")+", the window of the stack's file; the second site's is an hour later")
	}
	m.wantRunning("apt-daily-upgrade.timer", "security updates come by themselves")
}

// rebootOf is when a machine may start anew; "" for never by itself.
func rebootOf(s promises.Subject, m *machine) (at string, known bool) {
	var window = struct {
		time      string
		automatic *bool
	}{}
	later := 0
	switch {
	case s.Spec.Sites != nil:
		window.time, window.automatic, later = s.Spec.Sites.Reboot.Time, s.Spec.Sites.Reboot.Automatic, m.index
	case s.Spec.OnPremises != nil:
		window.time, window.automatic = s.Spec.OnPremises.Reboot.Time, s.Spec.OnPremises.Reboot.Automatic
	case s.Spec.LightClient != nil:
		window.time, window.automatic = s.Spec.LightClient.Reboot.Time, s.Spec.LightClient.Reboot.Automatic
	default:
		return "", false
	}
	if window.automatic != nil && !*window.automatic {
		return "", true
	}
	begin, err := time.Parse("15:04", window.time)
	if err != nil {
		return "", false
	}
	return begin.Add(time.Duration(later) * time.Hour).Format("15:04"), true
}

// auditRules are what the kernel has to note, each a line of the rules.
var auditRules = []string{
	"-w /etc/passwd -p wa -k identity", "-w /etc/shadow -p wa -k identity", "-w /etc/group -p wa -k identity", "-w /etc/gshadow -p wa -k identity", "-w /etc/security/ -p wa -k identity",
	"-w /etc/pam.d/ -p wa -k identity", "-w /etc/sudoers -p wa -k sudo", "-w /etc/sudoers.d/ -p wa -k sudo", "-w /var/log/sudo.log -p wa -k sudo", "-w /etc/ssh/ -p wa -k ssh",
	"-w /var/log/lastlog -p wa -k logins", "-w /var/run/utmp -p wa -k logins", "-w /var/log/wtmp -p wa -k logins", "-w /var/log/btmp -p wa -k logins",
	"-a always,exit -F arch=b64 -S execve,execveat -F auid>=1000 -F auid!=unset -k command", "-a always,exit -F arch=b32 -S execve,execveat -F auid>=1000 -F auid!=unset -k command",
	"-a always,exit -F arch=b64 -S settimeofday,clock_settime -F auid!=unset -k time", "-w /etc/localtime -p wa -k time", "-w /etc/chrony/ -p wa -k time",
	"-a always,exit -F arch=b64 -S init_module,finit_module,delete_module -F auid!=unset -k modules", "-w /etc/modprobe.d/ -p wa -k modules", "-w /etc/sysctl.d/ -p wa -k kernel",
	"-w /etc/sysctl.conf -p wa -k kernel", "-a always,exit -F arch=b64 -S sethostname,setdomainname -k network", "-w /etc/hosts -p wa -k network", "-w /etc/nftables.conf -p wa -k network",
	"-w /etc/wireguard/ -p wa -k network", "-w /etc/systemd/ -p wa -k units", "-w /etc/crontab -p wa -k jobs", "-w /etc/cron.d/ -p wa -k jobs",
	"-a always,exit -F arch=b64 -S mount,umount2 -F auid>=1000 -F auid!=unset -k mounts", "-w /etc/berth/ -p wa -k berth", "-w /usr/local/sbin/ -p wa -k berth",
	"-w /var/lib/berth/bundles/ -p wa -k berth", "-w /etc/audit/ -p wa -k audit", "-w /var/log/audit/ -p wa -k audit", "-e 2",
}

// counted reports whether the kernel notes what people do, by rules that nobody changes while it runs.
func (m machineCheck) counted() {
	path := "/etc/audit/rules.d/"
	var rules []string
	for _, file := range m.files.Matching("/etc/audit/rules.d/*.rules") {
		path = file
		rules = append(rules, host.Lines(m.files[file].Content)...)
	}
	for _, want := range auditRules {
		holds := slices.Contains(rules, want)
		m.wantKey(path, want, map[bool]string{true: want}[holds], holds, "this line of the audit rules")
	}
	last := ""
	if len(rules) > 0 {
		last = rules[len(rules)-1]
	}
	m.wantKey(path, "last line", last, last == "-e 2", "-e 2: nobody changes the rules before the next boot")
	for _, rule := range rules {
		if strings.HasPrefix(rule, "-a never") || strings.HasPrefix(rule, "-a exclude") || strings.HasPrefix(rule, "-a exit,never") {
			m.wantKey(path, rule, rule, false, "no rule that leaves something out")
		}
	}
}

// noted is AC-5 on sites: each account is a person's, what it does is noted, and the note lies where whoever breaks in cannot change it.
func noted(s promises.Subject, r *promises.Report) {
	if s.Spec.Sites == nil {
		return
	}
	eachHost(s, r, func(m machineCheck) {
		t := m.tunnel()
		conf := host.ReadSSHD(m.files)
		level := conf.Value("LogLevel")
		m.wantKey(m.sshdPath(), "LogLevel", level, conf.Always("LogLevel", "VERBOSE"), "VERBOSE: each sign-in with the key that it was made with")
		path, journal := "/etc/systemd/journald.conf.d/", host.Sections(nil)
		for _, file := range m.files.Matching("/etc/systemd/journald.conf.d/*.conf") {
			path, journal = file, append(journal, host.ReadSections(m.files[file].Content)...)
		}
		for _, want := range []struct{ key, value, what string }{
			{"Storage", "persistent", "it outlives a boot"}, {"Seal", "yes", "what was changed afterwards is seen"}, {"MaxRetentionSec", "180day", "half a year"},
		} {
			value := journal.Value("Journal", want.key)
			m.wantKey(path, want.key, value, value == want.value, want.value+": "+want.what)
		}
		m.shipped(t)
		m.sudoLogged()
		m.auditLog()
	})
}

// shipped reports whether what a machine notes lies at the other site as well.
func (m machineCheck) shipped(t tunnelView) {
	path, upload := "/etc/systemd/journal-upload.conf", host.ReadSections(m.files["/etc/systemd/journal-upload.conf"].Content)
	for _, file := range m.files.Matching("/etc/systemd/journal-upload.conf.d/*.conf") {
		path, upload = file, append(upload, host.ReadSections(m.files[file].Content)...)
	}
	url := upload.Value("Upload", "URL")
	m.wantKey(path, "URL", url, url == "http://"+t.sister+":19532" && t.sister != "", "http://"+t.sister+":19532: the other site, in the tunnel, which encrypts it")
	listens := host.ReadUnit(m.files, "systemd-journal-remote.socket").Values("Socket", "ListenStream")
	m.wantKey(unitFolder+"systemd-journal-remote.socket.d/berth.conf", "ListenStream", strings.Join(listens, ", "), slices.Equal(listens, []string{t.own + ":19532"}), t.own+":19532: the tunnel alone")
	m.wantRunning("systemd-journal-upload.service", "what is noted here lies at the other site as well")
	m.wantRunning("systemd-journal-remote.socket", "what is noted at the other site lies here as well")
	m.wantPackage("systemd-journal-remote", "what carries the log over")
}

// sudoLogged reports whether what is done as root is noted with who did it.
func (m machineCheck) sudoLogged() {
	lines, path := []string{}, "/etc/sudoers.d/"
	for _, file := range m.files.Matching("/etc/sudoers.d/*") {
		path = file
		lines = append(lines, host.Lines(m.files[file].Content)...)
	}
	for _, want := range []string{"Defaults use_pty", `Defaults logfile="/var/log/sudo.log"`, "Defaults log_output", `Defaults iolog_dir="/var/log/sudo-io/%{user}"`} {
		holds := slices.Contains(lines, want)
		m.wantKey(path, want, map[bool]string{true: want}[holds], holds, "this line: what is done as root is noted, with who did it")
	}
}

// auditLog reports whether the kernel's notes are written and kept.
func (m machineCheck) auditLog() {
	const path = "/etc/audit/auditd.conf"
	said := host.ReadSettings(m.files[path].Content)
	for _, key := range []string{"write_logs", "local_events"} {
		m.wantKey(path, key, said[key], said[key] == "yes", "yes")
	}
	m.wantKey(path, "log_file", said["log_file"], said["log_file"] == "/var/log/audit/audit.log", "/var/log/audit/audit.log")
	files, _ := strconv.Atoi(said["num_logs"])
	size, _ := strconv.Atoi(said["max_log_file"])
	m.wantKey(path, "num_logs", said["num_logs"], files*size >= 200, "200 MB of notes at least, in all files together")
	for _, key := range []string{"max_log_file_action", "disk_full_action"} {
		m.wantKey(path, key, said[key], said[key] == "ROTATE", "ROTATE: noting goes on")
	}
	m.wantRunning("auditd.service", "what people do is noted")
}

// mirrored is AV-10 on machines.
func mirrored(s promises.Subject, r *promises.Report) {
	if s.Spec.SiteClient != nil {
		return // on the pair's own machines
	}
	eachHost(s, r, func(m machineCheck) {
		script := step(m.host, disksStep)
		makes := slices.ContainsFunc(host.Commands(script), func(words []string) bool {
			return slices.Contains(words, "mdadm") && slices.Contains(words, "--create") && slices.Contains(words, "--level=1") && slices.Contains(words, "--raid-devices=2") &&
				!slices.Contains(words, "missing")
		})
		m.Note(m.host, makes, "steps["+disksStep+"] mdadm", map[bool]string{true: "--level=1 --raid-devices=2", false: "no such command"}[makes], "an array of two disks with the same content, RAID 1", fixBundle)
		told := slices.Contains(host.Lines(script), "PROGRAM /usr/local/lib/berth/host/array-event")
		m.Note(m.host, told, "steps["+disksStep+"] PROGRAM", map[bool]string{true: "array-event", false: "absent"}[told], "what happens to the array is told", fixBundle)
		mounted := slices.Contains(host.Lines(script), "mount=/srv/data")
		m.Note(m.host, mounted, "steps["+disksStep+"] mount", map[bool]string{true: "/srv/data", false: "elsewhere"}[mounted], "/srv/data, where databases, files and copies are", fixBundle)
		settings, _ := m.host.At("settings").(map[string]any)
		a, _ := settings["disk-a"].(string)
		b, _ := settings["disk-b"].(string)
		m.Note(m.host, a != "" && b != "" && a != b, "settings[disk-a]", or(a, "absent")+" and "+or(b, "absent"), "two disks", "set disks.devices in the stack's file")
		m.wantFile("/usr/local/lib/berth/host/array-event", true, "what tells of a disk that failed")
		m.wantFile(machineChecks+"raid", true, "the check raid runs with all others")
		m.wantFile(sbin+"berth-alert", true, "what tells people")
		m.wantPackage("mdadm", "what keeps the mirror")
		alerts, _, _ := machineAlerts(s.Spec)
		emails := strings.Fields(strings.Trim(host.ReadSettings(m.files[watchConf].Content)["EMAILS"], `"'`))
		m.Note(m.by(watchConf), len(emails) > 0 && slices.Equal(emails, alerts.Emails), fileAt(watchConf, "EMAILS"), howMany(len(emails), "e-mail address"), "the e-mail addresses of the stack's file: they hear of a disk that failed", fixBundle)
		for _, timer := range []string{"mdcheck_start.timer", "mdmonitor-oneshot.timer"} {
			m.wantRunning(timer, "both disks are read and compared, every month")
		}
		m.wantRunning("mdmonitor.service", "what watches the mirror")
		const start = "berth-array.service"
		m.wantService(start, "/usr/local/lib/berth/host/start-array", "the mirror starts with one disk after a boot")
		m.Note(m.host, m.units[start] == "enabled", "units["+start+"]", or(m.units[start], "absent"), "enabled: the mirror starts with one disk after a boot", fixBundle)
		m.wantRunning("berth-check.timer", "every check runs every minute")
		if m.site != nil && m.site.Hetzner != nil {
			m.volumes()
		}
	})
}

// volumes reports whether the two disks of a server at Hetzner Cloud are volumes of its own.
func (m machineCheck) volumes() {
	attached := 0
	for _, a := range m.s.Graph.OfType("hcloud:index/volumeAttachment:VolumeAttachment") {
		volume, server := a.Ref("volumeId", "hcloud:index/volume:Volume"), a.Ref("serverId", typeCloudServer)
		if volume == nil || server == nil || !strings.HasPrefix(server.Name, m.site.Name+"-") {
			continue
		}
		attached++
		place := volume.Text("location")
		m.Want(volume, place == m.site.Hetzner.Location, "location", m.site.Hetzner.Location+", beside its server", "mend components/site")
		size, _ := volume.Number("size")
		m.Want(volume, int(size) == m.site.Disks.SizeGiB, "size", strconv.Itoa(m.site.Disks.SizeGiB)+", as disks.sizeGiB says: both the same", "set disks.sizeGiB in the pair's file")
		m.Want(volume, !guarded(m.s) || volume.Bool("deleteProtection"), "deleteProtection", "true in production", "mend components/site")
		wantGuarded(m.s, m.Report, volume)
	}
	m.Note(m.host, attached == 2, "settings[disk-b]", strconv.Itoa(attached)+" volumes of the site's own server", "2", "mend components/site")
}
