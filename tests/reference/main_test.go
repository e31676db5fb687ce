package reference_test

import (
	"context"
	"fmt"
	"os"
	"syscall"
	"testing"

	"github.com/berth-iac/berth/engine"
	"github.com/berth-iac/berth/localcloud"
)

// childVariable makes the test binary do one run and report its steps, so that a test can kill a whole process.
// faultVariable holds a fault for the child's cloud; where it says so, the child kills itself.
const (
	childVariable = "BERTH_REFERENCE_CHILD"
	faultVariable = "BERTH_REFERENCE_FAULT"
)

func TestMain(m *testing.M) {
	if operation := os.Getenv(childVariable); operation != "" {
		os.Exit(child(engine.Operation(operation)))
	}
	code := m.Run()
	if err := removeShared(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// child runs one operation on the stack prod in the working directory, and prints a line for each step that ended.
func child(operation engine.Operation) int {
	ctx := context.Background()
	path, err := findCLI(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	o := options(".", "prod", path)
	if text := os.Getenv(faultVariable); text != "" {
		fault, err := localcloud.ParseFault(text)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		o.Cloud.Faults = []localcloud.Fault{fault}
		o.Cloud.Crash = func(string) { _ = syscall.Kill(os.Getpid(), syscall.SIGKILL) }
	}
	stack, err := engine.Open(ctx, o)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	run := engine.RunOptions{Progress: func(e engine.Event) {
		if e.Ended != nil {
			fmt.Println(e.Ended.Op, e.Ended.Name)
		}
	}}
	switch operation {
	case engine.Up:
		_, err = stack.Up(ctx, engine.ChangeOptions{RunOptions: run, Reviewed: &engine.Result{}})
	case engine.Destroy:
		_, err = stack.Destroy(ctx, engine.ChangeOptions{RunOptions: run, Confirm: []string{"prod"}, Lift: leaving})
	case engine.Preview:
		_, err = stack.Preview(ctx, run)
	default:
		err = fmt.Errorf("no operation %q", operation)
	}
	if closeErr := stack.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
