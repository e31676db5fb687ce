package fleet

import (
	"bufio"
	"bytes"
	"math"
	"path"
	"strconv"
	"strings"
)

// Machine is what a machine, or the container that this process runs in, has free.
type Machine struct {
	CPUs       float64
	MemoryFree uint64 // bytes; 0 when it cannot be found out
}

// ReadMachine finds out what is free: what the kernel has, and what every control group (version 2) around this process still allows.
// read reads a file, cpus is the number of processors that the process may run on.
func ReadMachine(read func(path string) ([]byte, error), cpus int) Machine {
	m := Machine{CPUs: float64(max(1, cpus))}
	if text, err := read("/proc/meminfo"); err == nil {
		m.MemoryFree = field(text, "MemAvailable:") << 10
	}
	text, err := read("/proc/self/cgroup")
	if err != nil {
		return m
	}
	for line := range strings.Lines(string(text)) {
		group, ok := strings.CutPrefix(strings.TrimSpace(line), "0::")
		if !ok {
			continue
		}
		for group = path.Join("/", group); ; group = path.Dir(group) {
			m.within(read, path.Join("/sys/fs/cgroup", group))
			if group == "/" {
				break
			}
		}
	}
	return m
}

// within narrows what is free to what one control group allows.
func (m *Machine) within(read func(path string) ([]byte, error), group string) {
	if text, err := read(path.Join(group, "cpu.max")); err == nil {
		if quota, period, ok := twoNumbers(text); ok && period > 0 {
			m.CPUs = min(m.CPUs, quota/period)
		}
	}
	limit, ok := oneNumber(read, path.Join(group, "memory.max"))
	if !ok {
		return
	}
	used, _ := oneNumber(read, path.Join(group, "memory.current"))
	if stat, err := read(path.Join(group, "memory.stat")); err == nil {
		used -= min(used, field(stat, "inactive_file")) // cached files give way
	}
	free := max(limit-min(limit, used), 1)
	if m.MemoryFree == 0 || free < m.MemoryFree {
		m.MemoryFree = free
	}
}

// field is the number after a name at the beginning of a line; 0 when there is none.
func field(text []byte, name string) uint64 {
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		if len(words) >= 2 && words[0] == name {
			n, _ := strconv.ParseUint(words[1], 10, 64)
			return n
		}
	}
	return 0
}

func oneNumber(read func(path string) ([]byte, error), file string) (uint64, bool) {
	text, err := read(file)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64) // "max" is no number, and no limit
	return n, err == nil
}

func twoNumbers(text []byte) (first, second float64, ok bool) {
	words := strings.Fields(string(text))
	if len(words) != 2 {
		return 0, 0, false
	}
	first, err := strconv.ParseFloat(words[0], 64)
	second, err2 := strconv.ParseFloat(words[1], 64)
	return first, second, err == nil && err2 == nil
}

// Budget bounds what runs at once.
type Budget struct {
	Slots      int    // stacks at once; less than 1 counts as 1
	Memory     uint64 // bytes for all of them together; 0: not bounded
	Unrecorded uint64 // bytes that one takes where nothing is recorded; 0: DefaultMemory
}

// What one stack takes where nothing is recorded, and what a stack leaves to others.
const (
	DefaultMemory = 200 << 20 // the Pulumi CLI and the program's share of this process

	memoryShare   = 0.75 // of what is free: the rest is for this process, and for what else the machine does
	busySlots     = 1.5  // per processor, for stacks that compute: while one waits for the disk, another goes on
	waitingSlots  = 4    // per processor, for stacks that mostly wait for clouds
	maxSlots      = 64   // clouds refuse who asks too much at once
	minimumMemory = 1    // never 0, which would mean no bound
)

// Budget is what a fleet's run may take of the machine. networked tells that the stacks mostly wait for clouds that are elsewhere.
func (m Machine) Budget(networked bool) Budget {
	slots := m.CPUs * busySlots
	if networked {
		slots = m.CPUs * waitingSlots
	}
	b := Budget{Slots: min(maxSlots, max(1, int(math.Ceil(slots))))}
	if m.MemoryFree > 0 {
		b.Memory = max(minimumMemory, uint64(float64(m.MemoryFree)*memoryShare))
	}
	return b
}
