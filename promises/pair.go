package promises

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/berth-iac/berth/spec"
)

// TakeOver adds what the stack of a pair of sites shows to the assessment of a client on it: a client's promises rest on
// machines that another stack makes. A promise that both judge stands as the worse of the two. Each finding that is taken over
// names the stack; waivers are those of the stack that the finding was made in.
func (a *Assessment) TakeOver(stack string, pair *Assessment) {
	for i := range a.Promises {
		own := &a.Promises[i]
		other, known := pair.Result(own.ID)
		if !known || len(other.Findings) == 0 || own.Verdict == ClientsDuty || own.Verdict == NotApplicable {
			continue
		}
		own.From = append(own.From, stack)
		for _, f := range other.Findings {
			f.Resource = stack + ": " + f.Resource
			own.Findings = append(own.Findings, f)
		}
		if own.Verdict == NotShown || strength[other.Verdict] < strength[own.Verdict] {
			own.Verdict, own.Why = other.Verdict, ""
		}
	}
	for _, warning := range pair.Warnings {
		a.Warnings = append(a.Warnings, "stack "+stack+": "+warning)
	}
}

// Agree holds what a client's file says of its pair of sites against the pair's own. The error names every disagreement with
// both places.
func Agree(clientFile string, client spec.Pair, pairFile string, pair *spec.Sites) error {
	var errs []error
	differ := func(key, said, other, found string) {
		if said != found {
			errs = append(errs, fmt.Errorf("%s: berth:spec.pair.%s is %q, but %s: berth:spec.%s is %q; set both to what is true",
				clientFile, key, said, pairFile, other, found))
		}
	}
	for _, side := range []struct {
		key  string
		site spec.ClientSite
	}{{"home", client.Home}, {"standby", client.Standby}} {
		i := slices.IndexFunc(pair.Sites, func(s spec.Site) bool { return s.Name == side.site.Name })
		if i < 0 {
			errs = append(errs, fmt.Errorf("%s: berth:spec.pair.%s.name is %q, but %s has no such site under berth:spec.sites; set it to one of them",
				clientFile, side.key, side.site.Name, pairFile))
			continue
		}
		site, place := pair.Sites[i], fmt.Sprintf("sites[%d].", i)
		differ(side.key+".country", side.site.Country, place+"country", site.Country)
		said := side.site.Machine
		switch {
		case site.Machine != nil:
			m := *site.Machine
			differ(side.key+".machine.address", said.Address, place+"machine.address", m.Address)
			differ(side.key+".machine.port", port(said.Port), place+"machine.port", port(m.Port))
			differ(side.key+".machine.hostKey", said.HostKey, place+"machine.hostKey", m.HostKey)
		case site.Hetzner != nil && site.Hetzner.HostKey != "":
			differ(side.key+".machine.hostKey", said.HostKey, place+"hetzner.hostKey", site.Hetzner.HostKey)
		}
	}
	if third := pair.Backup.ThirdPlace; third != nil {
		differ("thirdPlace", client.ThirdPlace, "backup.thirdPlace.country", third.Country)
	}
	return errors.Join(errs...)
}

func port(n int) string { return fmt.Sprint(cmp.Or(n, 22)) }
