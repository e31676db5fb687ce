package fidelity

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/berth-iac/berth/localcloud/catalogue"
)

// ReadBases reads bases.jsonl of a folder.
func ReadBases(dir string) ([]*Base, error) {
	return ReadLines[*Base](filepath.Join(dir, "bases.jsonl"))
}

// Record makes the cases of the bases that are wanted, some at a time, and tells of each. What could not be asked
// comes as problems. The cases come in the order of the bases.
func Record(ctx context.Context, plugin Plugin, bases []*Base, wanted func(*Base) bool, tell func(b *Base, cases []Case)) ([]Case, []error) {
	made, failed := make([][]Case, len(bases)), make([]error, len(bases))
	next := make(chan int)
	var group sync.WaitGroup
	for range atOnce {
		group.Go(func() {
			running := plugin.start()
			m := &Maker{Catalogue: catalogue.Embedded(), Bases: bases, Real: running}
			for i := range next {
				var err error
				if made[i], err = m.Make(ctx, bases[i]); err != nil {
					failed[i] = fmt.Errorf("%s %s: %w", bases[i].Type, bases[i].Name, err)
				}
				tell(bases[i], made[i])
			}
			running.stop()
		})
	}
	for i, b := range bases {
		if wanted(b) {
			next <- i
		}
	}
	close(next)
	group.Wait()
	return slices.Concat(made...), slices.DeleteFunc(failed, func(err error) bool { return err == nil })
}

// atOnce is how many bases are asked about at the same time: some plans wait for services that are not there.
const atOnce = 3

// service is the part of a token that its recorded answers are filed under.
func service(token string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(token, "aws:"), "/")
	return name
}

// WriteRecorded writes cases, a file for each service, in the order of the bases. The recorded cases of other bases
// stay; those of bases that are no more go.
func WriteRecorded(dir string, bases []*Base, cases []Case) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	had, err := ReadRecorded(dir)
	if err != nil {
		return err
	}
	old, made := map[string][]Case{}, map[string][]Case{}
	for _, c := range had {
		old[c.Type+" "+c.Base] = append(old[c.Type+" "+c.Base], c)
	}
	for _, c := range cases {
		made[c.Type+" "+c.Base] = append(made[c.Type+" "+c.Base], c)
	}
	files := map[string][]Case{}
	for _, b := range bases {
		name := b.Type + " " + b.Name
		if made[name] == nil {
			made[name] = old[name]
		}
		files[service(b.Type)] = append(files[service(b.Type)], made[name]...)
	}
	for name, cases := range files {
		text, err := Lines(cases)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name+".jsonl"), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}
