package spec

import (
	"fmt"
	"slices"
	"strings"
)

// engineVersions are the major versions that RDS and TaskFlow both support.
var engineVersions = map[Engine][]string{
	PostgreSQL: {"14", "15", "16", "17"},
	MySQL:      {"8.0", "8.4"},
}

func (c *clientCheck) database() {
	d := c.Database
	c.machine("database.instanceClass", d.InstanceClass, databaseMachines, choose(c.Tier == Dedicated, "db.r6g.large", "db.t4g.medium"))
	c.engineVersion()
	// RDS wants room to grow of at least a tenth.
	if need := min(d.StorageGiB+(d.StorageGiB+9)/10, 65536); c.sound("database.storageGiB", "database.maxStorageGiB") && d.MaxStorageGiB < need {
		c.add("database.maxStorageGiB", show(d.MaxStorageGiB), "at least a tenth above database.storageGiB", fmt.Sprintf("set it to %d or more, or leave it out", need))
	}
	if c.strict("AV-3") && c.sound("database.multiAz") && !*d.MultiAZ {
		c.add("database.multiAz", "false", "true in production (AV-3)", "remove it")
	}
	if c.strict("BK-4") && d.PointInTimeDays < 7 {
		c.add("database.pointInTimeDays", show(d.PointInTimeDays), "at least 7 in production (BK-4)", "set it to 7 or more, or leave it out")
	}
}

func (c *clientCheck) engineVersion() {
	const path = "database.version"
	d := c.Database
	versions := engineVersions[d.Engine]
	if !c.sound("database.engine") || slices.Contains(versions, d.Version) {
		return
	}
	fix := fmt.Sprintf("write %q", versions[len(versions)-1])
	for engine, other := range engineVersions {
		if engine != d.Engine && slices.Contains(other, d.Version) {
			fix += fmt.Sprintf(", or engine: %s", engine)
		}
	}
	for _, v := range versions {
		if strings.HasPrefix(d.Version, v+".") {
			fix = fmt.Sprintf("write %q: AWS keeps the minor version up to date", v)
		}
	}
	c.add(path, show(d.Version), fmt.Sprintf("a major version of %s: %s", d.Engine, list(versions)), fix)
}

func (c *clientCheck) documents() {
	d := c.Documents
	if d == nil {
		return
	}
	c.machine("documents.instanceClass", d.InstanceClass, documentMachines, choose(c.Tier == Dedicated, "db.r6g.large", "db.t4g.medium"))
	if c.strict("AV-3") && d.Instances < 2 {
		c.add("documents.instances", show(d.Instances), "at least 2 in production (AV-3)", "set it to 2 or more, or leave it out")
	}
}

func (c *clientCheck) cache() {
	k := c.Cache
	if k == nil {
		return
	}
	c.machine("cache.nodeType", k.NodeType, cacheMachines, choose(c.Tier == Dedicated, "cache.r6g.large", "cache.t4g.small"))
	if c.strict("AV-3") && c.sound("cache.replicas") && *k.Replicas < 1 {
		c.add("cache.replicas", show(*k.Replicas), "at least 1 in production (AV-3)", "set it to 1 or more, or leave it out")
	}
}
