package host

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/berth-iac/berth/machine/bundle"
)

// Render makes the bundle "host" of a machine.
func Render(d Description) (bundle.Bundle, error) {
	if err := d.check(); err != nil {
		return bundle.Bundle{}, fmt.Errorf("describe machine %q: %w", d.Name, err)
	}
	return merge("host",
		d.base(), d.disks(), d.accounts(), d.ssh(), d.firewall(), d.kernel(), d.auditing(), d.updates(), d.clock(), d.logs(), d.integrity(),
		d.tunnel(), d.postgres(), d.backups(), d.doorkeeper(), d.service(), d.front(), d.watch(), d.report())
}

// RenderClient makes the bundle "client-<name>" of one client on a machine.
func RenderClient(c Client) (bundle.Bundle, error) {
	if err := c.check(); err != nil {
		return bundle.Bundle{}, fmt.Errorf("describe client %q: %w", c.Name, err)
	}
	return merge("client-"+c.Name, c.database(), c.doors(), c.instance(), c.website(), c.watched())
}

// merge puts parts of a bundle together. Packages, settings and secrets may be asked for twice; files, units and steps may not.
func merge(name string, parts ...bundle.Bundle) (bundle.Bundle, error) {
	all := bundle.Bundle{Name: name}
	for _, p := range parts {
		all.Packages = append(all.Packages, p.Packages...)
		all.Files = append(all.Files, p.Files...)
		all.Units = append(all.Units, p.Units...)
		all.Steps = append(all.Steps, p.Steps...)
		all.Settings = append(all.Settings, p.Settings...)
		all.Secrets = append(all.Secrets, p.Secrets...)
	}
	for _, names := range []*[]string{&all.Packages, &all.Settings, &all.Secrets} {
		slices.Sort(*names)
		*names = slices.Compact(*names)
	}
	slices.SortFunc(all.Files, func(a, b bundle.File) int { return cmp.Compare(a.Path, b.Path) })
	slices.SortFunc(all.Units, func(a, b bundle.Unit) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(all.Steps, func(a, b bundle.Step) int { return cmp.Compare(a.Name, b.Name) })
	var errs []error
	for i := 1; i < len(all.Files); i++ {
		if all.Files[i].Path == all.Files[i-1].Path {
			errs = append(errs, fmt.Errorf("bundle %s: file %s is written twice", name, all.Files[i].Path))
		}
	}
	for i := 1; i < len(all.Units); i++ {
		if all.Units[i].Name == all.Units[i-1].Name {
			errs = append(errs, fmt.Errorf("bundle %s: unit %s is set twice", name, all.Units[i].Name))
		}
	}
	for i := 1; i < len(all.Steps); i++ {
		if all.Steps[i].Name == all.Steps[i-1].Name {
			errs = append(errs, fmt.Errorf("bundle %s: step %s is written twice", name, all.Steps[i].Name))
		}
	}
	return all, errors.Join(errs...)
}
