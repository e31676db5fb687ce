package catalogue

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/promises/host"
	"github.com/berth-iac/berth/spec"
)

// What the checks know of machines: which bundles lie on each, and what their files say.

const (
	typeBundle = "machine:index:Bundle"
	typeKeys   = "machine:index:Keys"

	hostBundle    = "host"
	clientBundles = "client-"

	fixBundle = "mend what writes it in components/host"
)

// machine is one machine and all that bundles of this stack place on it.
type machine struct {
	address string
	bundles []*graph.Resource // the host's own first
	host    *graph.Resource   // nil where another stack makes the machine
	files   host.Files
	placed  map[string]*graph.Resource // by path
	units   map[string]string          // state by name
	site    *spec.Site                 // of a pair; nil otherwise
	index   int                        // of the site
}

// machinesOf are the machines that bundles of a stack lie on, by address.
func machinesOf(s promises.Subject) []*machine {
	byPlace := map[string]*machine{}
	for _, b := range s.Graph.OfType(typeBundle) {
		address := b.Text("connection.address")
		m := byPlace[address]
		if m == nil {
			m = &machine{address: address, files: host.Files{}, placed: map[string]*graph.Resource{}, units: map[string]string{}}
			byPlace[address] = m
		}
		m.add(b)
	}
	all := slices.SortedFunc(maps.Values(byPlace), func(a, b *machine) int { return cmp.Compare(a.bundles[0].Name, b.bundles[0].Name) })
	if pair := s.Spec.Sites; pair != nil {
		for _, m := range all {
			m.belongs(pair)
		}
	}
	return all
}

func (m *machine) add(b *graph.Resource) {
	if b.Text("name") == hostBundle {
		m.host = b
		m.bundles = slices.Insert(m.bundles, 0, b)
	} else {
		m.bundles = append(m.bundles, b)
	}
	files, _ := b.At("files").(map[string]any)
	for path, v := range files {
		file, _ := v.(map[string]any)
		content, _ := file["content"].(string)
		mode, _ := file["mode"].(string)
		owner, _ := file["owner"].(string)
		m.files[path], m.placed[path] = host.File{Content: content, Mode: mode, Owner: owner}, b
	}
	units, _ := b.At("units").(map[string]any)
	for name, v := range units {
		unit, _ := v.(map[string]any)
		m.units[name], _ = unit["state"].(string)
	}
}

// belongs finds the site whose machine this is: by the name in its own file of facts, which every script on it goes by.
func (m *machine) belongs(pair *spec.Sites) {
	site := host.ReadSettings(m.files[siteFacts].Content)["SITE"]
	for i := range pair.Sites {
		if pair.Sites[i].Name == site {
			m.site, m.index = &pair.Sites[i], i
		}
	}
}

// siteFacts is where a machine's scripts learn which machine it is.
const siteFacts = "/usr/local/lib/berth/host/site.conf"

// fileAt names a file, and a line or key in it, as a property of the bundle that places it.
func fileAt(path string, inside ...string) string {
	return "files[" + path + "]" + strings.Join(append([]string{""}, inside...), " ")
}

// by is the bundle that places a file; the machine's first where none does.
func (m *machine) by(path string) *graph.Resource {
	if b := m.placed[path]; b != nil {
		return b
	}
	return m.bundles[0]
}

// machineCheck judges a machine.
type machineCheck struct {
	*promises.Report
	*machine
	s promises.Subject
}

// eachHost calls judge with each machine that the stack makes, and reports where there are too few.
func eachHost(s promises.Subject, r *promises.Report, judge func(machineCheck)) {
	want, found := 1, 0
	if s.Spec.Sites != nil {
		want = len(s.Spec.Sites.Sites)
	}
	for _, m := range machinesOf(s) {
		if m.host != nil {
			found++
			judge(machineCheck{r, m, s})
		}
	}
	if found < want {
		r.Missing(fmt.Sprintf("more than %d of %d machines", found, want), fmt.Sprintf("%d machines, each with its bundle %q", want, hostBundle), "keep a bundle for each machine in the stack")
	}
}

// eachClient calls judge with each bundle of a client's and the machine that it lies on.
func eachClient(s promises.Subject, r *promises.Report, want int, judge func(machineCheck, *graph.Resource, string)) {
	found := 0
	for _, m := range machinesOf(s) {
		for _, b := range m.bundles {
			if client, is := strings.CutPrefix(b.Text("name"), clientBundles); is {
				found++
				judge(machineCheck{r, m, s}, b, client)
			}
		}
	}
	if found < want {
		r.Missing(fmt.Sprintf("more than %d of %d bundles of the client", found, want), "the client on each machine that is to serve it", "keep the client's bundles in the stack")
	}
}

