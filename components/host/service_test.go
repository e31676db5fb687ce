package host

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/berth-iac/berth/machine/bundle"
	"github.com/berth-iac/berth/spec"
)

func siteMachine() Description {
	d := watching()
	d.Role, d.OriginPulls = Site, true
	d.WebFrom = []netip.Prefix{netip.MustParsePrefix("173.245.48.0/20"), netip.MustParsePrefix("2400:cb00::/32")}
	d.Sister = &Sister{Name: "cpt", Address: netip.MustParseAddr("10.255.0.2"), Own: netip.MustParseAddr("10.255.0.1"), Tunnel: netip.MustParsePrefix("10.255.0.0/29"), Port: 51820}
	d.PostgreSQL = &PostgreSQL{Version: "15", MaxConnections: 200, SlotGiB: 20}
	d.Watch.Exporters = true
	return d
}

func globex(standing Standing) Client {
	return Client{
		Role: Site, Standing: standing, Name: "globex-eu", DisplayName: `Globex "Europe" Ltd`, Hostname: "globex.northwind.example", Environment: spec.Production,
		Release: spec.MachineRelease{Version: "1.2.0", SHA256: strings.Repeat("0a", 32), Source: spec.ReleaseSource{
			URL: "https://releases.northwind.example/taskflow", PublicKey: "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3",
		}},
		Connections: 40, RateLimit: spec.RateLimit{Requests: 600, PeriodSeconds: 60}, Maintenance: spec.Maintenance{Window: "sun:02:00-sun:04:00", NoticeDays: 7},
		Countries: []string{"ZA"}, OriginPulls: true,
	}
}

func light() Client {
	c := globex(Home)
	c.Role, c.RemoteDatabase = Light, true
	return c
}

func fileOf(t *testing.T, b bundle.Bundle, path string) string {
	t.Helper()
	for _, f := range b.Files {
		if f.Path == path {
			return f.Content
		}
	}
	t.Fatalf("no file %s", path)
	return ""
}

// TestConfigurationIsTaskFlows lets TaskFlow itself judge the configuration that it will find.
func TestConfigurationIsTaskFlows(t *testing.T) {
	if testing.Short() {
		t.Skip("builds TaskFlow")
	}
	need(t, "go")
	program := filepath.Join(t.TempDir(), "taskflow")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./cmd/taskflow")
	build.Dir = filepath.Join("..", "..", "app")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	premises := globex(Home)
	premises.Role, premises.OriginPulls, premises.Environment = Premises, false, spec.Staging
	for name, c := range map[string]Client{"home": globex(Home), "standby": globex(Standby), "premises": premises, "light": light()} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "config.yaml")
			if err := os.WriteFile(path, []byte(c.configuration()), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, args := range [][]string{{"config", "check"}, {"config", "show"}} {
				cmd := exec.CommandContext(t.Context(), program, append(args, "--config", path)...)
				for line := range strings.Lines(serviceText0(t)) { // what the machine's clients share
					cmd.Env = append(cmd.Env, strings.TrimSpace(line))
				}
				out, err := cmd.CombinedOutput()
				if err != nil {
					t.Errorf("%v: %v: %s", args, err, out)
				}
				if args[1] == "show" && (!strings.Contains(string(out), "machines@northwind.example") || !strings.Contains(string(out), "trustSocket")) {
					t.Errorf("shown: %s", out)
				}
			}
		})
	}
}

func serviceText0(t *testing.T) string {
	return fileOf(t, siteMachine().service(), "/etc/taskflow/mail.env")
}

func TestStandbyHasItsOwnPortAndStartsNothing_AV_4(t *testing.T) {
	type config struct {
		Client struct {
			Database struct {
				Host, Name, User, TLS string
				Port, MaxOpen         int
			}
		}
	}
	for standing, port := range map[Standing]int{Home: 5432, Standby: 5433} {
		b := globex(standing).instance()
		var c config
		if err := json.Unmarshal([]byte(fileOf(t, b, "/etc/taskflow/globex-eu/config.yaml")), &c); err != nil {
			t.Fatal(err)
		}
		if d := c.Client.Database; d.Port != port || d.Host != "/run/postgresql" || d.Name != "globex_eu" || d.User != "globex_eu" || d.TLS != "off" || d.MaxOpen != 30 {
			t.Errorf("%s: %+v", standing, d)
		}
		for _, u := range b.Units {
			if strings.HasPrefix(u.Name, "taskflow@") {
				t.Errorf("%s: unit %+v, where the step says whether it runs", standing, u)
			}
		}
	}
	b := light().instance()
	if strings.Join(b.Settings, " ") != "database-host database-port" || strings.Join(b.Secrets, " ") != "application-key backup-key database-password" {
		t.Errorf("light: %v %v", b.Settings, b.Secrets)
	}
}

