package fleet_test

import (
	"io/fs"
	"testing"

	"github.com/berth-iac/berth/fleet"
)

func TestReadMachine(t *testing.T) {
	const meminfo = "MemTotal:       8000000 kB\nMemFree:         100000 kB\nMemAvailable:   4000000 kB\n"
	for name, tc := range map[string]struct {
		files map[string]string
		cpus  int
		want  fleet.Machine
	}{
		"nothing_known": {nil, 2, fleet.Machine{CPUs: 2}},
		"no_processors": {nil, 0, fleet.Machine{CPUs: 1}},
		"no_groups":     {map[string]string{"/proc/meminfo": meminfo}, 4, fleet.Machine{CPUs: 4, MemoryFree: 4000000 << 10}},
		"no_limits": {map[string]string{"/proc/meminfo": meminfo, "/proc/self/cgroup": "0::/\n",
			"/sys/fs/cgroup/cpu.max": "max 100000\n", "/sys/fs/cgroup/memory.max": "max\n"}, 4, fleet.Machine{CPUs: 4, MemoryFree: 4000000 << 10}},
		"container": {map[string]string{"/proc/meminfo": meminfo, "/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/cpu.max": "150000 100000\n",
			"/sys/fs/cgroup/memory.max": "1000000000\n", "/sys/fs/cgroup/memory.current": "600000000\n",
			"/sys/fs/cgroup/memory.stat": "anon 300000000\nfile 300000000\ninactive_file 200000000\n"}, 4, fleet.Machine{CPUs: 1.5, MemoryFree: 600000000}},
		"a_group_around_it_is_narrower": {map[string]string{"/proc/meminfo": meminfo, "/proc/self/cgroup": "1:name=systemd:/x\n0::/ci/job\n",
			"/sys/fs/cgroup/ci/job/memory.max": "900000000\n", "/sys/fs/cgroup/ci/memory.max": "500000000\n", "/sys/fs/cgroup/ci/memory.current": "100000000\n",
			"/sys/fs/cgroup/ci/cpu.max": "100000 100000\n"}, 8, fleet.Machine{CPUs: 1, MemoryFree: 400000000}},
		"full": {map[string]string{"/proc/meminfo": meminfo, "/proc/self/cgroup": "0::/\n",
			"/sys/fs/cgroup/memory.max": "1000\n", "/sys/fs/cgroup/memory.current": "2000\n"}, 1, fleet.Machine{CPUs: 1, MemoryFree: 1}},
		"outside_its_namespace": {map[string]string{"/proc/self/cgroup": "0::/../../x\n", "/sys/fs/cgroup/x/memory.max": "7000\n"}, 1, fleet.Machine{CPUs: 1, MemoryFree: 7000}},
		"nonsense":              {map[string]string{"/proc/meminfo": "MemAvailable: much kB", "/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/cpu.max": "1 0\n"}, 3, fleet.Machine{CPUs: 3}},
	} {
		t.Run(name, func(t *testing.T) {
			got := fleet.ReadMachine(func(path string) ([]byte, error) {
				if text, ok := tc.files[path]; ok {
					return []byte(text), nil
				}
				return nil, fs.ErrNotExist
			}, tc.cpus)
			if got != tc.want {
				t.Errorf("%+v, want %+v", got, tc.want)
			}
		})
	}
}

func TestBudget(t *testing.T) {
	for name, tc := range map[string]struct {
		machine   fleet.Machine
		networked bool
		slots     int
		memory    uint64
	}{
		"two_processors":   {fleet.Machine{CPUs: 2, MemoryFree: 4 << 30}, false, 3, 3 << 30},
		"waiting":          {fleet.Machine{CPUs: 2, MemoryFree: 4 << 30}, true, 8, 3 << 30},
		"half_a_processor": {fleet.Machine{CPUs: 0.5, MemoryFree: 400}, false, 1, 300},
		"nothing_free":     {fleet.Machine{CPUs: 1, MemoryFree: 1}, false, 2, 1},
		"memory_unknown":   {fleet.Machine{CPUs: 1}, false, 2, 0},
		"large":            {fleet.Machine{CPUs: 128, MemoryFree: 1 << 40}, true, 64, 3 << 38},
	} {
		if b := tc.machine.Budget(tc.networked); b.Slots != tc.slots || b.Memory != tc.memory {
			t.Errorf("%s: %+v, want %d and %d", name, b, tc.slots, tc.memory)
		}
	}
}
