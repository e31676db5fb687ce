package spec

import (
	"regexp"
	"slices"
	"strings"
)

// catalogue are the machines of one AWS service that a spec may name: what is
// sold today, encrypts its disks and memory, and fits the way Berth uses it.
type catalogue struct {
	name, prefix    string
	burstable       []string // families that earn CPU credits: no match for the dedicated tier (AV-8)
	burstableSizes  []string
	families, sizes []string
}

var larger = []string{"large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge", "24xlarge"}

var (
	serviceMachines = catalogue{
		name: "instance types", burstable: []string{"t3", "t3a"},
		burstableSizes: []string{"micro", "small", "medium", "large", "xlarge", "2xlarge"},
		families: []string{
			"m5", "m5a", "m5n", "m6a", "m6i", "m6in", "m7a", "m7i", "m7i-flex", "c5", "c5a", "c5n", "c6a", "c6i", "c6in", "c7a", "c7i", "c7i-flex",
			"r5", "r5a", "r5n", "r6a", "r6i", "r6in", "r7a", "r7i",
		},
		sizes: append([]string{"9xlarge", "18xlarge", "32xlarge", "48xlarge"}, larger...),
	}
	databaseMachines = catalogue{
		name: "database classes", prefix: "db.", burstable: []string{"t3", "t4g"},
		burstableSizes: []string{"micro", "small", "medium", "large", "xlarge", "2xlarge"},
		families:       []string{"m5", "m6g", "m6i", "m7g", "m7i", "m8g", "r5", "r6g", "r6i", "r7g", "r7i", "r8g"},
		sizes:          append([]string{"32xlarge", "48xlarge"}, larger...),
	}
	documentMachines = catalogue{
		name: "DocumentDB classes", prefix: "db.", burstable: []string{"t3", "t4g"}, burstableSizes: []string{"medium"},
		families: []string{"r5", "r6g", "r8g"}, sizes: larger,
	}
	cacheMachines = catalogue{
		name: "ElastiCache node types", prefix: "cache.", burstable: []string{"t3", "t4g"}, burstableSizes: []string{"micro", "small", "medium"},
		families: []string{"m5", "m6g", "m7g", "r5", "r6g", "r7g"}, sizes: larger,
	}
)

// arm64 are families whose processors are AWS's own: a letter g after the generation.
var arm64 = regexp.MustCompile(`^(a1|[a-z]+[0-9]+[a-z]*g[a-z]*)$`)

// machine judges the name of a machine. The path is relative to the spec, usual what a tier gets by default.
func (c *clientCheck) machine(path, value string, in catalogue, usual string) {
	family, size, _ := strings.Cut(strings.TrimPrefix(value, in.prefix), ".")
	fix := "write " + usual
	if !c.sound("tier") {
		fix = "choose another"
	}
	burstable := slices.Contains(in.burstable, family)
	switch {
	case in.prefix == "" && arm64.MatchString(family):
		c.add(path, show(value), "an x86_64 machine, as the image is", fix+", or another x86_64 type")
	case !burstable && !slices.Contains(in.families, family):
		c.add(path, show(value), "one of the "+in.name+" "+strings.Join(slices.Concat(in.burstable, in.families), ", "), fix)
	case burstable && !slices.Contains(in.burstableSizes, size):
		c.add(path, show(value), family+" in one of the sizes "+strings.Join(in.burstableSizes, ", "), fix)
	case !burstable && !slices.Contains(in.sizes, size):
		c.add(path, show(value), family+" in one of the sizes "+strings.Join(in.sizes, ", "), fix)
	case burstable && c.sound("tier") && c.Tier == Dedicated:
		c.add(path, show(value), "no burstable machine in the dedicated tier (AV-8)", fix+", or tier: standard")
	}
}