// release makes a signed release as taskflow-release does, of a program that is none.
type release struct {
	folder, key, sum string
	archive          []byte
}

func makeRelease(t *testing.T, folder string, change func(manifest map[string]any)) release {
	t.Helper()
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	var archive bytes.Buffer
	packed := gzip.NewWriter(&archive)
	w := tar.NewWriter(packed)
	text := "#!/bin/sh\necho " + folder + "\n"
	if err := w.WriteHeader(&tar.Header{Name: "taskflow", Mode: 0o755, Size: int64(len(text))}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := packed.Close(); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(archive.Bytes())
	r := release{folder: folder, sum: hex.EncodeToString(sum[:]), archive: archive.Bytes()}
	manifest := map[string]any{
		"name": "taskflow", "version": filepath.Base(folder), "files": []map[string]any{
			{"name": "taskflow-linux-amd64.tar.gz", "size": archive.Len(), "sha256": r.sum}, {"name": "taskflow-linux-arm64.tar.gz", "size": 1, "sha256": strings.Repeat("1", 64)},
		},
	}
	if change != nil {
		change(manifest)
	}
	signed, err := json.Marshal(manifest)
	if err != nil {
		t.Fatal(err)
	}
	place(t, folder, "taskflow-linux-amd64.tar.gz", archive.String(), "manifest.json", string(signed))
	keys := t.TempDir()
	for _, args := range [][]string{
		{"-G", "-W", "-f", "-p", keys + "/pub", "-s", keys + "/key"}, {"-S", "-s", keys + "/key", "-m", folder + "/manifest.json", "-x", folder + "/manifest.json.minisig"},
	} {
		if out, err := exec.CommandContext(t.Context(), "minisign", args...).CombinedOutput(); err != nil {
			t.Fatalf("minisign: %v: %s", err, out)
		}
	}
	public, err := os.ReadFile(keys + "/pub")
	if err != nil {
		t.Fatal(err)
	}
	r.key = strings.Split(strings.TrimSpace(string(public)), "\n")[1]
	return r
}

func TestInstallReleaseTakesOnlyWhatIsSigned_OP_1(t *testing.T) {
	need(t, "bash", "minisign", "jq", "curl", "tar")
	for name, tc := range map[string]struct {
		manifest func(map[string]any)
		spoil    func(t *testing.T, r *release)
		says     string // "" is installed
	}{
		"good":        {},
		"another key": {spoil: func(t *testing.T, r *release) { r.key = makeRelease(t, t.TempDir()+"/9.9.9", nil).key }, says: "the manifest is not signed by"},
		"another sum": {spoil: func(_ *testing.T, r *release) { r.sum = strings.Repeat("f", 64) }, says: "and the client's file says ffff"},
		"truncated": {spoil: func(t *testing.T, r *release) {
			place(t, r.folder, "taskflow-linux-amd64.tar.gz", string(r.archive[:len(r.archive)-9]))
		}, says: "cut short or altered"},
		"manifest altered": {spoil: func(t *testing.T, r *release) {
			text, err := os.ReadFile(r.folder + "/manifest.json")
			if err != nil {
				t.Fatal(err)
			}
			place(t, r.folder, "manifest.json", string(text)+" ")
		}, says: "the manifest is not signed by"},
		"no signature":     {spoil: func(_ *testing.T, r *release) { _ = os.Remove(r.folder + "/manifest.json.minisig") }, says: "has no manifest.json.minisig"},
		"another version":  {manifest: func(m map[string]any) { m["version"] = "1.1.9" }, says: "the manifest is of version 1.1.9"},
		"development":      {manifest: func(m map[string]any) { m["development"] = true }, says: "development build"},
		"another program":  {manifest: func(m map[string]any) { m["name"] = "other" }, says: "is of other"},
		"archive unnamed":  {manifest: func(m map[string]any) { m["files"] = []any{} }, says: "(none)"},
		"archive of extra": {spoil: func(t *testing.T, r *release) { t.Helper(); *r = withExtra(t, r.folder) }, says: "holds more than the program"},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			r := makeRelease(t, filepath.Join(root, "var/lib/berth/releases/1.2.0"), tc.manifest)
			if tc.spoil != nil {
				tc.spoil(t, &r)
			}
			place(t, root, "install-release", serviceRaw("service/install-release"))
			got := call(t, root, nil, filepath.Join(root, "install-release"), "1.2.0", r.sum, "https://127.0.0.1:1/taskflow", r.key)
			_, err := os.Stat(filepath.Join(root, "opt/taskflow/1.2.0/taskflow"))
			if (tc.says == "") != (got.code == 0) || (tc.says == "") != (err == nil) || !strings.Contains(got.err, tc.says) {
				t.Errorf("%+v, %v; want %q", got, err, tc.says)
			}
			if left, _ := filepath.Glob(filepath.Join(root, "opt/taskflow/.new.*")); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
			if tc.says == "" {
				if again := call(t, root, nil, filepath.Join(root, "install-release"), "1.2.0", r.sum, "https://127.0.0.1:1/taskflow", r.key); again.code != 0 || again.err != "" {
					t.Errorf("a second time: %+v", again)
				}
			}
		})
	}
}

