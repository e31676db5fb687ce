package command

import (
	"errors"
	"fmt"

	"github.com/berth-iac/berth/engine"
	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/spec"
)

// pairs is how what lies beneath a client on a pair of sites is found and judged.
type pairs struct {
	// find is the stack whose file describes the pair of that name; "" and nil where there is none.
	find   func(pair string) (stack string, sites *spec.Sites, err error)
	assess func(stack string) (*promises.Assessment, error)
}

// beneath adds to the assessment of a client on a pair of sites what the pair's own stack shows; on other stacks it does
// nothing. Without the pair's file the assessment says what is missing; a file that says something else of the pair than the
// client's is an error.
func beneath(stack string, read *spec.Spec, a *promises.Assessment, p pairs) error {
	if read.SiteClient == nil {
		return nil
	}
	pair := read.SiteClient.Pair
	name, sites, err := p.find(pair.Name)
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
	below, err := p.assess(name)
	if err != nil {
		return fmt.Errorf("judge stack %s, which stack %s stands on: %w", name, stack, err)
	}
	a.TakeOver(name, below)
	return nil
}

// pairFinder finds pairs among the files of the folder.
func pairFinder(env Env, g *global) func(string) (string, *spec.Sites, error) {
	return func(pair string) (string, *spec.Sites, error) { return pairOf(env, g, pair) }
}

// pairOf is the stack whose file describes the pair of that name; "" and nil where there is none. A file that cannot be read
// is none of the pair's: whoever works on that stack is told of it.
func pairOf(env Env, g *global, pair string) (stack string, sites *spec.Sites, err error) {
	all, err := engine.Stacks(g.root)
	if err != nil {
		return "", nil, err
	}
	return pairAmong(env, g, all, pair)
}

// pairAmong is pairOf among certain stacks.
func pairAmong(env Env, g *global, among []string, pair string) (stack string, sites *spec.Sites, err error) {
	for _, name := range among {
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
