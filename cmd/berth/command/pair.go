package command

import (
	"errors"
	"fmt"

	"github.com/berth-iac/berth/engine"
	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/spec"
)

// beneath adds to the assessment of a client on a pair of sites what the pair's own stack shows; on other stacks it does
// nothing. assess judges a stack. Without the pair's file the assessment says what is missing; a file that says something else
// of the pair than the client's is an error.
func beneath(env Env, g *global, stack string, read *spec.Spec, a *promises.Assessment, assess func(stack string) (*promises.Assessment, error)) error {
	if read.SiteClient == nil {
		return nil
	}
	pair := read.SiteClient.Pair
	name, sites, err := pairOf(env, g, pair.Name)
	if err != nil {
		return err
	}
	if sites == nil {
		a.Warnings = append(a.Warnings, fmt.Sprintf("no file here describes the pair of sites %s: what its own stack shows, such as backups and mirrored disks, is not said here; "+
			"put its Pulumi.<stack>.yaml beside Pulumi.%s.yaml", pair.Name, stack))
		return nil
	}
	if err := promises.Agree("Pulumi."+stack+".yaml", pair, "Pulumi."+name+".yaml", sites); err != nil {
		return fmt.Errorf("stack %s is on the pair of sites of stack %s, and their files disagree:\n%w", stack, name, err)
	}
	below, err := assess(name)
	if err != nil {
		return fmt.Errorf("judge stack %s, which stack %s stands on: %w", name, stack, err)
	}
	a.TakeOver(name, below)
	return nil
}

// pairOf is the stack whose file describes the pair of that name; "" and nil where there is none. A file that cannot be read
// is none of the pair's: whoever works on that stack is told of it.
func pairOf(env Env, g *global, pair string) (stack string, sites *spec.Sites, err error) {
	all, err := engine.Stacks(g.root)
	if err != nil {
		return "", nil, err
	}
	for _, name := range all {
		read, err := readSpec(env, g, name)
		if err != nil || read.Sites == nil || read.Sites.Name != pair {
			continue
		}
		if sites != nil {
			return "", nil, errors.New("Pulumi." + stack + ".yaml and Pulumi." + name + ".yaml both describe the pair of sites " + pair + ": give one of them another berth:spec.name")
		}
		stack, sites = name, read.Sites
	}
	return stack, sites, nil
}