// withExtra signs an archive that holds more than the program.
func withExtra(t *testing.T, folder string) release {
	t.Helper()
	var archive bytes.Buffer
	packed := gzip.NewWriter(&archive)
	w := tar.NewWriter(packed)
	for _, name := range []string{"taskflow", "../../../etc/passwd"} {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o755}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := packed.Close(); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(archive.Bytes())
	r := makeRelease(t, folder, func(m map[string]any) {
		m["files"] = []map[string]any{{"name": "taskflow-linux-amd64.tar.gz", "sha256": hex.EncodeToString(sum[:])}}
	})
	r.sum = hex.EncodeToString(sum[:])
	place(t, folder, "taskflow-linux-amd64.tar.gz", archive.String())
	return r
}

func TestInstallReleaseDownloadsAndKeepsThree(t *testing.T) {
	need(t, "bash", "minisign", "jq", "curl", "tar")
	site := t.TempDir()
	server := httptest.NewTLSServer(http.StripPrefix("/taskflow", http.FileServer(http.Dir(site))))
	defer server.Close()
	root := t.TempDir()
	place(t, root, "install-release", serviceRaw("service/install-release"), "authority.pem", string(pemOf(server.Certificate().Raw)))
	env := []string{"CURL_CA_BUNDLE=" + filepath.Join(root, "authority.pem")}
	url := strings.Replace(server.URL, "127.0.0.1", "127.0.0.1", 1) + "/taskflow"
	install := func(version string) ran {
		r := makeRelease(t, filepath.Join(site, version), nil)
		return call(t, root, env, filepath.Join(root, "install-release"), version, r.sum, url, r.key)
	}
	if err := os.MkdirAll(filepath.Join(root, "opt/taskflow/clients"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../1.0.0", filepath.Join(root, "opt/taskflow/clients/globex")); err != nil {
		t.Fatal(err)
	}
	for _, version := range []string{"1.0.0", "1.1.0", "1.2.0", "1.3.0", "1.4.0"} {
		if got := install(version); got.code != 0 {
			t.Fatalf("%s: %+v", version, got)
		}
	}
	left, _ := filepath.Glob(filepath.Join(root, "opt/taskflow/*/taskflow"))
	for i := range left {
		left[i] = filepath.Base(filepath.Dir(left[i]))
	}
	if got := strings.Join(left, " "); got != "1.0.0 1.2.0 1.3.0 1.4.0" {
		t.Errorf("left are %s, want the three newest and the one that a client runs", got)
	}
	// The same version with other bytes, as a client's file may name after a mistake, takes the place of what lay there.
	if got := install("1.4.0"); got.code != 0 {
		t.Errorf("%+v", got)
	}
	if got := call(t, root, env, filepath.Join(root, "install-release"), "2.0.0", strings.Repeat("0", 64), url, "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3"); got.code == 0 || !strings.Contains(got.err, "cannot download") {
		t.Errorf("a release that is not there: %+v", got)
	}
	for _, args := range [][]string{{"../x", strings.Repeat("0", 64), url, "k"}, {"1.0.0", "short", url, "k"}, {"1.0.0"}} {
		if got := call(t, root, env, filepath.Join(root, "install-release"), args...); got.code == 0 {
			t.Errorf("%v: %+v", args, got)
		}
	}
}

// TestUnitsAreConfined asks systemd how far each unit is open (at most 2.0 for what serves clients), and whether it understands it.
func TestUnitsAreConfined_AC_10(t *testing.T) {
	need(t, "systemd-analyze")
	lightMachine := watching()
	lightMachine.Role = Light
	for name, d := range map[string]Description{"site": siteMachine(), "light": lightMachine} {
		t.Run(name, func(t *testing.T) { confined(t, d) })
	}
}

func confined(t *testing.T, d Description) {
	b, err := merge("host", d.service(), d.front(), d.watch())
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	for _, f := range b.Files {
		if strings.HasPrefix(f.Path, unitFolder) {
			place(t, root, f.Path, f.Content)
		}
	}
	nginx, err := os.ReadFile("/lib/systemd/system/nginx.service")
	if err != nil {
		t.Skip("nginx is not installed: tests/needs installs it")
	}
	place(t, root, "lib/systemd/system/nginx.service", string(nginx))
	for _, target := range []string{"sysinit", "basic", "network-online", "multi-user", "timers", "sockets", "shutdown"} {
		place(t, root, "lib/systemd/system/"+target+".target", "[Unit]\nDescription="+target+"\n")
	}
	exposure := regexp.MustCompile(`Overall exposure level for \S+: ([0-9.]+)`)
	levels := map[string]float64{
		"taskflow@globex.service": 2.0, "taskflow-migrate@globex.service": 2.0, "taskflow-backup@globex.service": 2.0, "berth-mail.service": 2.0, "nginx.service": 3.0,
	}
	if d.Sister != nil {
		levels["taskflow-attachments@globex.service"], levels["berth-attachments.service"] = 2.0, 2.0
	}
	for unit, most := range levels {
		out, err := exec.CommandContext(t.Context(), "systemd-analyze", "security", "--offline=yes", "--root="+root, "--no-pager", unit).CombinedOutput()
		found := exposure.FindSubmatch(out)
		if found == nil {
			t.Errorf("%s: %v: %s", unit, err, out)
			continue
		}
		level, err := strconv.ParseFloat(string(found[1]), 64)
		if err != nil || level > most {
			t.Errorf("%s is exposed at level %s, at most %.1f is allowed:\n%s", unit, found[1], most, out)
		}
		t.Logf("%s %s", unit, found[1])
	}
}

func TestUnitsAreUnderstood(t *testing.T) {
	need(t, "systemd-analyze")
	d := siteMachine()
	b, err := merge("host", d.service(), d.watch())
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	// What a unit calls has to exist for systemd to be content: it does on the machine.
	stub := regexp.MustCompile(`(?m)^(Exec\w+=[+-]?)(/\S+)`)
	var names []string
	for _, f := range b.Files {
		if !strings.HasPrefix(f.Path, unitFolder) {
			continue
		}
		name := strings.TrimPrefix(f.Path, unitFolder)
		text := stub.ReplaceAllString(f.Content, "${1}/bin/true")
		text = strings.ReplaceAll(text, "OnFailure=berth-alert@%n.service\n", "")
		place(t, folder, strings.Replace(name, "@.", "@globex.", 1), text)
		if !strings.Contains(name, "/") && !strings.HasPrefix(name, "berth-alert@") {
			names = append(names, filepath.Join(folder, strings.Replace(name, "@.", "@globex.", 1)))
		}
	}
	cmd := exec.CommandContext(t.Context(), "systemd-analyze", append([]string{"verify", "--man=no", "--generators=no"}, names...)...)
	cmd.Env = append(os.Environ(), "SYSTEMD_UNIT_PATH="+folder+":/lib/systemd/system")
	out, _ := cmd.CombinedOutput()
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "is marked executable") { // as this test placed it
			continue
		}
		if strings.Contains(line, folder) || strings.Contains(line, "taskflow") || strings.Contains(line, "berth-") {
			t.Errorf("%s", line)
		}
	}
	if len(names) < 15 {
		t.Errorf("%d units only: %v", len(names), names)
	}
}