// wantKey reports whether a key of a file has a value that fits.
func (m machineCheck) wantKey(path, key, value string, holds bool, expected string) {
	found := value
	if value == "" {
		found = "absent"
	}
	m.Note(m.by(path), holds, fileAt(path, key), found, expected, fixBundle)
}

// wantFile reports whether a bundle places a file that root alone may change, and one that can be run where it is a program.
func (m machineCheck) wantFile(path string, program bool, what string) bool {
	f, placed := m.files[path]
	if !placed {
		m.Note(m.by(path), false, fileAt(path), "absent", what, fixBundle)
		return false
	}
	holds, expected := !f.Writable() && strings.TrimSpace(f.Content) != "", what+"; nobody but its owner may change it"
	if program {
		holds = holds && strings.HasSuffix(f.Mode, "755")
		expected += ", and it can be run"
	}
	m.Note(m.by(path), holds, fileAt(path), fmt.Sprintf("mode %s, %d bytes", f.Mode, len(f.Content)), expected, fixBundle)
	return holds
}

// wantRunning reports whether a unit is started and kept running.
func (m machineCheck) wantRunning(unit, what string) {
	state := m.units[unit]
	m.Note(m.host, state == "running", "units["+unit+"]", cmp.Or(state, "absent"), "running: "+what, fixBundle)
}

// wantStarted reports whether a unit comes back after a boot, and a step starts it until then: it is one that may have to stay down.
func (m machineCheck) wantStarted(unit, stepName, command, what string) {
	state := m.units[unit]
	m.Note(m.host, state == "enabled" || state == "running", "units["+unit+"]", cmp.Or(state, "absent"), "enabled: "+what, fixBundle)
	starts := strings.Contains(step(m.host, stepName), command)
	m.Note(m.host, starts, "steps["+stepName+"]", map[bool]string{true: "starts it", false: "does not start it"}[starts], command+": "+what, fixBundle)
}

// wantTimer reports whether a timer runs often enough, and what it starts is a program that tells people when it fails.
func (m machineCheck) wantTimer(name string, fits func(host.Calendar) bool, program, what string) {
	m.wantRunning(name+".timer", what)
	timer := host.ReadUnit(m.files, name+".timer")
	path := unitFolder + name + ".timer"
	said := cmp.Or(strings.Join(timer.Values("Timer", "OnCalendar"), ", "), timer.Value("Timer", "OnUnitActiveSec"), timer.Value("Timer", "OnUnitInactiveSec"))
	m.wantKey(path, "OnCalendar", said, timer.Value("Timer", "Unit") == "" && fits(host.Timer(timer)), what)
	m.wantService(name+".service", program, what)
}

// wantService reports whether a unit starts a program that is there, and tells people when it fails.
func (m machineCheck) wantService(unit, program, what string) {
	path := unitFolder + unit
	service := host.ReadUnit(m.files, unit)
	starts := service.Value("Service", "ExecStart")
	m.wantKey(path, "ExecStart", starts, starts == program || strings.HasPrefix(starts, program+" "), program+": "+what)
	m.wantKey(path, "OnFailure", service.Value("Unit", "OnFailure"), strings.HasPrefix(service.Value("Unit", "OnFailure"), "berth-alert@"), "berth-alert@%n.service: a failure is told")
	for _, key := range []string{"ConditionPathExists", "ConditionFileNotEmpty", "ConditionDirectoryNotEmpty", "ConditionHost", "AssertPathExists"} {
		if value := service.Value("Unit", key); value != "" && value != authorityKey {
			m.wantKey(path, key, value, false, "no condition that keeps it from running")
		}
	}
	m.wantFile(program, true, what)
}

// authorityKey is there from the first apply on: what signs with it may wait for it.
const authorityKey = "/etc/berth/keys/authority.key"

const unitFolder = "/etc/systemd/system/"

// wantPackage reports whether a package is installed.
func (m machineCheck) wantPackage(name, what string) {
	found := "absent"
	holds := slices.ContainsFunc(m.bundles, func(b *graph.Resource) bool { return slices.Contains(b.Texts("packages"), name) })
	if holds {
		found = "installed"
	}
	m.Note(m.bundles[0], holds, "packages["+name+"]", found, "installed: "+what, fixBundle)
}

// step is the script of a step of a bundle; the name is the one that a bundle has, such as 20-disks.
func step(b *graph.Resource, name string) string {
	steps, _ := b.At("steps").(map[string]any)
	script, _ := steps[name].(string)
	return script
}
