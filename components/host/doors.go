package host

import "github.com/berth-iac/berth/machine/bundle"

// doorkeeper opens and closes doors to the machine's databases; clients' bundles say which.
func (d Description) doorkeeper() bundle.Bundle {
	if d.PostgreSQL == nil || d.Sister == nil {
		return bundle.Bundle{}
	}
	files, unit := timed("berth-doors", d)
	return bundle.Bundle{
		Files: append(files,
			runnable(commands+"berth-doors", clusterText("berth-doors", nil)),
			readable(library+"bi-columns", clusterText("bi-columns", nil)),
			runnable(library+"checks/doors", clusterText("doors", nil))),
		Units: []bundle.Unit{unit},
	}
}

// breakGlassRole is the role that berth-doors gives a person: neither part can have a dot, so no two doors have the same.
func (c Client) breakGlassRole(person string) string { return "bg_" + person + "." + c.databaseName() }

// doors are those to the client's database that its file opens, on the machine that serves it.
func (c Client) doors() bundle.Bundle {
	if c.RemoteDatabase || c.Standing != Home || c.Role != Site {
		return bundle.Bundle{}
	}
	data := c.onCluster()
	var b bundle.Bundle
	var open []string
	if c.BI != nil {
		b.Files = append(b.Files, readable("/etc/berth/doors.d/"+c.Name+".bi", clusterText("door.bi", data)))
		open = append(open, "bi")
	}
	if c.BreakGlass != nil {
		b.Files = append(b.Files, readable("/etc/berth/doors.d/"+c.Name+".break-glass", clusterText("door.break-glass", data)))
		open = append(open, "break-glass")
	}
	// Without a door too: what was open before is closed by it.
	b.Steps = []bundle.Step{{Name: "65-doors-" + c.Name, Script: clusterText("step-65-doors", struct{ Doors []string }{open})}}
	return b
}