// TestScriptsAreClean lets shellcheck read every program and step, filled in.
func TestScriptsAreClean(t *testing.T) {
	need(t, "shellcheck")
	d := siteMachine()
	host, err := merge("host", d.service(), d.front(), d.watch(), d.report())
	if err != nil {
		t.Fatal(err)
	}
	c := globex(Home)
	client, err := merge("client-globex-eu", c.instance(), c.website(), c.watched())
	if err != nil {
		t.Fatal(err)
	}
	remote, err := merge("client-globex-eu", light().instance())
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	var names []string
	add := func(name, text string) {
		place(t, folder, name, text)
		names = append(names, filepath.Join(folder, name))
	}
	for _, b := range []bundle.Bundle{host, client, remote} {
		for i, s := range b.Steps {
			add(b.Name+strconv.Itoa(len(names)+i)+s.Name, "#!/bin/bash\nset -Eeuo pipefail\n# shellcheck disable=SC2154 # from lib.sh\n"+s.Script)
		}
		for _, f := range b.Files {
			if strings.HasPrefix(f.Content, "#!/bin/bash") {
				add(strings.ReplaceAll(strings.TrimPrefix(f.Path, "/"), "/", "-"), f.Content)
			}
		}
	}
	out, err := exec.CommandContext(t.Context(), "shellcheck", append([]string{"-e", "SC1091"}, names...)...).CombinedOutput()
	if err != nil {
		t.Errorf("%s", out)
	}
	if len(names) < 20 {
		t.Errorf("%d scripts only", len(names))
	}
}
