package tenancy

// DieAt makes changes panic at a step, as a kill would stop them.
func (d *Directory) DieAt(crash func(step string)) { d.disk.crash = crash }
