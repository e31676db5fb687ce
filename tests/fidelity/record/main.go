// Command record asks the real AWS provider all cases of the fidelity corpus and
// writes its answers to tests/fidelity/testdata/recorded. It needs the plugin
// pulumi-resource-aws on PATH and, for it, the Terraform AWS provider
// (TF_AWS_PROVIDER). No account is needed and no network is used.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"sync"
	"syscall"
	"time"

	"github.com/berth-iac/berth/tests/fidelity"
)

func main() {
	dir := flag.String("testdata", "tests/fidelity/testdata", "where bases.jsonl and recorded/ are")
	only := flag.String("only", "", "the types to record, as a regular expression; the others stay")
	flag.Parse()
	// Whoever interrupts the recording ends the plugins with it.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *dir, *only); err != nil {
		fmt.Fprintln(os.Stderr, "record:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, dir, only string) error {
	form, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	bases, err := fidelity.ReadBases(dir)
	if err != nil {
		return err
	}
	plugin, err := fidelity.FindPlugin(os.Environ())
	if err != nil {
		return err
	}
	begin := time.Now()
	wanted := func(b *fidelity.Base) bool { return form.MatchString(b.Type) }
	var writing sync.Mutex
	var unwritten error
	cases, problems := fidelity.Record(ctx, plugin, bases, wanted, func(b *fidelity.Base, cases []fidelity.Case) {
		writing.Lock()
		defer writing.Unlock()
		if ctx.Err() != nil {
			return // half an answer is none
		}
		fmt.Printf("%4ds %s %s: %d\n", int(time.Since(begin).Seconds()), b.Type, b.Name, len(cases))
		unwritten = errors.Join(unwritten, fidelity.WriteRecorded(filepath.Join(dir, "recorded"), bases, cases))
	})
	for _, p := range problems {
		fmt.Fprintln(os.Stderr, "record:", p)
	}
	fmt.Printf("%d cases of %d resources in %s\n", len(cases), len(bases), time.Since(begin).Round(time.Second))
	return unwritten
}
