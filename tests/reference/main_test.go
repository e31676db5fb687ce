package reference_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/berth-iac/berth/engine"
)

// childVariable makes the test binary do one run and report its steps, so that a test can kill a whole process.
const childVariable = "BERTH_REFERENCE_CHILD"

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
	stack, err := engine.Open(ctx, options(".", "prod", path))
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
