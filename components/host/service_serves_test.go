package host

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/berth-iac/berth/machine/bundle"
)

func TestServesFollowsTheMarks_AV_5(t *testing.T) {
	need(t, "bash")
	for name, tc := range map[string]struct {
		standing string
		marks    []string
		code     int
	}{
		"home":                       {"home", nil, 0},
		"home, its sister has taken": {"home", []string{"elsewhere"}, 1},
		"standby":                    {"standby", nil, 1},
		"standby, promoted":          {"standby", []string{"sister"}, 0},
		"standby, handing over":      {"standby", []string{"sister", "handed-back"}, 1},
		"neither":                    {"guest", nil, 255},
	} {
		root := t.TempDir()
		place(t, root, "serves", serviceRaw("service/serves"), "etc/taskflow/globex/standing", tc.standing+"\n")
		for _, mark := range tc.marks {
			place(t, root, "var/lib/berth/promoted/"+mark, "")
		}
		if got := call(t, root, nil, filepath.Join(root, "serves"), "globex"); got.code != tc.code {
			t.Errorf("%s: %+v, want %d", name, got, tc.code)
		}
	}
}

// Step 70 enables and starts the service where it serves, and takes it back where it does not; then it wants nothing more.
func TestServiceRunsWhereItServes_AV_5(t *testing.T) {
	need(t, "bash")
	for name, tc := range map[string]struct {
		standing Standing
		mark     string
		runs     bool
	}{
		"home": {Home, "", true}, "home, served elsewhere": {Home, "elsewhere", false}, "standby": {Standby, "", false}, "standby, promoted": {Standby, "sister", true},
	} {
		root := t.TempDir()
		b := globex(tc.standing).instance()
		place(t, root, "etc/taskflow/globex-eu/standing", fileOf(t, b, "/etc/taskflow/globex-eu/standing"), "lib/serves", serviceRaw("service/serves"), "lib/taskflow-digest", "#!/bin/sh\necho same\n",
			"run/taskflow-globex-eu/started", "same\n", "lib.sh", bundle.Library, "bin/curl", "#!/bin/sh\nexit 0\n", "bin/systemctl", `#!/bin/bash
verb=$1; shift
for unit; do
  case $verb:$unit in
    *:--*) if [ "$unit" = --now ]; then now=yes; fi ;;
    is-enabled:*) [ -e "$BERTH_ROOT/$unit.enabled" ] || exit 1 ;;
    is-active:*) [ -e "$BERTH_ROOT/$unit.active" ] || exit 3 ;;
    enable:*) touch "$BERTH_ROOT/$unit.enabled" ;;
    start:*|restart:*) touch "$BERTH_ROOT/$unit.active" ;;
    disable:*) rm -f "$BERTH_ROOT/$unit.enabled"; if [ -n "$now" ]; then rm -f "$BERTH_ROOT/$unit.active"; fi ;;
    *) exit 5 ;;
  esac
done
`)
		if tc.mark != "" {
			place(t, root, "var/lib/berth/promoted/"+tc.mark, "")
		}
		var script string
		for _, s := range b.Steps {
			if s.Name == "70-taskflow" {
				script = strings.NewReplacer("lib=/usr/local/lib/berth/host", "lib="+root+"/lib", "/etc/taskflow", root+"/etc/taskflow", "/run/taskflow", root+"/run/taskflow").Replace(s.Script)
			}
		}
		place(t, root, "step", script)
		step := func(action string) ran {
			return call(t, root, []string{"PATH=" + root + "/bin:" + os.Getenv("PATH")}, "bash", "-c", "set -Eeuo pipefail; . "+root+"/lib.sh; . "+root+"/step", "70-taskflow", action)
		}
		state := func() string {
			var all []string
			for _, ending := range []string{"enabled", "active"} {
				found, _ := filepath.Glob(filepath.Join(root, "taskflow@globex-eu.s*."+ending))
				all = append(all, strconv.Itoa(len(found)))
			}
			return strings.Join(all, " ")
		}
		want := map[bool]string{true: "2 2", false: "0 0"}[tc.runs]
		// From nothing, and from what a failover that nobody told this machine of has left.
		for _, before := range []bool{false, true} {
			if before {
				for _, ending := range []string{"socket.enabled", "service.enabled", "socket.active", "service.active"} {
					place(t, root, "taskflow@globex-eu."+ending, "")
				}
			}
			wanted := step("check")
			if got := step("apply"); wanted.code != 0 || got.code != 0 || state() != want {
				t.Errorf("%s: %+v, %+v, %s enabled and active, want %s", name, wanted, got, state(), want)
			}
			if got := step("check"); got.code != 0 || got.out != "" || (wanted.out != "") != (tc.runs != before) {
				t.Errorf("%s: wanted %q, and after it was applied %+v", name, wanted.out, got)
			}
		}
	}
}
