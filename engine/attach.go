package engine

import (
	"context"
	"errors"
	"strings"
)

// debugProviders is the variable that names running providers to the Pulumi CLI: package:port, with commas between.
const debugProviders = "PULUMI_DEBUG_PROVIDERS"

// Attached are running providers that the engine is told of, in place of such as it would start.
type Attached interface {
	Providers() string // as debugProviders has them
	Close() error
}

// Attach starts providers, or finds them running.
type Attach func(context.Context) (Attached, error)

// And attaches what others attach, too. Each may be nil.
func (a Attach) And(other Attach) Attach {
	switch {
	case a == nil:
		return other
	case other == nil:
		return a
	}
	return func(ctx context.Context) (Attached, error) {
		first, err := a(ctx)
		if err != nil {
			return nil, err
		}
		second, err := other(ctx)
		if err != nil {
			return nil, errors.Join(err, first.Close())
		}
		return both{first, second}, nil
	}
}

type both [2]Attached

func (b both) Providers() string { return b[0].Providers() + "," + b[1].Providers() }

func (b both) Close() error { return errors.Join(b[0].Close(), b[1].Close()) }

// Peak is what those hold at most that know it, in bytes.
func (b both) Peak() uint64 {
	held := uint64(0)
	for _, a := range b {
		if known, ok := a.(interface{ Peak() uint64 }); ok {
			held += known.Peak()
		}
	}
	return held
}

// beside adds providers to those that the user has named. Where both have a package, the user's counts: somebody is looking for a
// fault in it.
func beside(users, ours string) string {
	all := strings.FieldsFunc(users, func(r rune) bool { return r == ',' })
	named := map[string]bool{}
	for _, entry := range all {
		pkg, _, _ := strings.Cut(entry, ":")
		named[strings.TrimSpace(pkg)] = true
	}
	for entry := range strings.SplitSeq(ours, ",") {
		if pkg, _, _ := strings.Cut(entry, ":"); entry != "" && !named[pkg] {
			all = append(all, entry)
		}
	}
	return strings.Join(all, ",")
}
